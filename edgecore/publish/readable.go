package publish

import (
	"fmt"
	"runtime/debug"

	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// decodeCost is how many bytes of memory a stored byte may take while it is
// decoded, at worst, by format. Answers of evaluated/1 are not decoded.
var decodeCost = map[snapshot.Format]int64{snapshot.Rules1: 100, snapshot.Definitions1: 32}

// leastDecoded is how many bytes are decoded in any case.
const leastDecoded = 1 << 20

// readable returns an error for a snapshot that would take more memory than the
// process has. The process cannot have written it: its own definitions have a
// bound (upstream.max_bytes), and a snapshot of them is not larger.
func readable(stored []byte, format snapshot.Format) error {
	cost := decodeCost[format]
	if cost == 0 {
		return nil
	}
	if most := max(debug.SetMemoryLimit(-1)/cost, leastDecoded); int64(len(stored)) > most {
		return fmt.Errorf("%w: it has %d bytes, %d is what this process can decode of %s with its memory",
			snapshot.ErrForeign, len(stored), most, format)
	}
	return nil
}

package snapshot

import (
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/parse"
)

// Decode reads a stored snapshot back into a program, with its problems. An
// evaluated snapshot holds answers and no program: that is an error, like bytes
// that Open refuses.
func Decode(stored []byte) (*eval.Program, Meta, error) {
	meta, err := Open(stored)
	if err != nil {
		return nil, meta, err
	}
	switch meta.Format {
	case Rules1:
		p, err := rules.Decode([]byte(gjson.GetBytes(stored, "rules").Raw))
		return p, meta, err
	case Definitions1:
		d, err := parse.Definitions(stored, meta.Environment)
		if err != nil {
			return nil, meta, err
		}
		p, _ := compile.Program(d)
		return p, meta, nil
	case Evaluated1:
		return nil, meta,
			fmt.Errorf("decode snapshot: %s holds answers for one context, from which no other can be computed",
				meta.Format)
	default:
		return nil, meta,
			fmt.Errorf("decode snapshot: format %q is not one of %q: a newer flagcast may have written it", meta.Format,
				Formats())
	}
}

package bundles

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Budget is what a script may be and cost.
type Budget struct {
	// Size is what the script must be smaller than, in bytes; 0: off.
	Size int
	// Gzip says that the platform counts the bytes after gzip.
	Gzip bool
	// CPU is the limit for one request, Startup that for the script before the
	// first one; 0: off. A PoP is slower than the machine that measures, so
	// that half of each is what may be measured.
	CPU, Startup time.Duration
}

// Budget returns the limits of the platform, of its smallest plan where it has
// several.
//
// EdgeRoutine: a script is smaller than 1 MB, a request takes less than 50 ms
// (Alibaba's page on EdgeRoutine; DCDN sells 5, 50 and 100 ms). ESA: smaller
// than 5 MB (Alibaba's guide for its command line). Neither has a published
// limit for the start, which the first request may have to pay. Cloudflare: 3
// MB after gzip and 10 ms for the free plan, 1 s for the start (its page on the
// limits of Workers; its newest copy has 64 MiB without gzip).
func (p Platform) Budget() Budget {
	switch p {
	case EdgeRoutine:
		return Budget{Size: 1_000_000, CPU: 50 * time.Millisecond, Startup: 50 * time.Millisecond}
	case ESA:
		return Budget{Size: 5_000_000, CPU: 50 * time.Millisecond, Startup: 50 * time.Millisecond}
	case Cloudflare:
		return Budget{Size: 3_000_000, Gzip: true, CPU: 10 * time.Millisecond, Startup: time.Second}
	default:
		return Budget{}
	}
}

// Specification names what the platform's Budget is of.
func (p Platform) Specification() string {
	return map[Platform]string{EdgeRoutine: "DCDN, 50 ms", ESA: "ESA functions", Cloudflare: "Workers, free plan"}[p]
}

// Override changes a budget by text such as "size=1MB,cpu=50ms,startup=off", or
// "off" for all.
func (b Budget) Override(text string) (Budget, error) {
	if text == "off" {
		return Budget{}, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "size":
			b.Size, err = parseSize(value)
		case "cpu":
			b.CPU, err = parseTime(value)
		case "startup":
			b.Startup, err = parseTime(value)
		default:
			err = errors.New("it is none of size, cpu, startup")
		}
		if err != nil {
			return b, fmt.Errorf("%q: %w", part, err)
		}
	}
	return b, nil
}

func parseTime(text string) (time.Duration, error) {
	if text == "off" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("it must be a time such as 50ms, or off")
	}
	return d, nil
}

// units are of bytes, the longest first.
var units = []struct {
	name string
	of   float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"B", 1}, {"", 1}}

func parseSize(text string) (int, error) {
	if text == "off" {
		return 0, nil
	}
	for _, unit := range units {
		if number, ok := strings.CutSuffix(text, unit.name); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if size := n * unit.of; err == nil && size >= 1 && size < 1<<40 {
				return int(size), nil
			}
			break
		}
	}
	return 0, errors.New("it must be a size such as 1MB, 512KiB or 1000000, or off")
}

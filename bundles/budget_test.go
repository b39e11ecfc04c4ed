package bundles_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/bundles"
)

func TestBudgetOverride(t *testing.T) {
	usual := bundles.EdgeRoutine.Budget()
	for text, want := range map[string]bundles.Budget{
		"off":                               {},
		"size=2MB":                          {Size: 2_000_000, CPU: usual.CPU, Startup: usual.Startup},
		"size=1.5 MiB,cpu=100ms":            {Size: 3 << 19, CPU: 100 * time.Millisecond, Startup: usual.Startup},
		"size=512KiB,startup=1s,cpu=off":    {Size: 512 << 10, Startup: time.Second},
		"size=999999,startup=off,cpu=0.5ms": {Size: 999_999, CPU: 500 * time.Microsecond},
		"size=off":                          {CPU: usual.CPU, Startup: usual.Startup},
	} {
		got, err := usual.Override(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"size":         "it must be a size",
		"size=1GB":     "it must be a size",
		"size=-1":      "it must be a size",
		"size=0.1":     "it must be a size",
		"cpu=50":       "it must be a time",
		"cpu=0s":       "it must be a time",
		"startup=-1ms": "it must be a time",
		"memory=1":     "none of size, cpu, startup",
		"cpu=1ms,":     "none of size, cpu, startup",
		"":             "none of size, cpu, startup",
	} {
		if _, err := usual.Override(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestEveryPlatformHasABudget: none is forgotten, and none of it is off.
func TestEveryPlatformHasABudget(t *testing.T) {
	for _, p := range bundles.Platforms() {
		if b := p.Budget(); b.Size == 0 || b.CPU == 0 || b.Startup == 0 {
			t.Errorf("%s: %+v", p, b)
		}
	}
}

package memory_test

import (
	"testing"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/memory"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

func TestContract(t *testing.T) {
	sinktest.Run(t, func(*testing.T) sinks.Sink { return memory.WithLimit(0) }, sinktest.Options{})
}

func TestContractWithLimit(t *testing.T) {
	open := func(t *testing.T) sinks.Sink {
		s, err := memory.New(memory.Config{MaxBytes: 1000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sinktest.Run(t, open, sinktest.Options{})
}

func TestCheckNamesTheSetting(t *testing.T) {
	errs := (&memory.Config{MaxBytes: -1}).Check()
	if len(errs) != 1 || errs[0].Error() != "max_bytes: is below 0; leave it out for no limit" {
		t.Errorf("got %v", errs)
	}
}

package snapshot

import (
	"fmt"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
)

// OnFlags names the flags of a stored snapshot that some request at a time may
// find on: by the answers of evaluated/1, by the program of rules/1 and
// definitions/1 (eval.Program.MayBeOn). An error is that of Decode.
func OnFlags(stored []byte, at time.Time) (map[string]bool, error) {
	meta, err := Open(stored)
	if err != nil {
		return nil, err
	}
	if meta.Format == Evaluated1 {
		return enabledToggles(stored), nil
	}
	p, _, err := Decode(stored)
	if err != nil {
		return nil, fmt.Errorf("read the flags that are on: %w", err)
	}
	return onByProgram(p, at, nil), nil
}

// On names the flags of the snapshot that some request may find on, as
// OnFlags does.
func (s *Snapshot) On(at time.Time) map[string]bool {
	if s.spec.Format == Evaluated1 {
		return enabledToggles(s.content)
	}
	return onByProgram(s.program, at, s.selected)
}

func enabledToggles(document []byte) map[string]bool {
	on := map[string]bool{}
	gjson.GetBytes(document, "toggles").ForEach(func(_, toggle gjson.Result) bool {
		if toggle.Get("enabled").Bool() {
			on[toggle.Get("name").Str] = true
		}
		return true
	})
	return on
}

// onByProgram looks at the flags that are selected, nil for all.
func onByProgram(p *eval.Program, at time.Time, selected map[string]bool) map[string]bool {
	on := map[string]bool{}
	mayBeOn := compile.MayBeOn(p, at)
	for i, f := range p.Flags() {
		if mayBeOn[i] && !f.Hidden && (selected == nil || selected[f.Name]) {
			on[f.Name] = true
		}
	}
	return on
}

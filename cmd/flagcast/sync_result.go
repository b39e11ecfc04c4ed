package main

import (
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

// newResult makes the report of one key.
func newResult(core *app.App, t *publish.Target, out publish.Outcome, verified bool) report.Result {
	made := report.Result{
		Target: out.Target, Sink: out.Sink, Key: out.Key, Action: out.Action,
		Digest: out.Digest, Seq: out.Seq, Before: out.Before, Bytes: out.Bytes, Limit: t.Sink.Limits().ValueBytes,
		Verified: verified && out.Err == nil, Changes: []report.Change{}, Text: out.Text,
		ConfigArgument: core.ConfigFile.Argument(),
	}
	for _, c := range out.Changes {
		made.Changes = append(made.Changes, report.Change{Sign: c.Sign, Flag: c.Flag, Text: c.Text})
	}
	if out.Err != nil {
		made.Error, made.Hint = out.Err.Error(), sinks.Hint(out.Err)
	}
	return made
}

// addDryRun adds to a report what only a dry run says: answers that the static
// context fixes, and identifiers that the snapshot holds in clear.
func addDryRun(result *report.Result, core *app.App, t *publish.Target) {
	result.DryRun = true
	st, err := core.Store.Load(t.Environment)
	if err != nil {
		return
	}
	for i := range t.Outputs {
		if t.Outputs[i].Key != result.Key {
			continue
		}
		spec := &t.Outputs[i].Spec
		for _, f := range flagdiff.FixedAnswers(st.Program, spec, time.Now()) {
			result.Frozen = append(result.Frozen, f.String())
		}
		for _, h := range flagdiff.CountIdentifiers(st.Definitions, st.Program, spec) {
			result.InClear = append(result.InClear, h.String())
		}
	}
}

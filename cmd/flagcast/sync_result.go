package main

import (
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

// result makes the report of one key.
func (r *syncRun) result(t *publish.Target, out publish.Outcome, verified bool) report.Result {
	made := report.Result{
		Target: out.Target, Sink: out.Sink, Key: out.Key, Action: out.Action, DryRun: r.flags.dryRun,
		Digest: out.Digest, Seq: out.Seq, Before: out.Before, Bytes: out.Bytes, Limit: t.Sink.Limits().ValueBytes,
		Verified: verified && out.Err == nil, Changes: []report.Change{}, Text: out.Text, ConfigArgument: r.core.ConfigFile.Argument(),
	}
	for _, c := range out.Changes {
		made.Changes = append(made.Changes, report.Change{Sign: c.Sign, Flag: c.Flag, Text: c.Text})
	}
	if out.Err != nil {
		made.Error, made.Hint = out.Err.Error(), sinks.Hint(out.Err)
	}
	if st, err := r.core.Store.Load(t.Environment); err == nil && r.flags.dryRun {
		for i := range t.Outputs {
			if spec := &t.Outputs[i].Spec; t.Outputs[i].Key == out.Key {
				for _, f := range flagdiff.FixedAnswers(st.Program, spec, time.Now()) {
					made.Frozen = append(made.Frozen, f.String())
				}
				for _, h := range flagdiff.CountIdentifiers(st.Definitions, st.Program, spec) {
					made.InClear = append(made.InClear, h.String())
				}
			}
		}
	}
	return made
}

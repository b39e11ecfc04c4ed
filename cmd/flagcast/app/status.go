package app

import (
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/publish"
)

// Report is the report of a running core. private says that only its owner can
// ask for it; others get no texts of errors.
func (c *App) Report(publishers []*publish.Publisher, private bool) *report.Targets {
	r := &report.Targets{
		From: "core", Targets: []publish.Status{}, Redacted: !private, Upstreams: c.upstreams(private, time.Now()),
	}
	for _, p := range publishers {
		s := p.Status()
		if !private {
			s = s.Redacted()
		}
		r.Targets = append(r.Targets, s)
	}
	return r
}

package app

import (
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/report"
)

// upstreams returns the status of each environment. private says that only the
// owner of the process can ask for it; others get no texts of errors.
func (c *App) upstreams(private bool, now time.Time) []report.Upstream {
	list := []report.Upstream{}
	for _, env := range c.Followed() {
		feed := c.Feeds[env].Status()
		s := report.Upstream{Environment: env, Mode: string(feed.Mode), LastOK: feed.LastOK, Failures: feed.Failures}
		st, err := c.Store.Load(env)
		if err == nil {
			s.Revision, s.Flags = st.Definitions.Revision, len(st.Definitions.Features)
		}
		switch {
		case feed.LastOK.IsZero() && err == nil && st.Restored:
			s.State = "restored"
		case feed.LastOK.IsZero():
			s.State = "new"
		case now.Sub(feed.LastOK) >= c.Config.Upstream.Stale():
			s.State = "stale"
		case feed.Failures > 0:
			s.State = "failing"
		default:
			s.State = "ok"
		}
		if feed.Err != nil {
			s.LastError = "upstream fails; the log of the core says more"
			if private {
				s.LastError = feed.Err.Error()
			}
		}
		list = append(list, s)
	}
	return list
}

package upstream

import (
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// regress is a series of answers with a lower revision than the one that was read
// before: one of several servers behind a load balancer lags, or a database was
// restored. The zero value: none.
type regress struct {
	revision uint64 // of the last one
	answers  int
	since    time.Time // the first one
}

const (
	// regressAnswers is how many answers in a row must be older until one is used, and
	// regressTime how long the series must last, or the poll interval if that is
	// longer: a trigger makes several polls within two seconds.
	regressAnswers = 3
	regressTime    = 10 * time.Second
)

// older reports whether definitions must be ignored for now: their revision is lower,
// and the series of such answers is too short. Definitions without a revision are
// lower than any. The revision of a restored database may rise during the series; a
// revision that falls starts a new series.
func (s *scope) older(d *edgecore.Definitions) bool {
	if s.last == nil || d.Revision >= s.last.Revision {
		s.regress = regress{}
		return false
	}
	r, needed := &s.regress, max(regressTime, s.interval)
	if r.answers == 0 || d.Revision < r.revision {
		*r = regress{since: time.Now()}
	}
	r.revision = d.Revision
	r.answers++
	if r.answers >= regressAnswers && time.Since(r.since) >= needed {
		s.log.Warn("upstream has gone back to an older revision", "token", s.number, "revision", d.Revision,
			"newest", s.last.Revision)
		*r = regress{}
		return false
	}
	if r.answers == 1 {
		s.log.Warn("ignoring an older revision from upstream until all answers, at least three, have one for this time",
			"time", needed.String(), "token", s.number, "revision", d.Revision, "newest", s.last.Revision)
	}
	return true
}

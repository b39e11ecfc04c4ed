package publish

import (
	"log/slog"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// Options of publishers. Log and Metrics are required.
type Options struct {
	Log     *slog.Logger
	Metrics *Metrics
	// Listener receives events; nil: they are dropped.
	Listener Listener
	// Accept are digests, or their first characters, of content that the guard
	// lets pass.
	Accept []string
	// LastConfirmed says when upstream has last confirmed the definitions of an
	// environment, the zero time for never; nil: they are always confirmed.
	LastConfirmed func(edgecore.Environment) time.Time
	// ConfigArgument ends the commands that texts name, such as " --config a.yaml".
	ConfigArgument string
	// StaleAfter is how long a target may not have been brought up to date before
	// it is stale; 0: without end.
	StaleAfter time.Duration
	// UpstreamStaleAfter is how long its definitions may not have been confirmed;
	// 0: as long as StaleAfter.
	UpstreamStaleAfter time.Duration
}

// upstreamStaleAfter is UpstreamStaleAfter, or its default.
func (o *Options) upstreamStaleAfter() time.Duration {
	if o.UpstreamStaleAfter > 0 {
		return o.UpstreamStaleAfter
	}
	return o.StaleAfter
}

const (
	callTimeout   = 60 * time.Second // for one call of a sink, retries included
	cellTimeout   = time.Second / 4  // more for each further key of a matrix
	firstBackoff  = time.Second
	longBackoff   = 5 * time.Minute
	changesLogged = 20 // lines about flags in the log after one pass
)

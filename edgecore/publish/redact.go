package publish

import (
	"context"
	"errors"
	"slices"

	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/sinks"
)

// kindOf says in a few words what kind of failure an error is. It names nothing
// of the installation: no account, address, key or path.
func kindOf(err error) string {
	var large *sinks.TooLargeError
	switch {
	case errors.As(err, &large):
		return "the snapshot is larger than the sink takes"
	case errors.Is(err, state.ErrNotReady):
		return "there are no flags yet"
	case errors.Is(err, sinks.ErrPermanent):
		return "the sink refuses the credential, a setting or the snapshot"
	case errors.Is(err, sinks.ErrAmbiguous):
		return "it is not known whether the sink has taken the snapshot"
	case errors.Is(err, context.DeadlineExceeded):
		return "the sink did not answer in time"
	default:
		return "the sink cannot be reached, or fails"
	}
}

// Redacted returns the status without the texts of errors: they name accounts,
// addresses and paths, which are for the owner of the process alone.
func (s Status) Redacted() Status {
	if s.LastError != "" {
		s.LastError = s.FailureKind + "; the log of the core says more"
		s.Hint = ""
	}
	s.Seen = slices.Clone(s.Seen)
	for i := range s.Seen {
		if s.Seen[i].Error != "" {
			s.Seen[i].Error = "probe " + s.Seen[i].Probe + " fails; flagcast status --stored says why"
		}
	}
	return s
}

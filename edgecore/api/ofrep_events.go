package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/delta"
)

// ofrepEvents is a stream of notices: providers for browsers ask for all flags again when
// there is one (open-feature/protocol, ADR 0008).
const ofrepEvents = "/ofrep/v1/events"

const (
	// noticeSpread is the time in which all browsers get a notice: each of them sends a
	// request then.
	noticeSpread = 2 * time.Second
	// A change that is so recent may have come between an answer with all flags and the
	// stream that it names: the stream begins with a notice then.
	recentChange = 30 * time.Second
)

// appendStreams writes the member of an answer with all flags that names the stream of
// notices, with a ticket in place of the token; nothing where there is none.
func (a *api) appendStreams(b []byte, authorization string) []byte {
	ticket := a.Access.Ticket(authorization, time.Now())
	if ticket == "" || a.MaxStreams == 0 {
		return b
	}
	b = append(b, `,"eventStreams":[{"type":"sse","endpoint":{"requestUri":`...)
	b = appendText(b, a.BasePath+ofrepEvents+"?ticket="+ticket)
	return append(b, `},"inactivityDelaySec":120}]`...)
}

// ofrepStream serves the stream of notices.
func (a *api) ofrepStream(w http.ResponseWriter, r *http.Request) {
	if a.streams.max == 0 {
		writeJSON(w, http.StatusNotFound, ofrepError{Details: "streaming is switched off: api.max_streams is 0"})
		return
	}
	holder, err := a.Access.Redeem(r.URL.Query().Get("ticket"), time.Now())
	check := func(context.Context) (access.Scope, error) {
		scope, err := a.Access.Holds(holder, access.Frontend, time.Now())
		// Flags of other projects may be parents: a notice is of any change.
		return access.Scope{Environment: scope.Environment}, err
	}
	var scope access.Scope
	if err == nil {
		scope, err = check(r.Context())
	}
	if err != nil {
		writeJSON(w, http.StatusUnauthorized, ofrepError{
			Details: "this ticket is not valid any more: ask for all flags again, whose answer has another one",
		})
		return
	}
	st, err := a.States.Load(scope.Environment)
	if err != nil {
		writeOFREPRefusal(w, err)
		return
	}
	notice := func(now *content, _ *delta.Digests) *frame { return now.notice() }
	audience := &audience{
		key: groupKey{authorization: "ticket " + holder.String()}, check: check, frame: notice, id: (*content).noticeID,
		spread: noticeSpread,
	}
	last := r.Header.Get("Last-Event-ID")
	a.open(w, r, scope, st, audience, func(now *content, _ *delta.Digests) (*frame, string) {
		if last == now.noticeID() || last == "" && time.Since(st.Since) > recentChange {
			return a.streams.comment, "current"
		}
		return now.notice(), "resumed"
	})
}

// noticeID is of one version in this process. A client may have asked for all flags at any
// time, so that it needs a notice of each version, also of one with flags that it had before.
func (c *content) noticeID() string {
	return c.ID + "-" + strconv.FormatInt(c.since.UnixMilli(), 10) + "-" + strconv.FormatUint(c.version, 10)
}

// notice returns the event that has a provider ask for all flags again.
func (c *content) notice() *frame {
	return newFrame("id: "+c.noticeID()+"\ndata: ",
		[]byte(`{"type":"refetchEvaluation","etag":"`+c.noticeID()+`","lastModified":`+
			strconv.FormatInt(c.since.Unix(), 10)+
			`}`),
		"\n\n")
}

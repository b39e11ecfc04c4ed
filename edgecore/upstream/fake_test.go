package upstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// unleash is an Unleash server with its delta protocol, as a round tripper, so that time
// can be fake. Its flags are on, in projects; each change has the next revision. Faults of
// its stream are methods.
type unleash struct {
	mu       sync.Mutex
	revision uint64
	flags    map[string]string // projects by name
	log      []logged          // the newest last
	streams  map[*connection]bool
	asked    []string // "features", "delta", "streaming", with the status or Last-Event-ID

	// Faults.
	refuse  map[string]int         // statuses by path
	headers map[string]http.Header // of answers, by path
	lose    bool                   // changes are in no event
	first   string                 // sent in place of the first frame
	silent  bool                   // no heartbeats
	plain   bool                   // polls have no revision
	cut     int                    // so many bytes of the next frame are sent, and then the end; < 0: all
}

// logged is one event of the log.
type logged struct {
	revision      uint64
	name, project string
	removed       bool
}

type connection struct {
	projects []string // nil for all
	body     *io.PipeWriter
	out      chan []byte
}

func newUnleash() *unleash {
	return &unleash{
		flags: map[string]string{}, streams: map[*connection]bool{}, refuse: map[string]int{},
		headers: map[string]http.Header{}, cut: -1,
	}
}

// fault changes what goes wrong.
func (u *unleash) fault(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change()
}

// set makes a flag of a project; "" removes it.
func (u *unleash) set(name, project string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.revision++
	e := logged{u.revision, name, project, project == ""}
	if project == "" {
		e.project = u.flags[name]
		delete(u.flags, name)
	} else {
		u.flags[name] = project
	}
	u.log = append(u.log, e)
	if !u.lose {
		u.broadcast("unleash-updated", []logged{e})
	}
}

// restore puts an older state of the database back: connections stay.
func (u *unleash) restore(revision uint64, flags map[string]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.revision, u.flags, u.log = revision, flags, nil
}

// resend sends the event of a revision once more.
func (u *unleash) resend(revision uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, e := range u.log {
		if e.revision == revision {
			u.broadcast("unleash-updated", []logged{e})
		}
	}
}

// send sends a text to all streams.
func (u *unleash) send(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.streams {
		c.out <- []byte(text)
	}
}

// end ends all streams.
func (u *unleash) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.streams {
		close(c.out)
	}
	clear(u.streams)
}

func (u *unleash) broadcast(kind string, events []logged) {
	for c := range u.streams {
		if b := frame(kind, u.revision, eventsOf(events, c.projects)); b != nil {
			c.out <- b
		}
	}
}

func (u *unleash) count(prefix string) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, asked := range u.asked {
		if strings.HasPrefix(asked, prefix) {
			n++
		}
	}
	return n
}

func feature(name, project string) string {
	return fmt.Sprintf(`{"project":%q,"strategies":[],"name":%q,"enabled":true}`, project, name) // as events have it
}

func eventsOf(events []logged, projects []string) (list []string) {
	for _, e := range events {
		if projects != nil && !slices.Contains(projects, e.project) {
			continue
		}
		if e.removed {
			list = append(list, fmt.Sprintf(`{"type":"feature-removed","eventId":%d,"featureName":%q,"project":%q}`,
				e.revision, e.name, e.project))
			continue
		}
		list = append(list, fmt.Sprintf(`{"type":"feature-updated","eventId":%d,"feature":%s}`, e.revision,
			feature(e.name, e.project)))
	}
	return list
}

func frame(kind string, id uint64, events []string) []byte {
	if len(events) == 0 && kind == "unleash-updated" {
		return nil
	}
	return fmt.Appendf(nil, "id: %d\nevent: %s\ndata: {\"events\":[%s]}\n\n", id, kind, strings.Join(events, ","))
}

// since returns the events after an ID; all flags for one that the log does not have.
func (u *unleash) since(id string, projects []string) []string {
	n, err := strconv.ParseUint(strings.Trim(id, `"`), 10, 64)
	if err == nil && n >= u.revision {
		return nil
	}
	i := slices.IndexFunc(u.log, func(e logged) bool { return e.revision == n })
	if err == nil && i >= 0 && len(u.log)-i <= 20 {
		return eventsOf(u.log[i+1:], projects)
	}
	var features []string
	for _, name := range slices.Sorted(maps.Keys(u.flags)) {
		if projects == nil || slices.Contains(projects, u.flags[name]) {
			features = append(features, feature(name, u.flags[name]))
		}
	}
	return []string{fmt.Sprintf(`{"type":"hydration","eventId":%d,"features":[%s],"segments":[]}`, u.revision,
		strings.Join(features, ","))}
}

func (u *unleash) RoundTrip(r *http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, path, _ := strings.Cut(r.URL.Path, "/api/client/")
	var projects []string
	if project, _, _ := strings.Cut(r.Header.Get("Authorization"), ":"); project != "*" {
		projects = []string{project}
	}
	response := &http.Response{StatusCode: 200, Header: http.Header{}, Request: r}
	maps.Copy(response.Header, u.headers[path])
	if status := u.refuse[path]; status != 0 {
		u.asked = append(u.asked, fmt.Sprint(path, " ", status))
		response.StatusCode, response.Body = status, http.NoBody
		return response, nil
	}
	tag := r.Header.Get("If-None-Match")
	u.asked = append(u.asked, fmt.Sprint(path, " ", tag, r.Header.Get("Last-Event-ID")))
	switch path {
	case "features":
		etag := fmt.Sprintf(`"f:%d"`, u.revision)
		response.Header.Set("ETag", etag)
		if tag == etag {
			response.StatusCode, response.Body = http.StatusNotModified, http.NoBody
			break
		}
		response.Body = io.NopCloser(bytes.NewReader(u.features(projects)))
	case "delta":
		response.Header.Set("ETag", fmt.Sprintf(`"%d"`, u.revision))
		events := u.since(tag, projects)
		if tag != "" && len(events) == 0 {
			response.StatusCode, response.Body = http.StatusNotModified, http.NoBody
			break
		}
		response.Body = io.NopCloser(strings.NewReader(`{"events":[` + strings.Join(events, ",") + `]}`))
	case "streaming":
		response.Body = u.open(r.Context(), projects, r.Header.Get("Last-Event-ID"))
		response.Header.Set("Content-Type", "text/event-stream; charset=utf-8")
	}
	return response, nil
}

// features is in another order than the events, of flags and of members.
func (u *unleash) features(projects []string) []byte {
	list := []map[string]any{}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(u.flags))) {
		if projects == nil || slices.Contains(projects, u.flags[name]) {
			list = append(list, map[string]any{
				"name": name, "project": u.flags[name], "enabled": true, "strategies": []any{},
			})
		}
	}
	if u.plain {
		body, _ := json.Marshal(map[string]any{"version": 2, "features": list})
		return body
	}
	body, _ := json.Marshal(map[string]any{
		"version": 2, "features": list, "meta": map[string]any{"revisionId": u.revision},
	})
	return body
}

// open is a connection whose bytes are written one after the other.
func (u *unleash) open(ctx context.Context, projects []string, id string) io.ReadCloser {
	r, w := io.Pipe()
	c := &connection{projects, w, make(chan []byte, 1000)}
	c.out <- []byte(":hello\n\n")
	if first := frame("unleash-connected", u.revision, u.since(id, projects)); u.first == "" {
		c.out <- first
	} else {
		c.out <- []byte(u.first)
		u.first = ""
	}
	u.streams[c] = true
	go func() {
		heartbeat := time.NewTicker(30 * time.Second)
		defer heartbeat.Stop()
		defer w.Close()
		for {
			var b []byte
			var open bool
			select {
			case <-ctx.Done():
				u.mu.Lock()
				delete(u.streams, c)
				u.mu.Unlock()
				_ = w.CloseWithError(ctx.Err())
				return
			case b, open = <-c.out:
				if !open {
					return
				}
			case <-heartbeat.C:
				if b = []byte(":keep-alive\n\n"); u.isSilent() {
					continue
				}
			}
			cut := u.takeCut(b)
			if _, err := w.Write(b[:cut]); err != nil || cut < len(b) {
				u.mu.Lock()
				delete(u.streams, c)
				u.mu.Unlock()
				return
			}
		}
	}()
	context.AfterFunc(ctx, func() { _ = r.CloseWithError(ctx.Err()) })
	return r
}

func (u *unleash) isSilent() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.silent
}

// takeCut returns how much of a frame is to be sent.
func (u *unleash) takeCut(b []byte) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !bytes.Contains(b, []byte("data:")) || u.cut < 0 {
		return len(b)
	}
	n := min(u.cut, len(b))
	u.cut = -1
	return n
}

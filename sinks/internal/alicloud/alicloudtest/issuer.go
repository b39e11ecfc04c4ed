// Package alicloudtest holds strict fakes of what hands out temporary keys
// at Alibaba Cloud: STS, for AssumeRoleWithOIDC, and the metadata service of an
// ECS instance. They share no code with the client, take requests as they are
// documented only, and answer the documented errors.
package alicloudtest

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Issuer makes temporary keys, and keeps those that it has made, so that a fake
// service can verify them. It is safe for concurrent use.
type Issuer struct {
	lasts time.Duration

	mu   sync.Mutex
	made map[string]key
}

type key struct {
	secret, token string
	ends          time.Time
}

// NewIssuer returns one whose keys hold for a time.
func NewIssuer(lasts time.Duration) *Issuer { return &Issuer{lasts: lasts, made: map[string]key{}} }

// Lookup returns what belongs to the id of an access key, and until when it
// holds.
func (i *Issuer) Lookup(id string) (secret, token string, ends time.Time, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k, ok := i.made[id]
	return k.secret, k.token, k.ends, ok
}

// Expire ends all keys made so far before the time that was given.
func (i *Issuer) Expire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for id, k := range i.made {
		k.ends = time.Now()
		i.made[id] = k
	}
}

// Made returns how many keys there have been.
func (i *Issuer) Made() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.made)
}

// issue makes keys in the members that both services write.
func (i *Issuer) issue() map[string]string {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.made) + 1
	id := fmt.Sprintf("STS.key-%d", n)
	k := key{fmt.Sprintf("issued-secret-%d", n), fmt.Sprintf("issued-token-%d", n), time.Now().Add(i.lasts)}
	i.made[id] = k
	return map[string]string{
		"AccessKeyId": id, "AccessKeySecret": k.secret, "SecurityToken": k.token,
		"Expiration": k.ends.UTC().Format("2006-01-02T15:04:05Z"),
	}
}

// Fault is what a service does with a request instead of answering it.
type Fault struct {
	// Status, Code and Message are the answer; without a Code it is a gateway's
	// HTML page.
	Status        int
	Code, Message string
	// Reset breaks the connection instead.
	Reset bool
}

// queue holds faults to come and counts requests.
type queue struct {
	mu       sync.Mutex
	faults   []Fault
	requests int
}

// Fail makes the next n requests go wrong. Calls of Fail queue up.
func (q *queue) Fail(n int, f Fault) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range n {
		q.faults = append(q.faults, f)
	}
}

// Requests returns how many there have been.
func (q *queue) Requests() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.requests
}

// next counts a request and returns its fault.
func (q *queue) next() (Fault, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.requests++
	if len(q.faults) == 0 {
		return Fault{}, false
	}
	f := q.faults[0]
	q.faults = q.faults[1:]
	return f, true
}

// page answers as a gateway does, or breaks the connection.
func (f Fault) page(w http.ResponseWriter) {
	if f.Reset {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(f.Status)
	_, _ = fmt.Fprintf(w, "<html><body>%d %s</body></html>", f.Status, http.StatusText(f.Status))
}

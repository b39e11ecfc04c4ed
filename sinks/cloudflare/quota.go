package cloudflare

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// quota is the number of calls that are left, as reported by the service. The zero value
// is before the first report.
type quota struct {
	mu    sync.Mutex
	left  int
	until time.Time
}

// Quota returns what the last response reported in its headers Ratelimit and
// Ratelimit-Policy: of several limits the one with the lowest rate.
func (s *Sink) Quota() (left int, until time.Time, ok bool) {
	s.quota.mu.Lock()
	defer s.quota.mu.Unlock()
	return s.quota.left, s.quota.until, !s.quota.until.IsZero()
}

// update reads the headers of a response, in the form that the documentation of
// the API's rate limits shows: Ratelimit has an item for each limit, such as
// "default";r=50;t=30 for 50 calls left and new ones in 30 seconds;
// Ratelimit-Policy has items such as "default";q=1200;w=300 for a limit of
// 1,200 calls in 300 seconds. Without t a limit may last for the whole w.
func (q *quota) update(h http.Header) {
	windows := map[string]int{}
	for _, policy := range items(h.Values("Ratelimit-Policy")) {
		if w, ok := policy.numbers["w"]; ok {
			windows[policy.name] = w
		}
	}
	left, seconds, known := 0, 0, false
	for _, limit := range items(h.Values("Ratelimit")) {
		r, ok := limit.numbers["r"]
		if !ok {
			continue
		}
		t, ok := limit.numbers["t"]
		if !ok {
			t, ok = windows[limit.name]
		}
		// No window is longer than the documented one; a mistake must not stop
		// calls for long.
		t = min(t, int(callsIn.Seconds()))
		slower := r*seconds < left*t || r*seconds == left*t && t > seconds // r/t against left/seconds
		if ok && (!known || slower) {
			left, seconds, known = r, t, true
		}
	}
	if !known {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left, q.until = left, time.Now().Add(time.Duration(seconds)*time.Second)
}

// item is a member of a list of RFC 9651: a name with parameters. Those that
// are not whole numbers from 0 on are left out.
type item struct {
	name    string
	numbers map[string]int
}

func items(headers []string) []item {
	var list []item
	for _, text := range split(strings.Join(headers, ","), ',') {
		parts := split(text, ';')
		i := item{name: strings.Trim(strings.TrimSpace(parts[0]), `"`), numbers: map[string]int{}}
		for _, parameter := range parts[1:] {
			key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			// 31 bits: the product of two numbers must not overflow.
			if n, err := strconv.ParseInt(value, 10, 32); err == nil && n >= 0 {
				i.numbers[key] = int(n)
			}
		}
		list = append(list, i)
	}
	return list
}

// split splits a text at a separator outside of quotation marks.
func split(text string, at rune) []string {
	quoted := false
	var parts []string
	from := 0
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == at && !quoted:
			parts, from = append(parts, text[from:i]), i+1
		}
	}
	return append(parts, text[from:])
}

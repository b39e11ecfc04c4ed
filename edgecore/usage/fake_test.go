package usage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/secret"
)

const (
	development = "*:development.d-secret"
	production  = "*:production.p-secret"
)

// unleash is POST /api/client/metrics/bulk of Unleash 8.2 as a round tripper,
// so that time can be fake. What its database could not hold is a fault of the
// sender's: the real one answers 202 and loses it all.
type unleash struct {
	t  testing.TB
	mu sync.Mutex
	// fault, when it is set, decides about a request before Unleash sees it.
	fault func(r *http.Request, body []byte) (int, error)
	// retryAfter goes with a fault.
	retryAfter string

	requests     int
	rows         map[string][2]uint64 // "env app flag hour": yes, no
	variants     map[string]uint64    // "env app flag hour variant"
	applications []map[string]any
	largest      int
}

type wireRow struct {
	FeatureName, AppName, Environment string
	Timestamp                         time.Time
	Yes, No                           uint64
	Variants                          map[string]uint64
}

func (u *unleash) RoundTrip(r *http.Request) (*http.Response, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	u.requests++
	u.largest = max(u.largest, len(body))
	status := 0
	if u.fault != nil {
		if status, err = u.fault(r, body); err != nil {
			return nil, err
		}
	}
	if status == 0 {
		status = u.take(r, body)
	}
	h := http.Header{}
	if u.retryAfter != "" && status != 202 {
		h.Set("Retry-After", u.retryAfter)
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody, Request: r}, nil
}

func (u *unleash) take(r *http.Request, body []byte) int {
	if r.Method != "POST" || r.URL.String() != "https://unleash.example/api/client/metrics/bulk" ||
		r.Header.Get("Content-Type") != "application/json" {
		u.t.Errorf("%s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	environment, ok := map[string]string{
		development: "development", production: "production",
	}[r.Header.Get("Authorization")]
	if !ok {
		return http.StatusUnauthorized
	}
	if len(body) > 100<<10 {
		return http.StatusRequestEntityTooLarge
	}
	var document struct {
		Applications []map[string]any
		Metrics      []wireRow
	}
	if err := json.Unmarshal(body, &document); err != nil {
		u.t.Errorf("%v: %.200s", err, body)
		return http.StatusBadRequest
	}
	for _, a := range document.Applications {
		for _, member := range []string{"appName", "instanceId", "environment", "interval", "started"} {
			if a[member] == nil || a[member] == "" {
				u.t.Errorf("a registration without %s: %v", member, a)
			}
		}
		if a["environment"] != environment {
			u.t.Errorf("a registration of %s under a token of %s", a["environment"], environment)
		}
		u.storable(a["appName"].(string), a["instanceId"].(string))
		u.applications = append(u.applications, a)
	}
	for _, row := range document.Metrics {
		if row.Environment != environment {
			u.t.Errorf("a row of %s under a token of %s", row.Environment, environment)
		}
		if row.Timestamp.Minute()+row.Timestamp.Second() > 0 || row.Yes > math.MaxInt32 || row.No > math.MaxInt32 {
			u.t.Errorf("%+v", row)
		}
		u.storable(row.AppName, row.FeatureName)
		key := fmt.Sprintf("%s %s %s %d", row.Environment, row.AppName, row.FeatureName, row.Timestamp.Unix()/3600)
		before := u.rows[key]
		u.rows[key] = [2]uint64{before[0] + row.Yes, before[1] + row.No}
		for name, n := range row.Variants {
			u.storable(name)
			u.variants[key+" "+name] += n
		}
	}
	return http.StatusAccepted
}

func (u *unleash) storable(names ...string) {
	for _, name := range names {
		if name == "" || len([]rune(name)) > 255 || strings.ContainsFunc(name, unicode.IsControl) {
			u.t.Errorf("Unleash cannot store the name %q", name)
		}
	}
}

func (u *unleash) set(fault func(*http.Request, []byte) (int, error)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault = fault
}

func answers(status int) func(*http.Request, []byte) (int, error) {
	return func(*http.Request, []byte) (int, error) { return status, nil }
}

func down(*http.Request, []byte) (int, error) { return 0, errors.New("connection refused") }

// total is all evaluations that have arrived.
func (u *unleash) total() (n uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, row := range u.rows {
		n += row[0] + row[1]
	}
	return n
}

func (u *unleash) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests
}

// lab is a collector with an upstream, and what it logs.
type lab struct {
	*usage.Collector
	t        testing.TB
	unleash  *unleash
	registry *prometheus.Registry
	log      lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newLab(t testing.TB, most int, tokens ...string) *lab {
	t.Helper()
	l := &lab{
		t: t, registry: prometheus.NewRegistry(), unleash: &unleash{
			t: t, rows: map[string][2]uint64{}, variants: map[string]uint64{},
		},
	}
	o := usage.Options{
		URL: "https://unleash.example/api/", Interval: time.Minute, Timeout: 5 * time.Second, Version: "test",
		MaxBytes: most,
		Headers:  map[string]secret.Secret{"X-Way": secret.New("header-secret")},
		Base:     l.unleash, Log: slog.New(slog.NewTextHandler(&l.log, nil)), Registry: l.registry,
	}
	for _, text := range tokens {
		token, err := edgecore.ParseToken(secret.New(text))
		if err != nil {
			t.Fatal(err)
		}
		o.Tokens = append(o.Tokens, token)
	}
	var err error
	if l.Collector, err = usage.New(o); err != nil {
		t.Fatal(err)
	}
	return l
}

// running runs a test in fake time while the collector runs, ends that, and
// checks that everything that was received is accounted for.
func running(t *testing.T, most int, test func(t *testing.T, l *lab), tokens ...string) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, most, tokens...)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		test(t, l)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		l.balanced()
		for _, hidden := range []string{"d-secret", "p-secret", "header-secret"} {
			if strings.Contains(l.log.String(), hidden) {
				t.Errorf("the log shows a secret:\n%s", l.log.String())
			}
		}
	})
}

func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// balanced: received is sent, dropped and waiting, and sent has arrived.
func (l *lab) balanced() {
	l.t.Helper()
	v := l.values()
	received, sent := v[`received_total{kind="evaluations"}`], v[`sent_total{kind="evaluations"}`]
	if rest := sent + l.sum(`dropped_total{kind="evaluations"`) +
		l.sum("waiting{"+`environment=`, `kind="evaluations"`); received != rest {
		l.t.Errorf("received %v, sent, dropped and waiting %v:\n%v", received, rest, v)
	}
	if total := float64(l.unleash.total()); total != sent {
		l.t.Errorf("sent %v, arrived %v", sent, total)
	}
}

// sum adds the values whose names begin and end so.
func (l *lab) sum(prefix string, contains ...string) (n float64) {
	for name, v := range l.values() {
		if strings.HasPrefix(name, prefix) && !slices.ContainsFunc(contains, func(c string) bool {
			return !strings.Contains(name, c)
		}) {
			n += v
		}
	}
	return n
}

// values are the metrics, without the prefix flagcast_usage_.
func (l *lab) values() map[string]float64 {
	l.t.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, label := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			name := strings.TrimPrefix(family.GetName(), "flagcast_usage_") + "{" + strings.Join(labels, ",") + "}"
			found[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return found
}

// metrics writes a body of POST /api/client/metrics.
func metrics(app, instance string, stop time.Time, toggles string) []byte {
	return fmt.Appendf(nil, `{"appName":%q,"instanceId":%q,"bucket":{"start":%q,"stop":%q,"toggles":{%s}}}`,
		app, instance, stop.Add(-time.Minute).Format(time.RFC3339), stop.Format(time.RFC3339), toggles)
}

func register(app, instance, more string) []byte {
	return fmt.Appendf(nil,
		`{"appName":%q,"instanceId":%q,"interval":10000,"started":"2000-01-01T00:00:00Z","strategies":["default"]%s}`,
		app, instance, more)
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Error(err)
	}
}

func backend(env edgecore.Environment) usage.Source { return usage.Source{Environment: env} }

func browser(env edgecore.Environment) usage.Source {
	return usage.Source{Environment: env, Projects: []string{"web"}, Frontend: true}
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

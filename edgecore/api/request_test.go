package api_test

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/test/need"
)

// requests are the vectors that the worker's tests read, too.
func requests(t *testing.T) (v struct {
	Times []struct {
		Text string
		At   *int64 // milliseconds; nil: no time
	}
	Queries []struct {
		Query  string
		Fields map[string]string
	}
},
) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(need.Root(), "test", "vectors", "requests.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &v); err != nil || len(v.Times) == 0 || len(v.Queries) == 0 {
		t.Fatalf("%d times, %d queries, %v", len(v.Times), len(v.Queries), err)
	}
	return v
}

// TestCurrentTime: a time counts wherever a context may have it, and what is not a
// time counts as not given. The flag is on from the instant of the vector.
func TestCurrentTime(t *testing.T) {
	f := newFixture(t, "")
	for _, v := range requests(t).Times {
		from := time.Now().Add(time.Hour)
		if v.At != nil {
			from = time.UnixMilli(*v.At)
		}
		if from.Year() < 1 {
			continue
		}
		constraint := func(operator string, at time.Time) string {
			return `{"contextName":"currentTime","operator":"` + operator + `","value":"` +
				at.UTC().Format("2006-01-02T15:04:05.000Z07:00") + `"}`
		}
		f.put(t, `{"features":[{"name":"dated","enabled":true,"strategies":[{"name":"default","constraints":[`+
			constraint("DATE_AFTER", from.Add(-time.Millisecond))+","+
			constraint("DATE_BEFORE", from.Add(time.Millisecond))+`]}]}]}`)
		quoted, _ := json.Marshal(v.Text)
		for _, ask := range []struct{ method, path, body string }{
			{"GET", "/api/frontend/all?currentTime=" + url.QueryEscape(v.Text), ""},
			{"GET", "/api/proxy/all?properties[currentTime]=" + url.QueryEscape(v.Text), ""},
			{"POST", "/api/frontend/all", `{"context":{"currentTime":` + string(quoted) + `}}`},
			{"POST", "/api/frontend/all", `{"properties":{"currentTime":` + string(quoted) + `}}`},
		} {
			answer := f.ask(ask.method, ask.path, frontend, ask.body)
			var doc struct{ Toggles []struct{ Enabled bool } }
			if body := text(t, answer); answer.StatusCode != 200 || json.Unmarshal([]byte(body), &doc) != nil ||
				len(doc.Toggles) != 1 {
				t.Fatalf("%s %s: %d %s", ask.method, ask.path, answer.StatusCode, body)
			}
			if doc.Toggles[0].Enabled != (v.At != nil) {
				t.Errorf("%s %s %s: on %v", ask.method, ask.path, ask.body, doc.Toggles[0].Enabled)
			}
		}
	}
	// A number as Date.now() gives it.
	f.put(t, `{"features":[{"name":"dated","enabled":true,"strategies":[{"name":"default","constraints":[
		{"contextName":"currentTime","operator":"DATE_AFTER","value":"2050-01-01T00:00:00Z"}]}]}]}`)
	now := strconv.FormatInt(time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), 10)
	if body := text(t,
		f.ask("POST", "/api/frontend", frontend, `{"context":{"currentTime":`+now+`}}`)); !strings.Contains(body,
		"dated") {
		t.Errorf("a number as the time: %s", body)
	}
}

// TestQueries: no field of a query is dropped.
func TestQueries(t *testing.T) {
	for _, v := range requests(t).Queries {
		r := httptest.NewRequest("GET", "/api/frontend", nil)
		r.URL.RawQuery = v.Query
		if got := api.FieldsOfQuery(r.URL.RawQuery); !maps.Equal(got, v.Fields) {
			t.Errorf("%s: %q, want %q", v.Query, got, v.Fields)
		}
	}
	f := newFixture(t, "")
	f.put(t,
		`{"features":[{"name":"f","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"7;x=1,`+
			`50%"}}]}]}`)
	for _, query := range []string{"userId=7;x=1", "userId=50%", "userId=50%&x=%zz"} {
		if body := text(t, f.ask("GET", "/api/frontend?"+query, frontend, "")); !strings.Contains(body, `"f"`) {
			t.Errorf("%s: %s", query, body)
		}
	}
}

// TestByteOrderMark: older SDKs of .NET begin a body with one.
func TestByteOrderMark(t *testing.T) {
	f := newFixture(t, "")
	for path, body := range map[string]string{
		"/api/frontend":                    `{"context":{"userId":"7"}}`,
		"/api/proxy":                       `{"userId":"7"}`,
		"/api/frontend/client/metrics":     metricsBody,
		"/api/frontend/client/register":    registerBody,
		"/api/client/metrics":              metricsBody,
		"/api/client/metrics/bulk":         bulkBody,
		"/api/client/register":             registerBody,
		"/edge/validate":                   `{"tokens":["` + frontend + `"]}`,
		"/api/frontend/features/for-7":     "",
		"/api/proxy/all/client/metrics":    metricsBody,
		"/api/frontend/all/client/metrics": metricsBody,
	} {
		token := frontend
		if strings.HasPrefix(path, "/api/client") {
			token = backend
		}
		plain, marked := f.ask("POST", path, token, body), f.ask("POST", path, token, "\ufeff"+body)
		if want, got := text(t, plain), text(t, marked); marked.StatusCode != plain.StatusCode ||
			marked.StatusCode > 202 ||
			strings.Contains(got, "for-7") != strings.Contains(want, "for-7") ||
			strings.Contains(got, frontend) != strings.Contains(want, frontend) {
			t.Errorf("%s: %d %s, want %d %s", path, marked.StatusCode, got, plain.StatusCode, want)
		}
	}
}

// TestEmptyBodies: the blanks of JSON are an empty context, other characters that
// a terminal shows as blanks are not JSON.
func TestEmptyBodies(t *testing.T) {
	f := newFixture(t, "")
	for body, want := range map[string]int{"": 200, " \t\r\n": 200, "\f": 400, "\v": 400, "\u00a0": 400, "\x00": 400} {
		if got := f.ask("POST", "/api/frontend", frontend, body); got.StatusCode != want {
			t.Errorf("%q: %d, want %d", body, got.StatusCode, want)
		}
	}
}

package api_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/api"
)

// event is one of GET /api/client/delta.
type event struct {
	Type               string
	EventID            int
	Features, Segments []json.RawMessage
	Feature, Segment   json.RawMessage
	FeatureName        string
	Project            string
	SegmentID          int
}

// deltaClient folds events as an SDK does.
type deltaClient struct {
	token, etag        string
	features, segments map[string]string
	hydrations         int
}

func (c *deltaClient) poll(t *testing.T, f *fixture) (status int) {
	t.Helper()
	r := f.ask("GET", "/api/client/delta", c.token, "", "If-None-Match", c.etag)
	if r.StatusCode != http.StatusOK {
		return r.StatusCode
	}
	var body struct{ Events []event }
	answer := text(t, r)
	if err := json.Unmarshal([]byte(answer), &body); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	c.etag = r.Header.Get("ETag")
	for _, e := range body.Events {
		switch e.Type {
		case "hydration":
			c.hydrations++
			c.features, c.segments = map[string]string{}, map[string]string{}
			for _, raw := range e.Features {
				c.features[nameOf(t, raw)] = string(raw)
			}
			for _, raw := range e.Segments {
				c.segments[idOf(t, raw)] = string(raw)
			}
		case "feature-updated":
			// The segments that it needs came before.
			for _, id := range segmentsOf(t, e.Feature) {
				if _, ok := c.segments[strconv.Itoa(id)]; !ok {
					t.Errorf("flag %s needs segment %d, which has not come", nameOf(t, e.Feature), id)
				}
			}
			c.features[nameOf(t, e.Feature)] = string(e.Feature)
		case "feature-removed":
			delete(c.features, e.FeatureName)
		case "segment-updated":
			c.segments[idOf(t, e.Segment)] = string(e.Segment)
		case "segment-removed":
			delete(c.segments, strconv.Itoa(e.SegmentID))
		default:
			t.Errorf("an event of type %q", e.Type)
		}
	}
	return r.StatusCode
}

func nameOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var f struct{ Name string }
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	return f.Name
}

func idOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var s struct{ ID int }
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(s.ID)
}

func segmentsOf(t *testing.T, raw json.RawMessage) (ids []int) {
	t.Helper()
	var f struct{ Strategies []struct{ Segments []int } }
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Strategies {
		ids = append(ids, s.Segments...)
	}
	return ids
}

// randomDefinitions has flags of two projects, some with segments.
func randomDefinitions(random *rand.Rand, revision int) string {
	var features, segments []string
	for i := range 8 {
		if random.IntN(4) == 0 {
			continue
		}
		uses := ""
		if random.IntN(2) == 0 {
			uses = strconv.Itoa(random.IntN(3))
		}
		features = append(features, fmt.Sprintf(
			`{"name":"f%d","project":%q,"enabled":%t,"strategies":[{"name":"default","segments":[%s]}]}`,
			i, []string{"a", "b"}[random.IntN(2)], random.IntN(2) == 0, uses))
	}
	for i := range 3 {
		segments = append(segments, fmt.Sprintf(
			`{"id":%d,"constraints":[{"contextName":"n","operator":"IN","values":["%d"]}]}`, i, random.IntN(2)))
	}
	return fmt.Sprintf(`{"version":2,"features":[%s],"segments":[%s],"meta":{"revisionId":%d}}`,
		strings.Join(features, ","), strings.Join(segments, ","), revision)
}

// TestDeltaLaw: whatever versions a client has seen and missed, its flags and segments
// after a poll are those of its scope, and nothing of another project.
func TestDeltaLaw(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	f, _ := with(t, func(*api.Options) {})
	var clients []*deltaClient
	for range 4 {
		clients = append(clients, &deltaClient{token: backend}, &deltaClient{token: backendA})
	}
	resumed := 0
	for revision := 1; revision <= 150; revision++ {
		document := randomDefinitions(random, revision)
		f.put(t, document)
		for i, c := range clients {
			if random.IntN(3) == 0 {
				continue // it misses some versions
			}
			if random.IntN(20) == 0 {
				c.etag = `"unknown"`
			}
			before := c.hydrations
			if status := c.poll(t, f); status == http.StatusOK && c.hydrations == before {
				resumed++
			} else if status != http.StatusOK && status != http.StatusNotModified {
				t.Fatalf("status %d", status)
			}
			features, segments := expected(t, document, c.token)
			if diff := cmp.Diff(features, c.features); diff != "" {
				t.Fatalf("revision %d, client %d: flags (-want +got)\n%s", revision, i, diff)
			}
			if diff := cmp.Diff(segments, c.segments); diff != "" {
				t.Fatalf("revision %d, client %d: segments (-want +got)\n%s", revision, i, diff)
			}
			if status := c.poll(t, f); status != http.StatusNotModified {
				t.Fatalf("polled again: %d", status)
			}
		}
	}
	if resumed < 200 {
		t.Errorf("%d polls gave changes", resumed)
	}
}

// expected is what a token sees of a document.
func expected(t *testing.T, document, token string) (features, segments map[string]string) {
	t.Helper()
	var d struct {
		Features, Segments []json.RawMessage
	}
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatal(err)
	}
	features, segments = map[string]string{}, map[string]string{}
	used := map[string]bool{}
	for _, raw := range d.Features {
		var f struct{ Project string }
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		if token == backendA && f.Project != "a" {
			continue
		}
		features[nameOf(t, raw)] = string(raw)
		for _, id := range segmentsOf(t, raw) {
			used[strconv.Itoa(id)] = true
		}
	}
	for _, raw := range d.Segments {
		if id := idOf(t, raw); used[id] {
			segments[id] = string(raw)
		}
	}
	return features, segments
}

// TestDeltaResumesAtAnotherReplica: entity tags are of the content.
func TestDeltaResumesAtAnotherReplica(t *testing.T) {
	one, _ := with(t, func(*api.Options) {})
	other, _ := with(t, func(*api.Options) {})
	c := &deltaClient{token: backend}
	c.poll(t, one)
	if status := c.poll(t, other); status != http.StatusNotModified {
		t.Errorf("the other replica answers %d, want 304", status)
	}
	other.put(t, ofrepDefinitions)
	if c.poll(t, other); c.hydrations != 1 {
		t.Errorf("%d hydrations, want one: the other replica has served that content, too", c.hydrations)
	}
	for header, want := range map[string]int{
		c.etag: 304, "W/" + c.etag: 304, strings.Trim(c.etag, `"`): 304, `"1", ` + c.etag: 304, `"1"`: 200, "": 200,
	} {
		if r := other.ask("GET", "/api/client/delta", backend, "", "If-None-Match", header); r.StatusCode != want {
			t.Errorf("If-None-Match %s: %d, want %d", header, r.StatusCode, want)
		}
	}
	for token, want := range map[string]int{"": 401, frontend: 403, backend: 200} {
		if r := other.ask("GET", "/api/client/delta", token, ""); r.StatusCode != want {
			t.Errorf("token %q: %d, want %d", token, r.StatusCode, want)
		}
	}
}

// TestDeltaKeepsNoOldDocument: whatever clients have asked for, memory holds one version.
func TestDeltaKeepsNoOldDocument(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	c := &deltaClient{token: backend}
	before := inUse()
	for i := range 40 {
		f.put(t, fmt.Sprintf(`{"version":2,"features":[{"name":%q,"project":"a","enabled":true,"description":%q,`+
			`"strategies":[]}],"meta":{"revisionId":%d}}`, strings.Repeat("f", 40), strings.Repeat("x", 1<<20), i+1))
		r := f.ask("GET", fmt.Sprintf("/api/client/delta?namePrefix=%s", strings.Repeat("f", i)), c.token, "")
		if r.StatusCode != http.StatusOK {
			t.Fatal(r.StatusCode)
		}
	}
	if grown := inUse() - before; grown > 12<<20 {
		t.Errorf("memory grew by %d MB after 40 versions of 1 MB", grown>>20)
	}
	runtime.KeepAlive(f)
}

package access

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/test/need"
)

// answering is an upstream that gives one body.
type answering struct {
	body   string
	length int64 // as it says; -1: nothing
	read   int64 // bytes
}

func (a *answering) RoundTrip(*http.Request) (*http.Response, error) {
	content := strings.NewReader(a.body)
	body := io.NopCloser(io.TeeReader(content, a))
	return &http.Response{StatusCode: 200, ContentLength: a.length, Body: body, Header: http.Header{}}, nil
}

// Write counts what is read.
func (a *answering) Write(b []byte) (int, error) {
	a.read += int64(len(b))
	return len(b), nil
}

func ask(t testing.TB, a *answering) ([]*TokenInfo, error) {
	t.Helper()
	tokens := []secret.Secret{secret.New("*:e.one"), secret.New("*:e.two")}
	known, err := NewUpstream("https://unleash.example", nil, a).Validate(t.Context(), tokens)
	if err == nil && len(known) != len(tokens) {
		t.Errorf("%d answers about %d tokens", len(known), len(tokens))
	}
	if err != nil && (strings.Contains(err.Error(), "e.one") || strings.Contains(err.Error(), "s3cr3t")) {
		t.Errorf("a token is in the error: %v", err)
	}
	return known, err
}

const oneToken = `{"token":"*:e.one","type":"frontend","environment":"e","projects":["a"]}`

// hostile are answers that are not a list of tokens, or not one of those asked about,
// and what they have in common: they are large, or nest deep.
func hostile() map[string]string {
	return map[string]string{
		"nested lists":     strings.Repeat("[", 1<<20),
		"nested objects":   strings.Repeat(`{"tokens":`, 1<<17),
		"a nested project": `{"tokens":[{"token":"*:e.one","type":"client","projects":` + strings.Repeat("[", 1<<20),
		"empty tokens":     `{"tokens":[` + strings.Repeat("{},", 1<<20) + "{}]}",
		"other tokens":     `{"tokens":[` + strings.Repeat(`{"token":"s3cr3t"},`, 1<<17) + "{}]}",
		"many projects": `{"tokens":[{"token":"*:e.one","type":"client","projects":[` +
			strings.Repeat(`"",`, 1<<20) + `""]}]}`,
		"too large":         `{"tokens":[` + oneToken + `]}` + strings.Repeat(" ", 4<<20),
		"cut off":           `{"tokens":[` + oneToken,
		"a list of numbers": `{"tokens":[1]}`,
		"no list":           `{"tokens":{}}`,
	}
}

// TestHostileAnswers: an answer of any shape needs a bounded multiple of its size,
// and what cannot be read is an error, never an answer without tokens.
func TestHostileAnswers(t *testing.T) {
	for name, body := range hostile() {
		var known []*TokenInfo
		var err error
		a := &answering{body: body, length: -1}
		var allocated int64
		stack := need.Stack(func() { allocated = need.Allocated(func() { known, err = ask(t, a) }) })
		empty := strings.HasSuffix(name, "tokens")
		if (err == nil) != empty || empty && (known[0] != nil || known[1] != nil) {
			t.Errorf("%s: %v, %v", name, known, err)
		}
		if allocated > 48<<20 || stack > 1<<20 {
			t.Errorf("%s: %d MB of heap, %d kB of stack for %d kB", name, allocated>>20, stack>>10, len(body)>>10)
		}
		if a.read > maxAnswer+1 {
			t.Errorf("%s: %d bytes are read", name, a.read)
		}
	}
	a := &answering{body: "{}", length: maxAnswer + 1}
	if _, err := ask(t, a); err == nil || a.read > 0 {
		t.Errorf("an answer that says that it is too large: %v after %d bytes", err, a.read)
	}
	a = &answering{body: `{"tokens":[` + oneToken + `,` + strings.Repeat(" ", 3<<20) + oneToken + `]}`, length: -1}
	if known, err := ask(t, a); err != nil || known[0] == nil || known[1] != nil {
		t.Errorf("a large answer: %v %v", known, err)
	}
}

// TestKnownKeepsNoAnswer: what is kept for an hour is as large as it is, and not as
// the answer that it came in.
func TestKnownKeepsNoAnswer(t *testing.T) {
	padding := strings.Repeat(" ", 3<<20)
	var kept []*TokenInfo
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 10 {
		known, err := ask(t, &answering{body: fmt.Sprintf(`{"tokens":[%s]}%s`, oneToken, padding), length: -1})
		if err != nil || known[0] == nil {
			t.Fatal(i, known, err)
		}
		kept = append(kept, known[0])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d tokens keep %d MB", len(kept), grown>>20)
	}
	runtime.KeepAlive(kept)
}

func FuzzAnswer(f *testing.F) {
	for _, body := range hostile() {
		f.Add([]byte(body))
	}
	for _, body := range []string{
		`{"tokens":[` + oneToken + `]}`, `[` + oneToken + `]`,
		`{"tokens":[{"token":"*:e.one","type":null,"projects":null,"environment":null}]}`, `{"tokens":null}`,
		`{"tokens":[{"token":"\u002a:e.one","type":"client","projects":["*"]}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		known, err := ask(t, &answering{body: string(body), length: -1})
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Errorf("%.80q is taken for an answer", body)
		}
		for _, k := range known {
			if k != nil && (k.Kind != Client && k.Kind != Frontend || len(k.Scope.Projects) > maxProjects) {
				t.Errorf("%.80q: %+v", body, k)
			}
		}
	})
}

// FuzzTokensOnDisk: files of this process, and of Unleash Edge, may hold anything.
func FuzzTokensOnDisk(f *testing.F) {
	for _, body := range hostile() {
		f.Add([]byte(body))
	}
	for _, body := range []string{
		`[{"sha256":"` + strings.Repeat("0a", 32) + `","kind":"client","environment":"e","projects":null}]`,
		`[{"sha256":"00","kind":"client"}]`,
		`[{"token":"*:e.one","type":"client","environment":"e","projects":["a"],"status":"Validated"}]`,
		`[` + strings.Repeat(`{},`, 1<<20) + `{}]`, `[1]`, `{}`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for name, parse := range map[string]func([]byte) (map[digest]TokenInfo, error){
			storedFile: parseStored, edgeFile: parseEdge,
		} {
			known, err := parse(content)
			if err == nil && !json.Valid(content) || err != nil && known != nil || len(known) > maxValid {
				t.Errorf("%s: %.80q: %d tokens, %v", name, content, len(known), err)
			}
			for _, k := range known {
				if k.Kind != Client && k.Kind != Frontend || len(k.Scope.Projects) > maxProjects {
					t.Errorf("%s: %.80q: %+v", name, content, k)
				}
			}
		}
	})
}

// TestBoundsAreDocumented: docs/replicas.md says what the code does.
func TestBoundsAreDocumented(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(need.Root(), "docs", "replicas.md"))
	if err != nil {
		t.Fatal(err)
	}
	thousands := func(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }
	for _, want := range []string{
		fmt.Sprintf("| one call a second, %d tokens in it; %s of clients and %s of other cores wait, %d of one "+
			"address; "+
			"then 503", maxBatch, thousands(maxPartition), thousands(maxPartition), maxPerSource),
		fmt.Sprintf("| an answer of upstream about tokens | %d MiB, %s projects of a token;",
			maxAnswer>>20, thousands(maxProjects)),
	} {
		if !strings.Contains(string(document), want) {
			t.Errorf("docs/replicas.md does not have %q", want)
		}
	}
}

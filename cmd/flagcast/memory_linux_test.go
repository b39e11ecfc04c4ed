package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
)

const (
	memoryGiven = 120 << 20 // GOMEMLIMIT of deploy/ack/core.yaml
	memoryMost  = 160 << 20 // the limit of its container
)

// TestMemoryOfHostileAnswers runs serve, as deploy/ack/core.yaml does, against
// upstreams whose answers are as large as they may be, or larger, and asks for
// its flags after each new version: it stays within its container.
func TestMemoryOfHostileAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("run by make test-bounds")
	}
	if raceDetector {
		t.Skip("the race detector takes memory of its own: make test-bounds runs it without")
	}
	largest := int(app.AnswerBytes(memoryGiven, 1))
	// filled is a document of the largest size with flags of a kind, of which
	// version makes each another one.
	filled := func(flag func(i, version int) string) func(version int) []byte {
		return func(version int) []byte {
			b := bytes.NewBufferString(`{"version":2,"features":[`)
			for i := 0; ; i++ {
				one := flag(i, version)
				if b.Len()+len(one)+64 > largest {
					break
				}
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(one)
			}
			fmt.Fprintf(b, `],"meta":{"revisionId":%d}}`, version)
			return b.Bytes()
		}
	}
	// inOne is such a document with one flag that has a long list.
	inOne := func(before, element, after string) func(version int) []byte {
		return func(version int) []byte {
			var b strings.Builder
			for i := 0; b.Len() < largest-600; i++ {
				if i > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(&b, element, i, version)
			}
			return fmt.Appendf(nil,
				`{"version":2,"features":[{"name":"f","enabled":true%s%s%s}],"meta":{"revisionId":%d}}`, before,
				b.String(), after, version)
		}
	}
	constraint := func(c string) func(i, version int) string {
		return func(i, version int) string {
			return fmt.Sprintf(`{"name":"f%d","enabled":true,"strategies":[{"name":"default","constraints":[`+c+`]}]}`,
				i, version, i)
		}
	}
	for name, document := range map[string]func(version int) []byte{
		"flags as usual": filled(func(i, version int) string {
			return fmt.Sprintf(
				`{"name":"some-flag-%d","type":"release","project":"default","description":"version %d of a flag as `+
					`there are many, with some words","enabled":true,"stale":false,"impressionData":false,`+
					`"strategies":[{"name":"flexibleRollout","constraints":[{"contextName":"country","operator":"IN",`+
					`"values":["cn","sg","user-%d"],"inverted":false,"caseInsensitive":false}],`+
					`"parameters":{"rollout":"50","stickiness":"default","groupId":"some-flag-%d"},"segments":[],`+
					`"variants":[]}],"variants":[],"dependencies":[]}`, i, version, i, i)
		}),
		"flags as small as possible": filled(func(i, version int) string {
			return fmt.Sprintf(`{"name":"%x","enabled":true,"strategies":[{}],"a":%d}`, i, version)
		}),
		"regular expressions": filled(constraint(`{"contextName":"x","operator":"REGEX","value":"%d%d.{450}"}`)),
		"lists":               filled(constraint(`{"contextName":"x","operator":"IN","values":["%d-%d"]}`)),
		"fields":              filled(constraint(`{"contextName":"x%d-%d","operator":"STR_CONTAINS","values":["v"]}`)),
		"versions":            filled(constraint(`{"contextName":"x","operator":"SEMVER_GT","value":"1.%d.%d"}`)),
		"values": inOne(
			`,"strategies":[{"name":"default","constraints":[{"contextName":"x","operator":"IN","values":[`, `"%d.%d"`,
			`]}]}]`),
		"strategies": inOne(`,"strategies":[`, `{"name":"default","a":"%d.%d"}`, `]`),
		"rollouts": inOne(`,"strategies":[`,
			`{"name":"flexibleRollout","parameters":{"rollout":"5","groupId":"%d-%d"}}`, `]`),
		"constraints": inOne(`,"strategies":[{"name":"default","constraints":[`,
			`{"contextName":"x","operator":"NUM_GT","value":"%d.%d"}`, `]}]`),
		"parameters": inOne(`,"strategies":[{"name":"default","parameters":{`, `"%d":%d`, `}}]`),
		"variants":   inOne(`,"strategies":[],"variants":[`, `{"name":"%d","weight":%d}`, `]`),
		"overrides": inOne(`,"strategies":[],"variants":[{"name":"v","weight":1,"overrides":[`,
			`{"contextName":"x","values":["%d.%d"]}`, `]}]`),
		"segments":        inOne(`,"strategies":[{"name":"default","segments":[`, `%d,%d`, `]}]`),
		"dependencies":    inOne(`,"strategies":[],"dependencies":[`, `{"feature":"f%d.%d"}`, `]`),
		"unknown members": inOne(`,"strategies":[],`, `"m%d":[%d]`, ``),
		"members":         func(version int) []byte { return membersOf(largest, version) },
		"nothing":         inOne(`,"strategies":[`, `{"a":%d.%d}`, `]`),
		"endless":         func(int) []byte { return nil },
		"a bomb":          func(int) []byte { return bytes.Repeat([]byte{' '}, 256<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &hostileUpstream{document: document, name: name}
			server := httptest.NewServer(s)
			defer server.Close()
			most := s.serve(t, server.URL)
			t.Logf("%s: %d MiB at most, %.1f times %d bytes", name, most>>20, float64(most)/float64(largest), largest)
			if most > memoryMost {
				t.Errorf("%d bytes of memory, the container has %d", most, memoryMost)
			}
		})
	}
}

func membersOf(largest, version int) []byte {
	b := bytes.NewBufferString(`{"features":[]`)
	for i := 0; b.Len() < largest-64; i++ {
		fmt.Fprintf(b, `,"%d":%d`, i, version)
	}
	return append(b.Bytes(), '}')
}

// hostileUpstream is an upstream whose answers are another version each time.
type hostileUpstream struct {
	name     string
	document func(version int) []byte
	versions atomic.Int64
}

func (h *hostileUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/client/features" {
		w.WriteHeader(http.StatusOK)
		return
	}
	version := h.versions.Add(1)
	w.Header().Set("Content-Type", "application/json")
	if h.name == "endless" {
		block := bytes.Repeat([]byte("["), 1<<16)
		for {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	_, _ = z.Write(h.document(int(version)))
	_ = z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(packed.Bytes())
}

// serve runs the program until it has asked some times, and returns the most
// memory that it has had, in bytes.
func (h *hostileUpstream) serve(t *testing.T, upstream string) int64 {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	file := filepath.Join(dir, "flagcast.yaml")
	text := fmt.Sprintf("upstream: { url: %q, tokens: [%q], timeout: 1m }\nstate: { dir: state }\napi: { listen: %q, "+
		"webhook_secret: trigger-trigger-trigger }\n", upstream, backendToken, address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	c := &exec.Cmd{
		Path: self, Args: []string{"flagcast", "serve", "--no-publish", "--config", file}, Stdout: &output,
		Stderr: &output,
		Env: append(os.Environ(), recordVariable+"="+filepath.Join(dir, "record"),
			fmt.Sprint("GOMEMLIMIT=", memoryGiven)),
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	most := int64(0)
	rounds := int64(3)
	if h.name == "endless" || h.name == "a bomb" {
		rounds = 1 // failures are far between
	}
	for end := time.Now().Add(time.Minute); h.versions.Load() < rounds+1; {
		select {
		case err := <-done:
			t.Fatalf("it has ended: %v\n%.2000s", err, output.String())
		case <-time.After(20 * time.Millisecond): // polls a condition
		}
		most = max(most, highWater(c.Process.Pid))
		if time.Now().After(end) {
			t.Fatalf("it has asked %d times in a minute", h.versions.Load())
		}
		ask := func(method, path, token string) {
			request, _ := http.NewRequest(method, "http://"+address+path, nil)
			request.Header.Set("Authorization", token)
			if response, err := http.DefaultClient.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		}
		ask(http.MethodGet, "/api/client/features", backendToken)
		ask(http.MethodPost, "/hooks/unleash", "trigger-trigger-trigger")
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := <-done; err != nil {
		t.Errorf("%v\n%.2000s", err, output.String())
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s to end", took)
	}
	return most
}

// highWater is the most memory that a process has had, 0 for unknown.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kB, _ := strconv.ParseInt(fields[0], 10, 64)
	return kB << 10
}

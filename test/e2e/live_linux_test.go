package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/sse"
	"github.com/flagcast/flagcast/test/need"
	"github.com/flagcast/flagcast/test/rig"
)

// soak is 10,000 streams of one core, of which one in twenty is never read.
type soak struct {
	address string
	seen    []atomic.Int64 // the newest version of each client, -1 for one that does not read
	failed  atomic.Int64   // clients that were disconnected although they read
}

const (
	soakClients = 10_000
	soakToken   = "*:development.s3cr3t-soak"
)

// TestLive: 10,000 streams and flips for five minutes. Every client that reads gets every
// version within seconds, those that do not are disconnected, and memory stays. It is run
// by make test-live.
func TestLive(t *testing.T) {
	if os.Getenv("FLAGCAST_LIVE") != "1" {
		t.Skip("run make test-live")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "flagcast")
	build := exec.Command("go", "build", "-o", binary, "./cmd/flagcast") // without the race detector
	build.Dir = need.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	write := func(version int) {
		t.Helper()
		var flags []string
		for i := range 1000 {
			flags = append(flags, fmt.Sprintf(`{"name":"flag-%04d","project":"default","enabled":true,"strategies":[]}`,
				i))
		}
		// The flag that changes fills the buffers of clients that do not read.
		flags = append(flags, fmt.Sprintf(`{"name":"version","enabled":true,"strategies":[],"description":"%d %s"}`,
			version,
			strings.Repeat("x", 16<<10)))
		path := filepath.Join(dir, "flags.json")
		if err := os.WriteFile(path+".new", []byte(`{"features":[`+strings.Join(flags, ",")+`]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write(1)
	config := filepath.Join(dir, "flagcast.yaml")
	if err := os.WriteFile(config, []byte(`
upstream: { file: flags.json, environment: development }
api: { listen: "127.0.0.1:0", backend_tokens: ["${TOKEN}"], max_streams: 20000 }
`), 0o600); err != nil {
		t.Fatal(err)
	}
	core := rig.StartFlagcast(t, binary, config, map[string]string{"TOKEN": soakToken})
	empty := residentMB(t, core.Command.Process.Pid)
	s := &soak{address: strings.TrimPrefix(core.URL, "http://"), seen: make([]atomic.Int64, soakClients)}
	began := time.Now()
	s.connect(t)
	t.Logf("%d streams are open after %.1f s", soakClients, time.Since(began).Seconds())
	idle := residentMB(t, core.Command.Process.Pid)
	t.Logf("memory: %d MB, with idle streams %d MB", empty, idle)
	length := 5 * time.Minute
	if text := os.Getenv("FLAGCAST_LIVE_FOR"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	var warm, most int
	var slowest time.Duration
	version := 1
	for end := time.Now().Add(length); time.Now().Before(end); {
		version++
		flipped := time.Now()
		write(version)
		for !s.all(version) {
			if time.Since(flipped) > 30*time.Second {
				t.Fatalf("version %d is not with all clients after 30 s", version)
			}
			time.Sleep(10 * time.Millisecond)
		}
		slowest = max(slowest, time.Since(flipped))
		now := residentMB(t, core.Command.Process.Pid)
		if left := time.Until(end); left > length*4/5 {
			warm = max(warm, now)
		} else {
			most = max(most, now)
		}
		time.Sleep(time.Until(flipped.Add(2 * time.Second)))
	}
	metrics := get(t, core.URL+"/internal-backstage/prometheus")
	for _, name := range []string{
		"flagcast_streams", `flagcast_stream_ends_total{reason="slow"}`, `flagcast_stream_ends_total{reason="gone"}`,
		"flagcast_stream_fanout_seconds_sum", "flagcast_stream_fanout_seconds_count", "flagcast_stream_bytes_total",
	} {
		t.Logf("%s %s", name, metric(metrics, name))
	}
	t.Logf("%d versions; the slowest was with all clients after %d ms, of which 50 are the file's; memory at most %d "+
		"MB in "+
		"the first fifth, %d MB after it", version, slowest.Milliseconds(), warm, most)
	if s.failed.Load() > 0 {
		t.Errorf("%d clients that read were disconnected", s.failed.Load())
	}
	if metric(metrics, `flagcast_stream_ends_total{reason="slow"}`) != strconv.Itoa(soakClients/20) {
		t.Errorf("not all of the %d clients that do not read were disconnected", soakClients/20)
	}
	if most > warm+warm/4+10 {
		t.Errorf("memory grows: %d MB in the first fifth, %d MB later", warm, most)
	}
}

// connect opens the streams, from several addresses.
func (s *soak) connect(t *testing.T) {
	t.Helper()
	var opening sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range soakClients {
		slots <- struct{}{}
		opening.Go(func() {
			defer func() { <-slots }()
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%100))}}
			conn, err := dialer.Dial("tcp", s.address)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			_, err = fmt.Fprintf(conn, "GET /api/client/streaming HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n",
				soakToken)
			if err != nil {
				t.Error(err)
				return
			}
			if i%20 == 0 {
				s.seen[i].Store(-1)
				return // it never reads
			}
			response, err := http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), nil)
			if err != nil || response.StatusCode != http.StatusOK {
				t.Errorf("%v %v", response, err)
				return
			}
			events := sse.NewReader(response.Body, 1<<20)
			if _, err := events.Next(); err != nil {
				t.Error(err)
			}
			go s.read(i, events)
		})
	}
	opening.Wait()
}

var soakVersion = regexp.MustCompile(`"description":"(\d+) `)

func (s *soak) read(i int, events *sse.Reader) {
	for {
		e, err := events.Next()
		if err != nil {
			s.failed.Add(1)
			return
		}
		if found := soakVersion.FindStringSubmatch(e.Data); found != nil {
			version, _ := strconv.ParseInt(found[1], 10, 64)
			s.seen[i].Store(version)
		}
	}
}

// all reports whether every client that reads has a version.
func (s *soak) all(version int) bool {
	for i := range s.seen {
		if seen := s.seen[i].Load(); seen >= 0 && seen < int64(version) {
			return false
		}
	}
	return true
}

func residentMB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	kB, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return kB >> 10
}

// metric returns the value of one line of metrics.
func metric(metrics, name string) string {
	for line := range strings.Lines(metrics) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

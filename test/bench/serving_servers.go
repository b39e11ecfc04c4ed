package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"syscall"
	"time"
)

const (
	backendToken  = "*:production.bench-backend"
	frontendToken = "*:production.bench-frontend"
	// memoryLimit is GOMEMLIMIT of deploy/ack/core.yaml.
	memoryLimit = "120MiB"
)

// server is a process that answers on loopback.
type server struct {
	name    string
	url     string
	edge    bool // Unleash Edge
	hello   bool // a hello-world, which answers everything alike
	process *exec.Cmd
}

func (s *server) pid() int { return s.process.Process.Pid }

// code is the status that a server answers with where flagcast answers with
// code.
func (s *server) code(code int) int {
	if s.hello {
		return http.StatusOK
	}
	return code
}

// servers starts what is measured, each when it is first needed.
type servers struct {
	dir     string
	edgeBin string // "": none
	running map[string]*server
}

func newServers() *servers {
	dir, err := os.MkdirTemp("", "flagcast-bench")
	check(err)
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "flagcast"),
		"github.com/flagcast/flagcast/cmd/flagcast")
	build.Dir, build.Stderr = "../..", os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	check(build.Run())
	return &servers{dir: dir, edgeBin: os.Getenv("UNLEASH_EDGE_BIN"), running: map[string]*server{}}
}

func (s *servers) edge() bool { return s.edgeBin != "" }

func (s *servers) stop() {
	for key := range s.running {
		s.end(key)
	}
	_ = os.RemoveAll(s.dir)
}

// end stops one server.
func (s *servers) end(key string) {
	process := s.running[key].process
	delete(s.running, key)
	_ = process.Process.Signal(syscall.SIGTERM)
	_ = process.Wait()
}

// file holds n flags, for both servers.
func (s *servers) file(n int) string {
	path := filepath.Join(s.dir, fmt.Sprintf("flags%d.json", n))
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		check(os.WriteFile(path, definitions(n), 0o600))
	}
	return path
}

// once starts a server unless it runs.
func (s *servers) once(key string, start func(address string) *server) *server {
	if s.running[key] == nil {
		address := freeAddress()
		one := start(address)
		one.url = "http://" + address
		one.process.Stderr = os.Stderr
		check(one.process.Start())
		s.running[key] = one
		one.await()
	}
	return s.running[key]
}

// flagcast serves n flags from a file.
func (s *servers) flagcast(n int) *server {
	return s.flagcastOf(fmt.Sprintf("flagcast %d", n),
		fmt.Sprintf("upstream: { file: %q, environment: production }", s.file(n)), "")
}

func (s *servers) flagcastOf(key, upstream, more string) *server {
	return s.once(key, func(address string) *server {
		config := filepath.Join(s.dir, strings.ReplaceAll(key, " ", "-")+".yaml")
		check(os.WriteFile(config, []byte(fmt.Sprintf(
			"%s\napi: { listen: %q, backend_tokens: [%q], frontend_tokens: [%q]%s }\nlog: { level: error }\n",
			upstream, address, backendToken, frontendToken, more)), 0o600))
		process := exec.Command(filepath.Join(s.dir, "flagcast"), "serve", "--no-publish", "--config", config)
		process.Env = append(os.Environ(), "GOMEMLIMIT="+memoryLimit)
		return &server{name: "flagcast", process: process}
	})
}

// peer serves the same flags, or is a hello-world.
func (s *servers) peer(n int) *server {
	if !s.edge() {
		return s.once("hello", func(address string) *server {
			self, err := os.Executable()
			check(err)
			return &server{name: "hello-world", hello: true, process: exec.Command(self, "-hello", address)}
		})
	}
	return s.once(fmt.Sprintf("edge %d", n), func(address string) *server {
		host, port, err := net.SplitHostPort(address)
		check(err)
		process := exec.Command(s.edgeBin, "offline", "--bootstrap-file", s.file(n), "--client-tokens", backendToken,
			"--frontend-tokens", frontendToken)
		process.Env = append(os.Environ(), "INTERFACE="+host, "PORT="+port, "RUST_LOG=error")
		return &server{name: "Unleash Edge", edge: true, process: process}
	})
}

// hello is the server that does least.
func hello(address string) {
	server := &http.Server{
		Addr: address, ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "Hello, world!\n")
		}),
	}
	check(server.ListenAndServe())
}

func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer l.Close()
	return l.Addr().String()
}

// await returns when the server answers.
func (s *server) await() {
	deadline := time.Now().Add(30 * time.Second)
	for {
		if r, err := s.try("/internal-backstage/ready", nil); err == nil && r.code == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			check(fmt.Errorf("%s does not get ready on %s", s.name, s.url))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// agree ends the run when two servers of the same flags do not serve the same:
// it would be no comparison.
func agree(us, peer *server) {
	if peer.hello {
		return
	}
	type answer struct {
		Features []struct{ Name string }
		Toggles  []struct {
			Name    string
			Enabled bool
			Variant struct{ Name string }
		}
	}
	for path, token := range map[string]string{
		"/api/client/features": backendToken,
		"/api/frontend?userId=user-7&properties%5Bcountry%5D=norway": frontendToken,
	} {
		var answers [2]answer
		for i, one := range []*server{us, peer} {
			check(json.Unmarshal(one.get(path, http.Header{"Authorization": {token}}).body, &answers[i]))
			a := &answers[i]
			sort.Slice(a.Features, func(i, j int) bool { return a.Features[i].Name < a.Features[j].Name })
			sort.Slice(a.Toggles, func(i, j int) bool { return a.Toggles[i].Name < a.Toggles[j].Name })
		}
		if n := len(answers[0].Features) + len(answers[0].Toggles); n == 0 ||
			!reflect.DeepEqual(answers[0], answers[1]) {
			check(fmt.Errorf("%s and %s do not agree about %s: %d and %d flags", us.name, peer.name, path, n,
				len(answers[1].Features)+len(answers[1].Toggles)))
		}
	}
}

type reply struct {
	code int
	tag  string
	body []byte
}

// get is one request that must be answered with 200.
func (s *server) get(path string, header http.Header) reply {
	r, err := s.try(path, header)
	check(err)
	if r.code != http.StatusOK {
		check(fmt.Errorf("%s answers %s with %d", s.name, path, r.code))
	}
	return r
}

func (s *server) try(path string, header http.Header) (reply, error) {
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	check(err)
	if header != nil {
		request.Header = header
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header.Get("ETag"), body}, err
}

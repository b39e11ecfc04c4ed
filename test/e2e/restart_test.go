package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/flagcast/flagcast/test/rig"
)

// TestRestartUnderLoad: of two replicas behind a load balancer each is
// restarted while requests run, and no request fails.
func TestRestartUnderLoad(t *testing.T) {
	u := rig.StartUnleash(t)
	u.FlagWith(t, "new-feature", rollout("new-feature", 100))
	binary := rig.Build(t)
	ports := [2]int{rig.FreePort(t), rig.FreePort(t)}
	dirs := [2]string{t.TempDir(), t.TempDir()}
	start := func(i int) *rig.Flagcast {
		config := filepath.Join(dirs[i], "flagcast.yaml")
		text := fmt.Sprintf(
			"upstream: { url: %q, tokens: [%q], poll_interval: 1s }\nstate: { dir: state }\napi: { listen: "+
				"\"127.0.0.1:%d\", drain: 2s }\n", u.URL, u.Backend, ports[i])
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return rig.StartFlagcast(t, binary, config, nil, "--no-publish")
	}
	balancer := &balancer{}
	replicas := [2]*rig.Flagcast{}
	for i := range replicas {
		replicas[i] = start(i)
		balancer.replicas[i].url = replicas[i].URL
	}
	ready := func(i int, want bool) {
		t.Helper()
		rig.Eventually(t, "the load balancer notices a replica", func() bool {
			balancer.probe()
			return balancer.replicas[i].ready.Load() == want
		})
	}
	ready(0, true)
	ready(1, true)

	var load sync.WaitGroup
	var failed, answered atomic.Int64
	stop := make(chan struct{})
	for worker := range 8 {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := balancer.ask(n+worker, u.Backend, u.Frontend); err != nil {
					if failed.Add(1) <= 5 {
						t.Error(err)
					}
				}
				answered.Add(1)
			}
		})
	}
	// more waits for requests that begin from now on.
	more := func() {
		t.Helper()
		from := answered.Load()
		rig.Eventually(t, "requests run", func() bool { return answered.Load() > from+500 })
	}
	more()
	for i := range replicas {
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			replicas[i].Stop()
		}()
		ready(i, false) // while it still answers
		<-stopped
		more()
		replicas[i] = start(i)
		ready(i, true)
		more()
	}
	close(stop)
	load.Wait()
	t.Logf("%d requests while both replicas were restarted, %d failed; %d were tried at the other one", answered.Load(),
		failed.Load(), balancer.retried.Load())
}

// balancer asks two replicas in turn, as load balancers do: only one that is
// ready, and the next one when a connection is refused.
type balancer struct {
	replicas [2]struct {
		url   string
		ready atomic.Bool
	}
	turn    atomic.Int64
	retried atomic.Int64
}

// probe asks each replica whether it is ready.
func (b *balancer) probe() {
	for i := range b.replicas {
		b.replicas[i].ready.Store(rig.Answers(b.replicas[i].url + "/ready"))
	}
}

// ask sends a request of one SDK or the other to a replica.
func (b *balancer) ask(n int, backend, frontend string) error {
	path, token := "/api/frontend?userId=7", frontend
	if n%2 == 0 {
		path, token = "/api/client/features", backend
	}
	err := fmt.Errorf("%s: no replica is ready", path)
	first := int(b.turn.Add(1))
	for try := range b.replicas {
		replica := &b.replicas[(first+try)%len(b.replicas)]
		if !replica.ready.Load() {
			continue
		}
		if err = succeeds(replica.url+path, token); !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		b.retried.Add(1)
	}
	return err
}

// succeeds asks for something and reads all of it.
func succeeds(url, token string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || !strings.Contains(string(body), "new-feature")) {
		err = fmt.Errorf("%s %s", response.Status, body)
	}
	return err
}

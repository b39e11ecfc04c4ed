package listen

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// TestDrainKeepsIdleConnections: a request on a connection that was idle at the
// signal to end is answered, and the connection ends with the answer. A POST is not
// sent again by clients, so it must not be lost.
func TestDrainKeepsIdleConnections(t *testing.T) {
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			served(t, config.API{Drain: 5 * time.Second}, func(p *pipes, end func()) {
				dialed := 0
				var open atomic.Int32
				client := unencrypted(h2, func() net.Conn {
					dialed++
					open.Add(1)
					return &counted{Conn: p.dial(), release: sync.OnceFunc(func() { open.Add(-1) })}
				})
				defer client.CloseIdleConnections()
				post := func() int {
					r, err := http.NewRequest("POST", "http://flags.example/api/frontend", strings.NewReader("{}"))
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Authorization", goodToken)
					response, err := client.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
					return response.StatusCode
				}
				if code := post(); code != 200 {
					t.Fatal(code)
				}
				synctest.Wait() // the connection is idle
				end()
				time.Sleep(3 * time.Second)
				synctest.Wait()
				if open.Load() != 1 {
					t.Error("the idle connection is closed while the API drains")
				}
				if code := post(); code != 200 || dialed != 1 {
					t.Errorf("%d on connection %d", code, dialed)
				}
				time.Sleep(1500 * time.Millisecond) // Go waits a second for the client to end it
				synctest.Wait()
				if open.Load() != 0 {
					t.Error("the connection stays open after its answer")
				}
			})
		})
	}
}

var errBroken = errors.New("broken")

// broken is a listener that accepts no connection.
type broken struct{ *pipes }

func (broken) Accept() (net.Conn, error) { return nil, errBroken }

// TestNoDrainWithoutListeners: a process whose only listener has failed ends at
// once, since it cannot answer a request while it drains.
func TestNoDrainWithoutListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group, running := errgroup.WithContext(t.Context())
		l := &Listeners{plain: broken{newPipes()}}
		began := time.Now()
		l.Serve(running, group, newTestHandler(t), &config.API{Drain: time.Hour}, slog.New(slog.DiscardHandler))
		if err := group.Wait(); !errors.Is(err, errBroken) {
			t.Errorf("%v, want the failure of the listener", err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it ended after %s", took)
		}
	})
}

package listen

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

const openStream = "GET /api/client/streaming HTTP/1.1\r\nHost: x\r\nAuthorization: " + backendToken + "\r\n\r\n"

// TestStreamLives: a stream outlives the deadlines of requests, is never silent for longer
// than an SDK waits, and ends while the process drains.
func TestStreamLives(t *testing.T) {
	served(t, config.API{Drain: 5 * time.Second}, func(p *pipes, end func()) {
		c := p.dial()
		defer c.Close()
		if _, err := io.WriteString(c, openStream); err != nil {
			t.Fatal(err)
		}
		var read strings.Builder
		ended := make(chan error, 1)
		last := time.Now()
		go func() {
			lines := bufio.NewReader(c)
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					ended <- err
					return
				}
				if silent := time.Since(last); silent > 30*time.Second {
					t.Errorf("nothing for %s", silent)
				}
				last = time.Now()
				read.WriteString(line)
			}
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("ended after %s: %v: %s", time.Since(last), err, &read)
		default:
		}
		began := time.Now()
		end()
		if err := <-ended; !errors.Is(err, io.EOF) || time.Since(began) > 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		for _, want := range []string{
			"200 OK", "event: unleash-connected\n", `{"events":[{"type":"hydration",`, "\r\n0\r\n",
		} {
			if !strings.Contains(read.String(), want) {
				t.Errorf("no %q in %s", want, &read)
			}
		}
	})
}

// TestStreamThatIsNotRead: a client that does not read is disconnected.
func TestStreamThatIsNotRead(t *testing.T) {
	served(t, config.API{}, func(p *pipes, _ func()) {
		began := time.Now()
		c := p.dial()
		defer c.Close()
		if _, err := io.WriteString(c, openStream); err != nil {
			t.Fatal(err)
		}
		time.Sleep(21 * time.Second)
		synctest.Wait()
		_, _ = io.Copy(io.Discard, c) // what was sent before, and the end
		if took := time.Since(began); took > 22*time.Second {
			t.Errorf("open for %s", took)
		}
	})
}

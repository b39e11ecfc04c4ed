package cloudflare

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/sinktest"
	"github.com/flagcast/flagcast/test/rig"
)

const explorerNamespace = "0123456789abcdef0123456789abcdef"

// reader is a worker that shows what KV holds under the key that its path
// names.
const reader = `export default {
  async fetch(request, env) {
    const key = new URL(request.url).pathname.slice(1)
    return Response.json(await env.FLAGS.getWithMetadata(key, 'text'))
  }
}`

// TestContractInWorkerd runs the suite against an implementation of the REST
// API that is Cloudflare's own.
func TestContractInWorkerd(t *testing.T) {
	worker := rig.StartWorker(t, rig.WorkerOptions{Script: reader, KV: map[string]string{"FLAGS": explorerNamespace}})
	c := DefaultConfig()
	c.Account, c.Namespace, c.APIToken, c.Endpoint = "any", explorerNamespace, secret.New("any"), worker.API
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Run(t, func(*testing.T) sinks.Sink { return s }, sinktest.Options{})

	t.Run("a worker reads value and metadata", func(t *testing.T) {
		err := s.Put(t.Context(), sinks.Object{
			Key: "k", Body: []byte(`{"größe":1}`), Meta: map[string]string{"seq": "7"},
		})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(worker.URL + "/k")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Value    string
			Metadata map[string]string
		}
		if err := json.Unmarshal(text, &got); err != nil || got.Value != `{"größe":1}` || got.Metadata["seq"] != "7" {
			t.Errorf("the worker reads %s (%v)", text, err)
		}
	})

	// As Put and PutBatch write them: for a worker they are the same.
	t.Run("a worker reads what was written with others", func(t *testing.T) {
		list := objects(3, 500)
		if err := errors.Join(s.PutBatch(t.Context(), list)...); err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			resp, err := http.Get(worker.URL + "/" + string(o.Key))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			var got struct {
				Value    string
				Metadata map[string]string
			}
			if err != nil || json.Unmarshal(text, &got) != nil || got.Value != string(o.Body) ||
				!maps.Equal(got.Metadata, o.Meta) {
				t.Errorf("the worker reads %s (%v)", text, err)
			}
		}
	})

	t.Run("bytes that are no text are read exactly", func(t *testing.T) {
		keys := []sinks.Key{"bytes", "mark", "replaced"}
		for i, body := range []string{"{\xff\x00}", "\ufeff{}", "\ufffd"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.Locate(keys[i]),
				strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/octet-stream")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		bodies, errs := s.GetBatch(t.Context(), keys)
		if err := errors.Join(errs...); err != nil || string(bodies[0]) != "{\xff\x00}" ||
			string(bodies[2]) != "\ufffd" {
			t.Errorf("got %q, %v", bodies, err)
		}
		// The exception that GetBatch names.
		if string(bodies[1]) != "{}" {
			t.Errorf("a byte order mark is kept: %q", bodies[1])
		}
	})

	t.Run("a title instead of an id", func(t *testing.T) {
		c := c
		c.Namespace = "FLAGS" // the explorer uses the binding as the title
		s, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Get(t.Context(), "k"); !errors.Is(err, sinks.ErrPermanent) ||
			!strings.Contains(err.Error(), `"FLAGS" is the title of namespace `+explorerNamespace+": write that id") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("a namespace that does not exist", func(t *testing.T) {
		c := c
		c.Namespace = "flags"
		s, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Get(t.Context(), "k")
		if !errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrNotFound) ||
			!strings.Contains(err.Error(), `namespace "flags" looks like a title`) {
			t.Errorf("got %v", err)
		}
	})
}

// TestContractOfAnAccount runs the suite against a real namespace, which it
// leaves as it was.
func TestContractOfAnAccount(t *testing.T) {
	c := DefaultConfig()
	c.Account, c.Namespace = os.Getenv("FLAGCAST_TEST_CLOUDFLARE_ACCOUNT"),
		os.Getenv("FLAGCAST_TEST_CLOUDFLARE_NAMESPACE")
	c.APIToken = secret.New(os.Getenv("FLAGCAST_TEST_CLOUDFLARE_API_TOKEN"))
	if c.Account == "" || c.Namespace == "" || c.APIToken.IsZero() {
		t.Skip("FLAGCAST_TEST_CLOUDFLARE_{ACCOUNT,NAMESPACE,API_TOKEN} are not set: there is no account to test " +
			"against")
	}
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Run(t, func(*testing.T) sinks.Sink { return s }, sinktest.Options{Staleness: 3 * s.Limits().Propagation})
}

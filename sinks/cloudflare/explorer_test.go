package cloudflare

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/sinktest"
	"github.com/flagcast/flagcast/test/need"
)

const explorerNamespace = "0123456789abcdef0123456789abcdef"

// explorer starts workerd and the local explorer of miniflare. It returns the
// base of the REST API, with the prefix of an account as Cloudflare has it,
// and the address of the worker that reads the same namespace.
func explorer(t *testing.T) (api, worker string) {
	t.Helper()
	node, module := need.Node(t), need.Module(t, "miniflare")
	cmd := exec.CommandContext(t.Context(), node, "testdata/explorer.mjs", module, explorerNamespace)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("miniflare does not start: %v", err)
	}
	target, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	account := regexp.MustCompile(`^/accounts/[^/]+`)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Path = "/cdn-cgi/explorer/api" + account.ReplaceAllString(r.In.URL.Path, "")
		r.Out.URL.RawPath = ""
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL, strings.TrimSuffix(target.String(), "/")
}

// TestContractInWorkerd runs the suite against an implementation of the REST
// API that is Cloudflare's own.
func TestContractInWorkerd(t *testing.T) {
	api, worker := explorer(t)
	c := DefaultConfig()
	c.Account, c.Namespace, c.APIToken, c.Endpoint = "any", explorerNamespace, secret.New("any"), api
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Run(t, func(*testing.T) sinks.Sink { return s }, sinktest.Options{})

	t.Run("a worker reads value and metadata", func(t *testing.T) {
		err := s.Put(t.Context(), sinks.Object{Key: "k", Body: []byte(`{"größe":1}`), Meta: map[string]string{"seq": "7"}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(worker + "/k")
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

	t.Run("a namespace that does not exist", func(t *testing.T) {
		c := c
		c.Namespace = "flags"
		s, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Get(t.Context(), "k")
		if !errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrNotFound) || !strings.Contains(err.Error(), `namespace "flags" looks like a title`) {
			t.Errorf("got %v", err)
		}
	})
}

// TestContractOfAnAccount runs the suite against a real namespace, which it
// leaves as it was.
func TestContractOfAnAccount(t *testing.T) {
	c := DefaultConfig()
	c.Account, c.Namespace = os.Getenv("FLAGCAST_TEST_CLOUDFLARE_ACCOUNT"), os.Getenv("FLAGCAST_TEST_CLOUDFLARE_NAMESPACE")
	c.APIToken = secret.New(os.Getenv("FLAGCAST_TEST_CLOUDFLARE_API_TOKEN"))
	if c.Account == "" || c.Namespace == "" || c.APIToken.IsZero() {
		t.Skip("FLAGCAST_TEST_CLOUDFLARE_{ACCOUNT,NAMESPACE,API_TOKEN} are not set: there is no account to test against")
	}
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Run(t, func(*testing.T) sinks.Sink { return s }, sinktest.Options{Patience: 3 * s.Limits().Propagation})
}

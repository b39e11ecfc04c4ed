package cloudflare

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare/cloudflaretest"
)

func TestCheck(t *testing.T) {
	good := DefaultConfig()
	good.Account, good.Namespace, good.APIToken = strings.Repeat("a", 32), "flags", secret.New("t0ken_-")
	tests := map[string]struct {
		change func(*Config)
		want   []string // key and a part of the problem
	}{
		"good": {func(*Config) {}, nil},
		"empty": {func(c *Config) {
			*c = DefaultConfig()
		}, []string{"account: is missing", "namespace: is missing", "api_token: is missing"}},
		"title": {func(c *Config) { c.Namespace = "my flags" }, nil}, // the service returns its id
		"blank": {func(c *Config) {
			c.Namespace = " "
		}, []string{"namespace: is missing; give the namespace id, 32 hex"}},
		"path in an id": {func(c *Config) { c.Account = "../x" }, []string{"account: is not an id"}},
		"line break": {func(c *Config) {
			c.APIToken = secret.New("hidden\n")
		}, []string{"api_token: contains a space, a line break"}},
		"no URL": {func(c *Config) {
			c.Endpoint = "api.cloudflare.com"
		}, []string{"endpoint: is not the URL of an API"}},
		"no endpoint":      {func(c *Config) { c.Endpoint = "" }, []string{"endpoint: is not the URL of an API"}},
		"query":            {func(c *Config) { c.Endpoint += "?x=1" }, []string{"endpoint: holds more than"}},
		"accounts":         {func(c *Config) { c.Endpoint += "/accounts/" }, []string{`endpoint: ends in "/accounts"`}},
		"proxy":            {func(c *Config) { c.Proxy = "user:hidden@proxy:3128" }, []string{"proxy: not "}},
		"negative timeout": {func(c *Config) { c.Timeout = -time.Second }, []string{"timeout: is below 0"}},
	}
	for name, tt := range tests {
		c := good
		tt.change(&c)
		errs := c.Check()
		if len(errs) != len(tt.want) {
			t.Errorf("%s: got %v, want %v", name, errs, tt.want)
			continue
		}
		for i, err := range errs {
			var of *sinks.ConfigError
			if !errors.As(err, &of) || !strings.HasPrefix(err.Error(), tt.want[i]) ||
				strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: got %q, want %q", name, err, tt.want[i])
			}
		}
		if _, err := New(c, nil); (err == nil) != (len(tt.want) == 0) {
			t.Errorf("%s: New answers %v", name, err)
		}
	}
}

func TestConfigPrintsNoToken(t *testing.T) {
	c := Config{APIToken: secret.New("hidden")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, "hidden") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestProxy(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{})
	used := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used <- r.URL.String()
		out := r.Clone(r.Context())
		out.RequestURI = ""
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = fmt.Fprint(w, `{"success":true,"errors":[],"messages":[],"result":null}`)
	}))
	defer proxy.Close()
	c := config(server)
	c.Proxy = proxy.URL
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, s); err != nil {
		t.Fatal(err)
	}
	if got := <-used; got != s.Locate("k") {
		t.Errorf("the proxy has seen %q, want %q", got, s.Locate("k"))
	}
	if _, ok := server.Stored("k"); !ok {
		t.Error("nothing is stored")
	}
}

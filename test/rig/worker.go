package rig

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// WorkerOptions say what runs in workerd: a Script, or an Entry with what it
// imports.
type WorkerOptions struct {
	Script string `json:"script,omitempty"`
	Entry  string `json:"entry,omitempty"` // path from the root of the module
	// Prelude is put before the script: globals of another platform.
	Prelude string `json:"prelude,omitempty"`
	// ServiceWorker is the form with addEventListener; else it is a module.
	ServiceWorker bool              `json:"serviceWorker"`
	KV            map[string]string `json:"kv,omitempty"` // binding: id of the namespace
	Vars          map[string]string `json:"vars,omitempty"`
}

// Worker runs in workerd.
type Worker struct {
	*Process
	URL string
	// API is the base of Cloudflare's REST API for the KV namespaces of the
	// worker, served by miniflare's local explorer.
	API string
}

// StartWorker starts workerd through miniflare.
func StartWorker(t testing.TB, o WorkerOptions) *Worker {
	t.Helper()
	if o.Entry != "" {
		o.Entry = filepath.Join(need.Root(), filepath.FromSlash(o.Entry))
	}
	options, err := json.Marshal(struct {
		WorkerOptions
		Modules string `json:"modules"`
	}{o, filepath.Dir(need.Module(t, "miniflare"))})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(need.Node(t), filepath.Join(need.Root(), "test", "rig", "worker.mjs"), string(options))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close() })
	w := &Worker{Process: Start(t, cmd)}
	address := regexp.MustCompile(`worker at (http://\S+?)/?\n`)
	w.Until(t, "workerd listens", func() bool {
		found := address.FindStringSubmatch(w.Output())
		if found != nil {
			w.URL = found[1]
		}
		return found != nil
	})
	w.API = explorer(t, w.URL)
	return w
}

// explorer puts the local explorer behind the paths of Cloudflare's API, which
// begin with an account, and adds the bulk write that miniflare 4 does not
// have (miniflare 5 has).
func explorer(t testing.TB, worker string) string {
	t.Helper()
	target, err := url.Parse(worker)
	if err != nil {
		t.Fatal(err)
	}
	account := regexp.MustCompile(`^/accounts/[^/]+`)
	single := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Path = "/cdn-cgi/explorer/api" + account.ReplaceAllString(r.In.URL.Path, "")
		r.Out.URL.RawPath = ""
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/bulk") {
			bulkWrite(w, r, single)
			return
		}
		single.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	return strings.TrimSuffix(proxy.URL, "/")
}

// bulkWrite puts the pairs of a bulk write one by one. The first answer that
// is not a success is the answer.
func bulkWrite(w http.ResponseWriter, r *http.Request, single http.Handler) {
	var pairs []struct {
		Key, Value string
		Base64     bool
		Metadata   json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&pairs); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, pair := range pairs {
		value := []byte(pair.Value)
		if pair.Base64 {
			value, _ = base64.StdEncoding.DecodeString(pair.Value)
		}
		var form bytes.Buffer
		parts := multipart.NewWriter(&form)
		for name, content := range map[string][]byte{"value": value, "metadata": pair.Metadata} {
			if content != nil {
				part, _ := parts.CreateFormField(name) // to a buffer: does not fail
				_, _ = part.Write(content)
			}
		}
		_ = parts.Close()
		put := r.Clone(r.Context())
		put.URL.Path = strings.TrimSuffix(r.URL.Path, "/bulk") + "/values/" + pair.Key
		put.Header.Set("Content-Type", parts.FormDataContentType())
		put.Body, put.ContentLength = io.NopCloser(&form), int64(form.Len())
		answer := httptest.NewRecorder()
		single.ServeHTTP(answer, put)
		if answer.Code != http.StatusOK {
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w,
		`{"success":true,"errors":[],"messages":[],"result":{"successful_key_count":%d,"unsuccessful_keys":[]}}`,
		len(pairs))
}

package dev

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"

	"github.com/flagcast/flagcast/bundles"
)

// front passes requests on to the worker that runs.
type front struct {
	mu     sync.Mutex
	worker *process
	err    error // why there is no worker
}

func newFront() *front { return &front{err: errors.New("the flags have not been read yet")} }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	worker, err := f.worker, f.err
	if worker != nil {
		worker.requests.Add(1)
	}
	f.mu.Unlock()
	if worker == nil {
		http.Error(w, "flagcast dev: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer worker.requests.Done()
	worker.proxy.ServeHTTP(w, r)
}

// replace sends further requests to another worker, and returns the one before.
func (f *front) replace(next *process) (before *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, f.worker, f.err = f.worker, next, nil
	return before
}

// fail answers further requests with an error.
func (f *front) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.worker, f.err = nil, err
}

// clientHeaders are those in which platforms give the address of the client.
var clientHeaders = map[bundles.Platform]string{
	bundles.Cloudflare: "Cf-Connecting-Ip", bundles.EdgeRoutine: "Ali-Cdn-Real-Ip", bundles.ESA: "Ali-Real-Client-Ip",
}

// newProxy passes requests on to an address, with the address of the client as the
// platform gives it, unless the request has one.
func newProxy(address string, platform bundles.Platform, log *slog.Logger) http.Handler {
	header := clientHeaders[platform]
	target := &url.URL{Scheme: "http", Host: address}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			if host, _, err := net.SplitHostPort(r.In.RemoteAddr); err == nil && r.In.Header.Get(header) == "" {
				r.Out.Header.Set(header, host)
			}
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "flagcast dev: the worker did not answer: "+err.Error(), http.StatusBadGateway)
		},
	}
}

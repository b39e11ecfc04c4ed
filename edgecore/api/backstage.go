package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Backstage selects what is served below /internal-backstage, for an internal
// network: these paths need no token.
type Backstage struct {
	// Separate gives these paths a handler of their own. Health and readiness are
	// served by both.
	Separate       bool
	DisableMetrics bool
	// Features serves all definitions of all environments, Tokens the report of
	// access.Access.
	Features, Tokens bool
}

// maxScrapes bounds the concurrent requests for metrics; more get 503.
const maxScrapes = 8

// healthRoutes adds health and readiness.
func (a *api) healthRoutes(mux router) {
	health := func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "OK"})
	}
	for _, prefix := range []string{"", "/internal-backstage"} {
		mux.HandleFunc("GET "+prefix+"/health", health)
		mux.HandleFunc("GET "+prefix+"/ready", a.ready)
	}
}

func (a *api) backstageRoutes(mux router) {
	if !a.Backstage.DisableMetrics {
		metrics := promhttp.HandlerFor(a.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
		mux.Handle("GET /internal-backstage/prometheus", metrics)
		mux.Handle("GET /internal-backstage/metrics", metrics)
	}
	if a.Targets != nil {
		mux.HandleFunc("GET /internal-backstage/targets", func(w http.ResponseWriter, _ *http.Request) {
			a.sendJSON(w, a.Targets())
		})
	}
	if a.Backstage.Features {
		mux.HandleFunc("GET /internal-backstage/features", a.dump)
	}
	if a.Backstage.Tokens {
		mux.HandleFunc("GET /internal-backstage/tokens", func(w http.ResponseWriter, _ *http.Request) {
			a.sendJSON(w, a.Access.Report())
		})
	}
}

// dump writes the definitions of every environment that has some.
func (a *api) dump(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	for _, env := range a.Environments {
		st, err := a.States.Load(env)
		if err != nil {
			continue
		}
		name, _ := json.Marshal(env) // a string always encodes
		separator := byte(',')
		if b.Len() == 0 {
			separator = '{'
		}
		b.WriteByte(separator)
		b.Write(name)
		b.WriteByte(':')
		b.Write(st.Definitions.Encode())
	}
	if b.Len() == 0 {
		b.WriteByte('{')
	}
	b.WriteString("}\n")
	w.Header().Set("Content-Type", "application/json")
	a.send(w, b.Bytes())
}

// ready answers 200 once every environment has flags, restored ones included,
// until the process is about to end.
func (a *api) ready(w http.ResponseWriter, _ *http.Request) {
	if why := a.notReady(); why != "" {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "NOTREADY", "error": why})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "READY"})
}

// notReady returns why the process is not ready, "" when it is.
func (a *api) notReady() string {
	if a.draining.Load() {
		return "shutting down"
	}
	for _, env := range a.Environments {
		if _, err := a.States.Load(env); err != nil {
			return "no flags of environment " + strconv.Quote(string(env)) + " yet"
		}
	}
	return ""
}

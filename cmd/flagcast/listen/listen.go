// Package listen opens the addresses of the API and serves it on them: with or
// without TLS, with bounds on connections, headers and time, and drained at the end.
package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/internal/httpclient"
)

const (
	headerTimeout   = 15 * time.Second
	requestTimeout  = 30 * time.Second
	answerTimeout   = 40 * time.Second // so that a slow request gets an error
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 10 * time.Second
	maxHeaderBytes  = 64 << 10
	// Of HTTP/2: what a client may send before a handler reads it, in bytes of a
	// connection and of each of its streams. Go's 1 MiB would be outside of every
	// budget. An upload of 1 MiB needs 16 round trips.
	maxUnread  = 64 << 10
	maxStreams = 100
)

// Listeners are the addresses that serve has taken. plain or encrypted is nil
// where there is none, backstage where it is not apart.
type Listeners struct {
	plain, Encrypted, Backstage net.Listener
	certificate                 *httpclient.Certificate
}

// Open takes every address at once, so that a port that another process has
// ends the start and nothing else.
func Open(cfg *config.API, log *slog.Logger) (l *Listeners, err error) {
	l = &Listeners{}
	take := func(at *net.Listener, address, hint string) {
		if err != nil {
			return
		}
		if *at, err = net.Listen("tcp", address); err != nil {
			err = exit.With(exit.Failed, fmt.Errorf("listen on %q: %w", address, err),
				"another process may have the port; set "+hint)
		}
	}
	if cfg.TLS.CertFile != "" {
		l.certificate, err = httpclient.NewCertificate(cfg.TLS.CertFile, cfg.TLS.KeyFile, func(err error) {
			log.Error("the certificate of the API cannot be read again: the one before stays", "err", err)
		})
		if err != nil {
			return nil, exit.With(exit.Usage, err, "")
		}
		take(&l.Encrypted, cfg.TLS.Listen, "api.tls.listen or TLS_SERVER_PORT")
	}
	if !cfg.TLS.Only {
		take(&l.plain, cfg.Listen, "api.listen or PORT")
	}
	if cfg.Backstage.Listen != "" {
		take(&l.Backstage, cfg.Backstage.Listen, "api.backstage.listen")
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close closes the addresses that Open has opened.
func (l *Listeners) Close() {
	for _, one := range []net.Listener{l.plain, l.Encrypted, l.Backstage} {
		if one != nil {
			_ = one.Close()
		}
	}
}

// Main is where an API client goes.
func (l *Listeners) Main() (scheme string, addr net.Addr) {
	if l.plain == nil {
		return "https", l.Encrypted.Addr()
	}
	return "http", l.plain.Addr()
}

// Serve answers until ctx ends, then for cfg.Drain more, and then ends what is in
// hand. Connections stay open while it drains, and end with their next answer: a
// connection that is closed while a client writes to it loses a request. It does
// not drain when every listener has failed.
func (l *Listeners) Serve(
	ctx context.Context, group *errgroup.Group, h *api.Handler, cfg *config.API, log *slog.Logger,
) {
	var servers []*http.Server
	var serving sync.WaitGroup
	var draining atomic.Bool
	start := func(listener net.Listener, handler http.Handler, certificate *httpclient.Certificate) {
		if listener == nil {
			return
		}
		server := newServer(closing(&draining, handler), log)
		serve := server.Serve
		if certificate != nil {
			server.TLSConfig = &tls.Config{GetCertificate: certificate.Get, MinVersion: tls.VersionTLS12}
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		servers = append(servers, server)
		serving.Add(1)
		group.Go(func() error {
			defer serving.Done()
			if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the API: %w", err)
			}
			return nil
		})
	}
	plain, encrypted := http.Handler(h), http.Handler(h)
	if cfg.TLS.Redirect && l.Encrypted != nil {
		plain, encrypted = redirect(h, l.Encrypted.Addr()), strict(h)
	}
	connections := newLimit(cfg.MaxConnections) // not of the backstage: probes go on
	start(connections.of(l.plain), plain, nil)
	start(connections.of(l.Encrypted), encrypted, l.certificate)
	start(l.Backstage, h.Backstage, nil)
	failed := make(chan struct{}) // closed when no server is left
	group.Go(func() error {
		serving.Wait()
		close(failed)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		h.Drain(cfg.Drain)
		draining.Store(true)
		drained := time.NewTimer(cfg.Drain) // a second signal ends the process
		defer drained.Stop()
		select {
		case <-drained.C:
		case <-failed:
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		var errs []error
		for _, server := range servers {
			errs = append(errs, server.Shutdown(ending))
		}
		return errors.Join(errs...)
	})
}

// closing ends each connection with its next answer while draining is set, so
// that clients connect to another process. By HTTP/2 it is a GOAWAY frame.
func closing(draining *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// newServer has the bounds that every listener has. HTTP/2 without TLS is for
// proxies that are configured to use it: it starts with the preface of HTTP/2, never
// with an upgrade.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Protocols: protocols,
		Handler:   handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout,
		WriteTimeout: answerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxUnread,
			MaxReceiveBufferPerStream: maxUnread,
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

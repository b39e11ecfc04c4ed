package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/internal/httpclient"
)

const (
	headerTimeout   = 15 * time.Second
	requestTimeout  = 30 * time.Second
	answerTimeout   = 40 * time.Second // so that a slow request hears what was wrong
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 10 * time.Second
	maxHeaderBytes  = 64 << 10
	// Of HTTP/2: what a client may send before a handler reads it, in bytes of a
	// connection and of each of its streams. Go's 1 MiB would be outside of every
	// budget. An upload of 1 MiB needs 16 round trips.
	maxUnread  = 64 << 10
	maxStreams = 100
)

// listeners are the addresses that serve has taken. plain or encrypted is nil
// where there is none, backstage where it is not apart.
type listeners struct {
	plain, encrypted, backstage net.Listener
	certificate                 *httpclient.Certificate
}

// listen takes every address at once, so that a port that somebody else has
// ends the start and nothing else.
func listen(cfg *config.API, log *slog.Logger) (l *listeners, err error) {
	l = &listeners{}
	take := func(at *net.Listener, address, hint string) {
		if err != nil {
			return
		}
		if *at, err = net.Listen("tcp", address); err != nil {
			err = failed(exitFailed, fmt.Errorf("listen on %q: %w", address, err), "another process may have the port; set "+hint)
		}
	}
	if cfg.TLS.CertFile != "" {
		l.certificate, err = httpclient.NewCertificate(cfg.TLS.CertFile, cfg.TLS.KeyFile, func(err error) {
			log.Error("the certificate of the API cannot be read again: the one before stays", "err", err)
		})
		if err != nil {
			return nil, failed(exitUsage, err, "")
		}
		take(&l.encrypted, cfg.TLS.Listen, "api.tls.listen or TLS_SERVER_PORT")
	}
	if !cfg.TLS.Only {
		take(&l.plain, cfg.Listen, "api.listen or PORT")
	}
	if cfg.Backstage.Listen != "" {
		take(&l.backstage, cfg.Backstage.Listen, "api.backstage.listen")
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *listeners) close() {
	for _, one := range []net.Listener{l.plain, l.encrypted, l.backstage} {
		if one != nil {
			_ = one.Close()
		}
	}
}

// main is where an API client goes.
func (l *listeners) main() (scheme string, addr net.Addr) {
	if l.plain == nil {
		return "https", l.encrypted.Addr()
	}
	return "http", l.plain.Addr()
}

// serve answers until ctx ends, then for cfg.Drain more, and then ends what is in
// hand. Connections stay open while it drains, and end with their next answer: a
// connection that is closed while a client writes to it loses a request.
func (l *listeners) serve(ctx context.Context, group *errgroup.Group, h *api.Handler, cfg *config.API, log *slog.Logger) {
	var servers []*http.Server
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
		group.Go(func() error {
			if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the API: %w", err)
			}
			return nil
		})
	}
	plain, encrypted := http.Handler(h), http.Handler(h)
	if cfg.TLS.Redirect && l.encrypted != nil {
		plain, encrypted = redirect(h, l.encrypted.Addr()), strict(h)
	}
	connections := newLimit(cfg.MaxConnections) // not of the backstage: probes go on
	start(connections.of(l.plain), plain, nil)
	start(connections.of(l.encrypted), encrypted, l.certificate)
	start(l.backstage, h.Backstage, nil)
	group.Go(func() error {
		<-ctx.Done()
		h.Drain()
		draining.Store(true)
		time.Sleep(cfg.Drain) // a second signal ends the process
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
// proxies that are told to use it: it starts with the preface of HTTP/2, never
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
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxUnread, MaxReceiveBufferPerStream: maxUnread,
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

package listen

import (
	"net"
	"net/http"
	"strings"

	"github.com/flagcast/flagcast/edgecore/api"
)

// redirect sends clients to TLS. Two kinds of requests are answered: probes, which
// come from the node and know no certificate, and preflight requests, since a
// browser does not follow a redirect of one.
func redirect(h *api.Handler, to net.Addr) http.Handler {
	_, port, _ := net.SplitHostPort(to.String())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := strings.HasSuffix(r.URL.Path, "/health") || strings.HasSuffix(r.URL.Path, "/ready")
		if probe || r.Method == http.MethodOptions {
			h.ServeHTTP(w, r)
			return
		}
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if port != "443" {
			host = net.JoinHostPort(host, port)
		} else if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		h.SetHeaders(w, r)
		w.Header().Set("Location", "https://"+host+r.URL.RequestURI())
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}

// strict makes browsers use nothing but TLS for a host (RFC 6797). It is left
// out where the client names a port: a browser keeps the port when it goes from
// http to https, and would find plain HTTP there.
func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := net.SplitHostPort(r.Host); err != nil || strings.HasSuffix(r.Host, ":443") {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

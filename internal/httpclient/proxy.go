package httpclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// WithProxy returns a copy of base that goes through a proxy: an http, https,
// socks5 or socks5h URL, with user and password if the proxy requires them.
// Without a proxy it returns base as it is, so that a client keeps following
// HTTPS_PROXY and NO_PROXY. A nil base means a clone of http.DefaultTransport;
// another base than *http.Transport does not support a proxy and is an error.
func WithProxy(base http.RoundTripper, proxy string) (http.RoundTripper, error) {
	if base == nil {
		base = http.DefaultTransport.(*http.Transport).Clone()
	}
	if proxy == "" {
		return base, nil
	}
	address, err := ParseProxy(proxy)
	if err != nil {
		return nil, err
	}
	t, ok := base.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("set proxy %q: %T does not support a proxy", address.Redacted(), base)
	}
	t = t.Clone()
	t.Proxy = http.ProxyURL(address)
	return t, nil
}

// ParseProxy checks the address of a proxy. Its errors never hold the address
// itself, which may hold a password.
func ParseProxy(proxy string) (*url.URL, error) {
	address, err := url.Parse(proxy)
	if err != nil {
		return nil, errors.New("not a URL; write it like http://proxy.example:3128 or socks5://proxy.example:1080")
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, address.Scheme) || address.Host == "" {
		return nil,
			errors.New("not the URL of a proxy: it starts with http://, https://, socks5:// or socks5h:// and a host")
	}
	return address, nil
}

package alicloud

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// ParseEndpoint returns a URL without a path, or a problem that names example
// as a host to take. The problem does not show the text: it may hold a
// password.
func ParseEndpoint(text, example string) (endpoint *url.URL, problem string) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, fmt.Sprintf("is not a host name or a URL, such as %q", example)
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, "is more than a host name: remove the user, path and query"
	case u.Scheme == "http" && !isLocal(u.Hostname()):
		return nil, "is not encrypted: use https, since requests carry snapshots and tokens"
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Sprintf("has the scheme %q: use https", u.Scheme)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, ""
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

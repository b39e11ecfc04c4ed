// Package unleashurl reads the address of an Unleash server, which users write with
// or without "/api" at the end.
package unleashurl

import (
	"errors"
	"net/url"
	"strings"
)

var errForm = errors.New("is not of the form https://unleash.example")

// Parse returns the address of a server without "/api", slashes at the end, query
// and fragment. The error reads on from the name of the address.
func Parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errForm // err quotes the address, which may hold a password
	}
	u.Path, u.RawPath, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = Trim(u.Path), "", "", false, "", ""
	return u, nil
}

// Trim removes "/api" and slashes from the end of an address, or of its path.
func Trim(address string) string {
	return strings.TrimRight(strings.TrimSuffix(strings.TrimRight(address, "/"), "/api"), "/")
}

package main

import "net/url"

// source names upstream without credentials.
func (c *core) source() string {
	u := &c.config.Upstream
	if u.File != "" {
		return u.File
	}
	address, err := url.Parse(u.URL)
	if err != nil {
		return "upstream"
	}
	address.User, address.RawQuery, address.Fragment = nil, "", ""
	return address.String()
}

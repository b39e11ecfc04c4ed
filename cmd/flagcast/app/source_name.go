package app

import "net/url"

// source names upstream without credentials.
func (c *App) source() string {
	u := &c.Config.Upstream
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

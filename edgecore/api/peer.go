package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Peers says which clients are allowed, and which proxies are trusted for X-Forwarded-For.
type Peers struct {
	// Allow and Deny apply to the address of the connection. No Allow: every address.
	Allow, Deny []netip.Prefix
	// Proxies are trusted to name their clients in Forwarded or X-Forwarded-For.
	Proxies []netip.Prefix
}

func (p *Peers) allows(r *http.Request) bool {
	if len(p.Allow)+len(p.Deny) == 0 {
		return true
	}
	ip, ok := addressOf(r.RemoteAddr)
	return ok && (len(p.Allow) == 0 || containsIP(p.Allow, ip)) && !containsIP(p.Deny, ip)
}

// clientAddress returns the address that a request comes from, as a RemoteAddr: that
// of the connection, or, if that is a proxy, the last address in its headers that is
// not a proxy. Addresses before that one may be forged.
func (p *Peers) clientAddress(r *http.Request) string {
	ip, ok := addressOf(r.RemoteAddr)
	if len(p.Proxies) == 0 || !ok || !containsIP(p.Proxies, ip) {
		return r.RemoteAddr
	}
	chain := forwarded(r.Header)
	for _, text := range slices.Backward(chain) {
		hop, ok := addressOf(text)
		if !ok {
			break // an address behind an invalid one cannot be trusted
		}
		if ip = hop; !containsIP(p.Proxies, ip) {
			break
		}
	}
	return net.JoinHostPort(ip.String(), "0")
}

// clientOf returns the address in the RemoteAddr that clientAddress has set; the
// zero address if there is none, as of a socket.
func clientOf(r *http.Request) netip.Addr {
	ip, _ := addressOf(r.RemoteAddr)
	return ip
}

// forwarded lists the addresses of Forwarded (RFC 7239), else those of
// X-Forwarded-For, the nearest last.
func forwarded(h http.Header) []string {
	var chain []string
	if lines := h.Values("Forwarded"); len(lines) > 0 {
		for element := range strings.SplitSeq(strings.Join(lines, ","), ",") {
			address := "" // an element without one hides the client
			for pair := range strings.SplitSeq(element, ";") {
				if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.EqualFold(name, "for") {
					address = strings.Trim(value, `"`)
				}
			}
			chain = append(chain, address)
		}
		return chain
	}
	for _, line := range h.Values("X-Forwarded-For") {
		for address := range strings.SplitSeq(line, ",") {
			chain = append(chain, strings.TrimSpace(address))
		}
	}
	return chain
}

// addressOf reads an address with or without a port, an IPv6 one with or
// without brackets.
func addressOf(text string) (netip.Addr, bool) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone(""), true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return ip.Unmap().WithZone(""), err == nil
}

func containsIP(list []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

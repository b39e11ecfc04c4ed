package eval

import (
	"net/netip"
	"slices"
	"strings"
)

type ruleKind uint8

const (
	ruleNobody ruleKind = iota // a strategy that is unknown, or makes no sense
	ruleEverybody
	ruleUsers
	ruleShare
	ruleAddresses
)

// rule is the part of a strategy that its name and parameters give.
type rule struct {
	kind ruleKind

	users []string // ruleUsers

	// ruleShare: the ids whose bucket, of 100, is at most percent.
	sticky  sticky
	group   string
	percent int

	addresses []netip.Prefix // ruleAddresses
}

func (r *rule) passes(c *Context) bool {
	switch r.kind {
	case ruleEverybody:
		return true
	case ruleUsers:
		id := c.Fields["userId"]
		return id != "" && slices.Contains(r.users, id)
	case ruleShare:
		return r.shares(c)
	case ruleAddresses:
		return containsAddress(r.addresses, c.Fields["remoteAddress"])
	default:
		return false
	}
}

func (r *rule) shares(c *Context) bool {
	if r.percent <= 0 {
		return false
	}
	id, drawn, ok := r.sticky.id(c)
	if !ok {
		return drawn && r.percent >= 100
	}
	return r.percent >= 100 || bucket(rolloutSeed, r.group, id, 100) <= r.percent
}

// containsAddress reports whether text is an address within one of the
// prefixes. IPv4 is compared with IPv4 only, IPv6 with IPv6 only.
func containsAddress(prefixes []netip.Prefix, text string) bool {
	if text == "" {
		return false
	}
	address, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return false
	}
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// parsePrefix reads an address or a CIDR range; bits of the host are ignored.
func parsePrefix(text string) (netip.Prefix, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), true
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	return netip.Prefix{}, false
}

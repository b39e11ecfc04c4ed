package eval

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ParsePrefix reads an address or a CIDR range. Bits of the host are ignored,
// and so are zeros before the length of the prefix, as by every engine.
func ParsePrefix(text string) (netip.Prefix, bool) {
	if address, bits, ok := strings.Cut(text, "/"); ok && len(bits) > 1 {
		text = address + "/" + strings.TrimLeft(bits[:len(bits)-1], "0") + bits[len(bits)-1:]
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), true
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	return netip.Prefix{}, false
}

// blanks are what JavaScript's String.prototype.trim drops.
const blanks = "\t\n\v\f\r " +
	"\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

// ParseNumber reads a decimal number, with a fraction or an exponent if need
// be, and blanks around it; "Infinity", with a sign or without, and what is
// beyond all numbers are infinite, as for every engine. One rule for all numbers
// written as text: nothing in another base, and nothing is not zero.
func ParseNumber(text string) (float64, bool) {
	text = strings.Trim(text, blanks)
	switch text {
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if text == "" || strings.Trim(text, "0123456789.eE+-") != "" || strings.ContainsAny(text, "xXpP_iInN") {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil || errors.Is(err, strconv.ErrRange)
}

// ParseInstant reads a date of ISO 8601 as the Unleash server does: RFC 3339,
// without seconds, with a blank for the T or with an offset without colon, too.
// zoned is false for a time without zone, which is in UTC; a date alone is its
// midnight in UTC. It keeps milliseconds, as JavaScript does.
func ParseInstant(text string) (t time.Time, zoned, ok bool) {
	text = strings.ToUpper(strings.TrimSpace(text))
	day, clock, timed := strings.Cut(strings.Replace(text, " ", "T", 1), "T")
	layouts, text := []string{time.DateOnly, "2006-01"}, day
	if timed {
		text += "T" + clock
		zone := ""
		switch i := strings.LastIndexAny(clock, "Z+-"); {
		case i >= 0 && strings.Contains(clock[i:], ":"):
			zone = "Z07:00"
		case i >= 0:
			zone = "Z0700"
		}
		layouts = []string{"2006-01-02T15:04:05" + zone, "2006-01-02T15:04" + zone}
		zoned = zone != ""
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Millisecond), zoned || !timed, true
		}
	}
	return time.Time{}, false, false
}

// FormatNumber writes a number as a constraint holds it.
func FormatNumber(number float64) string { return strconv.FormatFloat(number, 'g', -1, 64) }

// Trim drops blanks around a text.
func Trim(text string) string {
	if text == "" || text[0] > ' ' && text[0] < 0x7f && text[len(text)-1] > ' ' && text[len(text)-1] < 0x7f {
		return text
	}
	return strings.Trim(text, blanks)
}

// SplitList splits a parameter at its commas, blanks around them included; the
// ends are not trimmed, and an item may be empty (unleash-client, Node).
func SplitList(text string) []string {
	if text == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		if i > 0 {
			items[i] = strings.TrimLeft(items[i], blanks)
		}
		if i < len(items)-1 {
			items[i] = strings.TrimRight(items[i], blanks)
		}
	}
	return items
}

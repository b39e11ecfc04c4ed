package eval

import (
	"strconv"

	"github.com/twmb/murmur3"
)

// Seeds of MurmurHash3 x86_32: one for rollouts, one for variants (client
// specification 5.0.0), so that the two choices are independent.
const (
	rolloutSeed uint32 = 0
	variantSeed uint32 = 86028157
)

// bucket returns hash(group ":" id) % size + 1, from 1 to size. It hashes
// UTF-8 bytes, as yggdrasil does; SDKs in JavaScript hash UTF-16 units and
// differ for ids outside ASCII.
func bucket(seed uint32, group, id string, size int) int {
	var room [128]byte
	b := append(room[:0], group...)
	b = append(b, ':')
	b = append(b, id...)
	return int(murmur3.SeedSum32(seed, b)%uint32(size)) + 1
}

// drawnID is the id that stands for the request in a random draw. The draw is
// then a hash like any other, so that two groups do not share it.
func (c *Context) drawnID() string { return strconv.FormatUint(c.Seed, 36) }

// sticky says which context field decides a share or a variant.
type sticky struct {
	fields []string // the first one with a value counts
	random bool     // no value: a random draw, else nobody
}

// id returns the deciding value. ok is false when there is none; drawn is true
// when chance decides instead.
func (s sticky) id(c *Context) (id string, drawn, ok bool) {
	for _, name := range s.fields {
		// An empty value counts as missing here (unleash-client, Node).
		if v := c.Fields[name]; v != "" {
			return v, false, true
		}
	}
	if !s.random {
		return "", false, false
	}
	if c.NoDraws {
		return "", true, false
	}
	return c.drawnID(), true, true
}

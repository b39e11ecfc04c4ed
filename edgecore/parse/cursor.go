package parse

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/flagcast/flagcast/internal/untrusted"
)

// cursor reads a text that is known to be valid JSON, once and from front to
// back. Every method but kind reads one value and leaves the cursor behind it.
// Texts without escapes are parts of the document, not copies.
type cursor struct {
	s string
	i int
	// stopped ends every list and object that is being read, wherever the
	// cursor is in it.
	stopped bool
}

// kind says what comes next: 'o'bject, 'l'ist, 't'ext, 'n'umber, 'b'oolean or
// nu'0'll.
func (c *cursor) kind() byte {
	c.blanks()
	switch c.s[c.i] {
	case '{':
		return 'o'
	case '[':
		return 'l'
	case '"':
		return 't'
	case 't', 'f':
		return 'b'
	case 'n':
		return '0'
	default:
		return 'n'
	}
}

func (c *cursor) blanks() {
	for c.i < len(c.s) && c.s[c.i] <= ' ' {
		c.i++
	}
}

// object calls f for every member; f has to read the value.
func (c *cursor) object(f func(key string)) {
	c.blanks()
	c.i++ // {
	for !c.stopped {
		c.blanks()
		switch c.s[c.i] {
		case '}':
			c.i++
			return
		case ',':
			c.i++
			c.blanks()
		}
		key := c.text()
		c.blanks()
		c.i++ // :
		f(key)
	}
}

// list calls f for every element; f has to read it.
func (c *cursor) list(f func(i int)) {
	c.blanks()
	c.i++ // [
	for n := 0; !c.stopped; n++ {
		c.blanks()
		switch c.s[c.i] {
		case ']':
			c.i++
			return
		case ',':
			c.i++
		}
		f(n)
	}
}

// left counts the elements of a list from the one that comes next, at most as
// many as its bytes hold of a length.
func (c cursor) left(length int) (n int) {
	start := c.i
	for c.blanks(); c.s[c.i] != ']'; n++ {
		c.skip()
		if c.blanks(); c.s[c.i] == ',' {
			c.i++
			c.blanks()
		}
	}
	return min(n, 1+(c.i-start)/length)
}

// text reads a text.
func (c *cursor) text() string {
	c.blanks()
	start := c.i
	// Most names are short and plain: one look at each byte is faster than three
	// searches.
	for i := start + 1; i < min(start+short, len(c.s)); i++ {
		switch b := c.s[i]; {
		case b == '"':
			c.i = i + 1
			return c.s[start+1 : i]
		case b == '\\' || b >= utf8.RuneSelf:
			return c.anyText()
		}
	}
	return c.anyText()
}

// short is the length of a text, with a quote, that is read byte by byte.
const short = 20

func (c *cursor) anyText() string {
	start := c.i
	end := start + 1 + strings.IndexByte(c.s[start+1:], '"')
	if inside := c.s[start+1 : end]; strings.IndexByte(inside, '\\') < 0 && utf8.ValidString(inside) {
		c.i = end + 1
		return inside
	}
	c.skipText()
	var out string
	_ = json.Unmarshal([]byte(c.s[start:c.i]), &out) // it is valid
	return out
}

func (c *cursor) skipText() { c.i = untrusted.EndOfString(c.s, c.i) }

// scalar reads a text, or anything else as it is written.
func (c *cursor) scalar() string {
	if c.kind() == 't' {
		return c.text()
	}
	return c.skip()
}

// skip passes over a value and returns it as it is written.
func (c *cursor) skip() string {
	c.blanks()
	start, depth := c.i, 0
	for {
		switch c.s[c.i] {
		case '"':
			c.skipText()
		case '{', '[':
			depth++
			c.i++
			continue
		case '}', ']':
			depth--
			c.i++
		case ',', ':', ' ', '\t', '\r', '\n':
			c.i++
			continue
		default:
			for c.i < len(c.s) && !ends(c.s[c.i]) {
				c.i++
			}
		}
		if depth == 0 {
			return c.s[start:c.i]
		}
	}
}

// ends reports whether a byte is behind a number or a literal.
func ends(b byte) bool { return b == ',' || b == ']' || b == '}' || b <= ' ' }

package printable

import "unicode/utf8"

// Color is a color of a terminal.
type Color int

// The colors that reports use.
const (
	Plain Color = iota // leaves a text as it is
	Red
	Yellow
)

// Painter colors texts. true: for a terminal that shows colors; false: it
// leaves all texts as they are.
type Painter bool

// Paint returns a text as Text does, in a color. No other escape sequence can be
// in it, whatever the text holds.
func (p Painter) Paint(c Color, text string) Painted {
	if !p {
		c = Plain
	}
	return Painted{Text(text), c}
}

// Painted is a printable text with a color. Sprintf and Fprintf write both by
// %s; a width of the format would count the color, too.
type Painted struct {
	text  string
	color Color
}

// Width returns the characters that a terminal shows.
func (p Painted) Width() int { return utf8.RuneCountInString(p.text) }

// String returns the text with its color.
func (p Painted) String() string {
	switch p.color {
	case Red:
		return "\x1b[31m" + p.text + "\x1b[0m"
	case Yellow:
		return "\x1b[33m" + p.text + "\x1b[0m"
	}
	return p.text
}

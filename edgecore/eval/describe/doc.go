// Package describe says what a program does: the parts of a flag in a form that
// can be compared (Description), why a flag answers as it does for one context
// (Explain), and which identifiers a flag holds (Identifiers).
package describe

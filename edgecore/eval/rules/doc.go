// Package rules encodes a program as the member "rules" of a rules/1 snapshot,
// and decodes it. docs/snapshot-format.md describes the format for readers.
package rules

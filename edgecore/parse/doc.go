// Package parse reads Unleash's documents into definitions: the answer of GET
// /api/client/features (Definitions), its next version (Next), events of the
// delta protocol (Events), and the simple form that Unleash Edge takes as a
// bootstrap file (Bootstrap). Documents are not trusted: depth is bounded, and
// time and memory are proportional to the length.
package parse

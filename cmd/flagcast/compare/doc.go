// Package compare asks two servers of Unleash's APIs the same questions and
// says where their answers differ: the Unleash server, Unleash Edge, flagcast,
// in any pair. It is for a person who replaces one by another.
package compare

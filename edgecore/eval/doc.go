// Package eval holds compiled flags (Program) and decides which of them are on
// for a context (View), and with which variant, exactly as Unleash's SDKs do:
// client specification 6.1.0, and where it is silent, unleash-client 6.12
// (Node), with the exceptions of docs/evaluation.md.
//
// A Program is plain data that never changes once it is in use. Package compile
// makes it from definitions, package rules reads it from a snapshot and writes
// it into one, package describe says in words what it does, and package cover
// finds contexts that take every branch of it.
//
// The package is pure: no clock, no randomness, no I/O. Time and a random seed
// come in the Context.
package eval

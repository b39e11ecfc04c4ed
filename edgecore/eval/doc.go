// Package eval decides which flags are on, and with which variant, exactly as
// Unleash's SDKs do: client specification 6.1.0, and where it is silent,
// unleash-client 6.12 (Node), with the exceptions of docs/evaluation.md.
//
// The package is pure: no clock, no randomness, no I/O. Time and a random seed
// come in the Context.
package eval

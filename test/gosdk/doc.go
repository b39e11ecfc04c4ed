// Package gosdk tests the core with Unleash's SDK for Go. It is a module of its
// own, as what the product is built from has no use for the SDK, nor for the
// six modules that it brings.
package gosdk

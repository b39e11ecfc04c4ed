//go:build race

package main

// raceDetector reports whether this test was built with it.
const raceDetector = true

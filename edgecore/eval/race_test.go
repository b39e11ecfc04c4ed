//go:build race

package eval_test

// raceDetector reports whether this test was built with it.
const raceDetector = true

//go:build race

package publish_test

// raceDetector reports whether this test was built with it.
const raceDetector = true

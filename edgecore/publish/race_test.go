//go:build race

package publish_test

// raceDetector tells whether this test was built with it.
const raceDetector = true

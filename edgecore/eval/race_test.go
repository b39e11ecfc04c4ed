//go:build race

package eval_test

// raceDetector tells whether this test was built with it.
const raceDetector = true

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// outlive keeps a process that serves going when the terminal that it was
// started from closes, or the reader of its output ends: SIGHUP and SIGPIPE end
// it no more until the function that it returns is called. A write to a reader
// that has ended fails then, as one to any other file.
//
// Commands that end by themselves keep the default: behind "| head" they end
// with their reader.
func outlive() (hangups <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	return signals, func() {
		signal.Stop(signals)
		signal.Reset(syscall.SIGPIPE)
	}
}

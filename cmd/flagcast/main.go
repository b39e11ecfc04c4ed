// Command flagcast puts Unleash feature flags where no Unleash process can
// run. See flagcast --help.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

func main() { os.Exit(process(arguments(os.Args), os.Stdout, os.Stderr)) }

// arguments returns what the command line asks for. A program that is called
// "edge" is the command edge: platforms replace the entry point of Unleash
// Edge's image by that word alone.
func arguments(line []string) []string {
	if filepath.Base(line[0]) == "edge" {
		return append([]string{"edge"}, line[1:]...)
	}
	return line[1:]
}

// process is run with the signals of a process. The first one ends the work in
// hand in order; a second one is not handled and terminates the process.
func process(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, args, stdout, stderr)
}

// run is main without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(commandFirst(root, args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	// What fails before a command has begun is how it was called.
	begun := false
	root.PersistentPreRun = func(*cobra.Command, []string) { begun = true }
	c, err := root.ExecuteContextC(ctx)
	var f *exit.Error
	switch {
	case err == nil:
		return exit.Done
	case !begun && !errors.As(err, &f):
		err = exit.With(exit.Usage, err, commandHint(c, err))
	}
	return exit.Report(stderr, err)
}

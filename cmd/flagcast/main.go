// Command flagcast puts Unleash feature flags where no Unleash process can
// run. See flagcast --help.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
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
// hand in order; a second one finds nobody who handles it, and kills.
func process(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, args, stdout, stderr)
}

// Exit codes. The help text of sync lists them, and a test compares the two.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // usage or configuration
	exitSome    = 3 // some targets failed
	exitBudget  = 4 // an export is over budget
	exitHeld    = 5 // the guard holds something back
	exitPending = 10
)

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
	var f *failure
	switch {
	case err == nil:
		return exitDone
	case !begun && !errors.As(err, &f):
		err = failed(exitUsage, err, commandHint(c, err))
	}
	return report(stderr, err)
}

// failure is an error with the exit code that it means, and what to do.
type failure struct {
	err  error
	code int
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// hintOf returns what to do about an error, "" where nothing says it.
func hintOf(err error) string {
	if f := (*failure)(nil); errors.As(err, &f) && f.hint != "" {
		return f.hint
	}
	return sinks.Hint(err)
}

func failed(code int, err error, hint string) error {
	return &failure{err: err, code: code, hint: hint}
}

// report writes an error in the form that every command uses.
func report(stderr io.Writer, err error) int {
	code, hint := exitFailed, ""
	var f *failure
	if errors.As(err, &f) {
		code, hint = f.code, f.hint
	}
	var faults *config.Faults
	if errors.As(err, &faults) {
		fmt.Fprint(stderr, faults.Report())
		printable.Fprintf(stderr, "flagcast: error: the configuration has %s\n", count(faults.Len(), "fault"))
		return exitUsage
	}
	if text := oneByOne(err.Error(), err); text != "" {
		fmt.Fprintln(stderr, "flagcast: error: "+printable.Lines(text))
	}
	if hint != "" {
		printable.Fprintf(stderr, "flagcast: hint: %s\n", hint)
	}
	return code
}

// oneByOne returns the text of an error with each of those that errors.Join has
// joined in a line of its own, indented.
func oneByOne(text string, err error) string {
	switch e := err.(type) { //nolint:errorlint // the tree itself is walked
	case interface{ Unwrap() error }:
		return oneByOne(text, e.Unwrap())
	case interface{ Unwrap() []error }:
		var lines []string
		for _, one := range e.Unwrap() {
			lines = append(lines, one.Error())
		}
		return strings.Replace(text, strings.Join(lines, "\n"), strings.Join(lines, "\n  "), 1)
	}
	return text
}

// printJSON is how every command writes a report with --json.
func printJSON(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // -> stands in many texts
	e.SetIndent("", "  ")
	return e.Encode(report)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "flagcast",
		Short: "Unleash feature flags inside CDN workers",
		Long: `flagcast follows an Unleash server, keeps its flags in memory, and publishes
snapshots of them to where CDN workers read: Alibaba EdgeKV (DCDN and ESA),
Cloudflare KV, a folder. It serves the APIs of Unleash Edge meanwhile.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		// cobra puts them into the error, on lines of their own.
		DisableSuggestions: true,
		Version:            versionLine(),
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return failed(exitUsage, err, flagHint(c, err))
	})
	root.SetUsageFunc(printUsage)
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	root.PersistentFlags().String("config", defaultConfig, "configuration `file` ("+configVariable+")")
	root.AddCommand(newServe(), newEdge(), newOffline(), newHealth(), newReady(), newSync(), newStatus(), newHistory(), newPin(), newUnpin(), newCheck(), newPermissions(), newExport(), newTypes(), newEval(), newCompare(), newVersion())
	complete(root)
	return root
}

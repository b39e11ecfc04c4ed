// Command contract reads what go test -json prints for the sinks and for
// publishing, and prints the contract as a table: the sentences of
// sinks/sinktest by the runs of each sink, and how many schedules of faults the
// publisher has come through. It shows the output of what failed or was
// skipped, and ends with 1 if anything failed.
//
//	go test -json ./sinks/... ./edgecore/publish | go run ./test/contract
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
}

// suite is the test of the table that every run of the contract has.
const suite = "stores_bytes_exactly"

func run(in io.Reader, out io.Writer) error {
	outputs := map[string]*strings.Builder{} // of a test, or a package
	results := map[string]string{}           // by "package test"
	failed, tests, skipped := 0, 0, 0
	var schedules []string // what the tests of the publisher say of them
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // what go itself says, such as a build that failed
			failed++
			continue
		}
		name := e.Package + " " + e.Test
		if outputs[name] == nil {
			outputs[name] = &strings.Builder{}
		}
		switch e.Action {
		case "output", "build-output":
			outputs[name].WriteString(e.Output)
			if strings.Contains(e.Output, "fault schedules") {
				schedules = append(schedules, e.Output)
			}
		case "pass", "fail", "skip":
			if e.Test == "" {
				if e.Action == "fail" {
					failed++
					fmt.Fprint(out, outputs[name])
				}
				continue
			}
			tests++
			results[name] = e.Action
			if e.Action == "fail" {
				failed++
				fmt.Fprint(out, outputs[name])
			}
			if e.Action == "skip" {
				skipped++
				fmt.Fprint(out, outputs[name])
			}
		case "build-fail":
			failed++
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	table(out, results)
	fmt.Fprint(out, strings.Join(schedules, ""))
	fmt.Fprintf(out, "%d tests, %d skipped\n", tests, skipped)
	if failed > 0 {
		return fmt.Errorf("%d failed", failed)
	}
	if tests == 0 {
		return fmt.Errorf("no test has run")
	}
	return nil
}

// table prints the sentences of the contract by the runs of it, the tests
// whose name begins with TestContract.
func table(out io.Writer, results map[string]string) {
	runs, cases := map[string]map[string]string{}, map[string]bool{}
	for name := range results {
		if parent, ok := strings.CutSuffix(name, "/"+suite); ok && strings.Contains(name, " TestContract") {
			runs[parent] = map[string]string{}
		}
	}
	for name, result := range results {
		i := strings.LastIndexByte(name, '/')
		if i > 0 && runs[name[:i]] != nil && !strings.Contains(name[i:], "#") {
			runs[name[:i]][name[i+1:]], cases[name[i+1:]] = result, true
		}
	}
	if len(runs) == 0 {
		return // the sinks are not among the packages
	}
	columns := slices.Sorted(maps.Keys(runs))
	for i, name := range columns {
		pkg, test, _ := strings.Cut(name, " ")
		fmt.Fprintf(out, "%2d  %s: %s\n", i+1, pkg[strings.LastIndexByte(pkg, '/')+1:], test)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range columns {
		fmt.Fprintf(w, "\t%d", i+1)
	}
	fmt.Fprintln(w)
	for _, sentence := range slices.Sorted(maps.Keys(cases)) {
		fmt.Fprint(w, strings.ReplaceAll(sentence, "_", " "))
		for _, name := range columns {
			word := map[string]string{"pass": "ok", "fail": "FAIL", "skip": "skip", "": "-"}[runs[name][sentence]]
			fmt.Fprint(w, "\t"+word)
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
}

// Command structure measures the shape of this repository: how files and types
// depend on each other, and how the text of the code reads. Each argument is a
// checkout; the table has a column for each, so that two can be compared.
//
//	go run ./test/structure            # this checkout
//	go run ./test/structure ../old .   # two, side by side
package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

func main() {
	dirs := os.Args[1:]
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	if err := run(dirs); err != nil {
		fmt.Fprintln(os.Stderr, "structure:", err)
		os.Exit(1)
	}
}

func run(dirs []string) error {
	var names []string // in the order of the first checkout
	values := map[string][]string{}
	for i, dir := range dirs {
		rows, err := measure(dir)
		if err != nil {
			return fmt.Errorf("measure %s: %w", dir, err)
		}
		for _, row := range rows {
			if values[row.name] == nil {
				names = append(names, row.name)
				values[row.name] = make([]string, len(dirs))
			}
			values[row.name][i] = row.value
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, name := range names {
		fmt.Fprint(table, name)
		for _, value := range values[name] {
			fmt.Fprint(table, "\t", value)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

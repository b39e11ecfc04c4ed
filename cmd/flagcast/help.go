package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/internal/printable"
)

// Widths of what --help prints, in characters. Flags with a longer name have
// their meaning on the lines below it.
const (
	flagColumnMost = 34
	columnGap      = 3
)

// printUsage writes what --help prints below the description: cobra's parts, with
// the meanings of flags wrapped.
func printUsage(c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() {
		b.WriteString("  " + c.UseLine() + "\n")
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("  " + c.CommandPath() + " [command]\n")
	}
	if c.HasExample() {
		b.WriteString("\nExamples:\n" + c.Example + "\n")
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nAvailable Commands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		b.WriteString("\nFlags:\n")
		writeFlags(&b, c.LocalFlags())
	}
	if c.HasAvailableInheritedFlags() {
		b.WriteString("\nGlobal Flags:\n")
		writeFlags(&b, c.InheritedFlags())
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nUse \"" + c.CommandPath() + " [command] --help\" for more information about a command.\n")
	}
	for line := range strings.Lines(b.String()) {
		printable.Fprintf(c.OutOrStderr(), "%s\n", strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// writeFlags lists the flags that are not hidden, with their values, meanings
// and defaults.
func writeFlags(b *strings.Builder, set *pflag.FlagSet) {
	var names, meanings []string
	column := 0
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		short := "    "
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ", "
		}
		value, meaning := pflag.UnquoteUsage(f)
		name := strings.TrimRight("  "+short+"--"+f.Name+" "+value, " ")
		switch {
		case slices.Contains([]string{"", "false", "[]", "0", "0s"}, f.DefValue):
		case f.Value.Type() == "string":
			meaning += fmt.Sprintf(" (default %q)", f.DefValue)
		default:
			meaning += " (default " + f.DefValue + ")"
		}
		names, meanings = append(names, name), append(meanings, meaning)
		if n := utf8.RuneCountInString(name) + columnGap; n <= flagColumnMost {
			column = max(column, n)
		}
	})
	if column == 0 {
		column = flagColumnMost
	}
	for i, name := range names {
		indent := strings.Repeat(" ", column)
		text := strings.Join(wrapped(meanings[i], report.Width-column), "\n"+indent)
		if free := column - utf8.RuneCountInString(name); free >= columnGap {
			b.WriteString(name + strings.Repeat(" ", free) + text + "\n")
		} else {
			b.WriteString(name + "\n" + indent + text + "\n")
		}
	}
}

// wrapped splits a text at blanks into lines of at most width characters; a
// word that is longer has a line of its own.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

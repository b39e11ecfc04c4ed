package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flagcast/flagcast/internal/suggest"
)

// commandHint says what to do about a command line that a command does not
// take.
func commandHint(c *cobra.Command, err error) string {
	var written string
	if _, failed := fmt.Sscanf(err.Error(), "unknown command %q", &written); failed != nil || c.HasParent() {
		return c.CommandPath() + " --help shows what it takes"
	}
	var known []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	return didYouMean(suggest.Closest(written, known)) + c.CommandPath() + " --help lists the commands"
}

// flagHint says what to do about flags that a command does not take.
func flagHint(c *cobra.Command, err error) string {
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	meant := ""
	if missing, ok := errors.AsType[*pflag.NotExistError](err); ok && missing.GetSpecifiedShortnames() == "" {
		if meant = suggest.Closest(missing.GetSpecifiedName(), known); meant != "" {
			meant = "--" + meant
		}
	}
	return didYouMean(meant) + c.CommandPath() + " --help lists the flags"
}

func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q? ", word)
}

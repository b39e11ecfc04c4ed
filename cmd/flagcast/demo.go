package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/examples/quickstart"
)

// demoFolder is where --demo puts its files, in the current folder.
const demoFolder = "flagcast-demo"

// useDemo makes the demo's configuration that of the command.
func useDemo(c *cobra.Command) error {
	if c.Flags().Changed("config") {
		return exit.With(exit.Usage, errors.New("--demo has a configuration of its own"), "leave out --config")
	}
	folder, err := quickstart.Write(demoFolder)
	if err != nil {
		return exit.With(exit.Failed, err, "")
	}
	return c.Flags().Set("config", folder.Config)
}

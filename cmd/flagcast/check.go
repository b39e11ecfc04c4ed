package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/internal/printable"
)

func newCheck() *cobra.Command {
	var asJSON bool
	var timeout time.Duration
	var edge string
	c := &cobra.Command{
		Use:   "check",
		Short: "Find everything that is wrong, at once",
		Long: `Check reads the configuration, fetches the flags of every environment, tries
each action of each sink under a key of its own (` + string(app.CheckKey) + `), and makes
every snapshot without storing it. It names what is missing, and does not stop
at the first fault.

With --from-edge it reads a manifest or variables of Unleash Edge instead, and
reports what becomes of each setting.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if edge != "" {
				return checkEdge(c, edge, asJSON)
			}
			core, err := newOnce(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			findings := core.Check(ctx)
			if asJSON {
				err = report.JSON(c.OutOrStdout(), findings)
			} else {
				report.Findings(c.OutOrStdout(), findings)
			}
			if err != nil {
				return err
			}
			if n := len(slices.DeleteFunc(findings, func(f report.Finding) bool {
				return f.Result != "failed"
			})); n > 0 {
				return exit.With(exit.Failed, fmt.Errorf("%s failed", printable.Count(n, "check")), "")
			}
			return nil
		},
	}
	c.Flags().StringVar(&edge, "from-edge", "",
		"what becomes of the settings in a `file`: a manifest of Unleash Edge, values of its chart, or NAME=value")
	c.Flags().BoolVar(&asJSON, "json", false, "report as JSON")
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after this time")
	return c
}

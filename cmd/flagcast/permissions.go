package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// permissioner is implemented by the settings of sinks whose service has to
// permit something.
type permissioner interface{ Permissions() []sinks.Permission }

func newPermissions() *cobra.Command {
	var names []string
	c := &cobra.Command{
		Use:   "permissions",
		Short: "Print what the credentials of the sinks need",
		Long: `Permissions prints, for each sink of the configuration, the smallest policy or
token scope that lets flagcast do its work. It calls no service, and needs no
credential: run it before you create one.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c, config.Overrides{Needs: func(cfg *config.Config) config.Needs {
				if len(names) > 0 {
					return config.Needs{Described: names}
				}
				return config.Needs{Described: slices.Collect(maps.Keys(cfg.Sinks))}
			}})
			if err != nil {
				return err
			}
			known := slices.Sorted(maps.Keys(cfg.Sinks))
			for _, name := range names {
				if !slices.Contains(known, name) {
					return exit.With(exit.Usage, fmt.Errorf("the configuration has no sink %q", name),
						"sinks: "+strings.Join(known, ", "))
				}
			}
			if len(known) == 0 {
				return app.ConfigFileOf(c).Without(errors.New("the configuration has no sinks"), "sinks")
			}
			for _, name := range known {
				if len(names) > 0 && !slices.Contains(names, name) {
					continue
				}
				s := cfg.Sinks[name]
				needs, ok := s.Settings.(permissioner)
				if !ok {
					printable.Fprintf(c.OutOrStdout(), "# sink %s (%s): nothing but access to where it stores\n", name,
						s.Type)
					continue
				}
				for _, p := range needs.Permissions() {
					printable.Fprintf(c.OutOrStdout(), "# sink %s (%s): %s\n", name, s.Type, p.Title)
					for line := range strings.SplitSeq(p.Document, "\n") {
						printable.Fprintf(c.OutOrStdout(), "%s\n", line)
					}
				}
			}
			return nil
		},
	}
	c.Flags().StringSliceVar(&names, "sink", nil, "only these `sinks`")
	return c
}

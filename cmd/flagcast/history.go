package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

func newHistory() *cobra.Command {
	var names []string
	var asJSON bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "history",
		Short: "List what targets have published",
		Long: `History lists what the targets with "history:" have published, the newest first.
The arrow marks what is stored. Each entry is a snapshot that pin and eval take
as --from sink:NAME/KEY. --json has the digests.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			core, err := newChosen(c, names, historyNeeds)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			list, err := histories(ctx, core)
			if err != nil {
				return err
			}
			if asJSON {
				return report.JSON(c.OutOrStdout(), list)
			}
			for i := range list {
				if err := list[i].Print(c.OutOrStdout()); err != nil {
					return err
				}
			}
			for _, k := range list {
				if k.Problem != "" {
					warn(c, k.Problem)
				}
			}
			return nil
		},
	}
	c.Flags().StringSliceVar(&names, "target", nil, "only these `targets`")
	c.Flags().BoolVar(&asJSON, "json", false, "report as JSON")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this time")
	return c
}

// histories lists what each key of the targets with a history has published.
func histories(ctx context.Context, c *app.App) ([]report.History, error) {
	list := []report.History{}
	options := c.Options(nil, nil)
	for _, t := range c.Targets {
		if t.History == nil {
			continue
		}
		p := publish.NewSession(t, c.Store, options)
		for _, one := range t.Outputs {
			stored, err := p.Stored(ctx, one.Key)
			if err != nil {
				return nil, exit.With(exit.Failed, err, "")
			}
			meta, _ := snapshot.Open(stored)
			entries, err := t.History.List(ctx, one.Key)
			problem := ""
			if errors.Is(err, publish.ErrHistoryDamaged) {
				problem, err = err.Error(), nil
			}
			if err != nil {
				return nil, exit.With(exit.Failed, err, "")
			}
			list = append(list, report.History{
				Target: t.Name, Sink: t.History.SinkName, Key: one.Key, Stored: meta.Digest,
				Entries: append([]publish.Entry{}, entries...), Problem: problem,
			})
		}
	}
	if len(list) == 0 {
		return nil,
			exit.With(exit.Failed, fmt.Errorf("none of the targets keeps a history"),
				"set \"history: { sink: …, keep: 10 }\" of a target")
	}
	return list, nil
}

// historyNeeds are those of targets that keep a history.
func historyNeeds(targets []config.Target) config.Needs {
	keeping := slices.DeleteFunc(slices.Clone(targets), func(t config.Target) bool { return t.History == nil })
	return config.Needs{Sinks: sinksOf(keeping, true)}
}

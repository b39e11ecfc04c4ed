package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// kept is the history of one key, as --json prints it.
type kept struct {
	Target  string          `json:"target"`
	Sink    string          `json:"sink"` // of the history
	Key     sinks.Key       `json:"key"`
	Stored  string          `json:"stored"` // digest of what is stored, "" for nothing
	Entries []publish.Entry `json:"entries"`
	Problem string          `json:"problem,omitempty"` // why the list is not whole
}

func newHistory() *cobra.Command {
	var names []string
	var asJSON bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "history",
		Short: "List what targets have published",
		Long: `History lists what the targets with "history:" have published, the newest first.
The arrow marks what is stored. Each entry is a snapshot that pin and eval take
as --from sink:NAME/KEY.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			core, err := newChosen(c, names...)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			list, err := core.histories(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), list)
			}
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, " \tTARGET\tPUBLISHED\tREVISION\tDIGEST\tBYTES\tFROM")
			for _, k := range list {
				for _, e := range k.Entries {
					mark := " "
					if e.Digest == k.Stored {
						mark, k.Stored = ">", ""
					}
					from := fmt.Sprintf("sink:%s/%s", k.Sink, publish.EntryKey(k.Key, e.Seq))
					if e.Pinned != "" {
						from += "  pinned: " + e.Pinned
					}
					printable.Fprintf(table, "%s\t%s\t%s\t%d\t%.12s\t%d\t%s\n", mark, k.Target, e.At.Format(time.RFC3339), e.Revision, e.Digest, e.Bytes, from)
				}
			}
			if err := table.Flush(); err != nil {
				return err
			}
			for _, k := range list {
				if k.Problem != "" {
					printable.Fprintf(c.ErrOrStderr(), "flagcast: warning: %s\n", k.Problem)
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

func (c *core) histories(ctx context.Context) ([]kept, error) {
	list := []kept{}
	options := c.once(nil)
	for _, t := range c.targets {
		if t.History == nil {
			continue
		}
		p := publish.New(t, c.store, options)
		for _, one := range t.Cells {
			stored, err := p.Stored(ctx, one.Key)
			if err != nil {
				return nil, failed(exitFailed, err, "")
			}
			meta, _ := snapshot.Open(stored)
			entries, err := t.History.List(ctx, one.Key)
			problem := ""
			if errors.Is(err, publish.ErrHistoryDamaged) {
				problem, err = err.Error(), nil
			}
			if err != nil {
				return nil, failed(exitFailed, err, "")
			}
			list = append(list, kept{t.Name, t.History.SinkName, one.Key, meta.Digest, append([]publish.Entry{}, entries...), problem})
		}
	}
	if len(list) == 0 {
		return nil, failed(exitFailed, fmt.Errorf("none of the targets keeps a history"), "set \"history: { sink: …, keep: 10 }\" of a target")
	}
	return list, nil
}

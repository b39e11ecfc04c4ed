package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

type pinFlags struct {
	target            string
	previous, current bool
	from, reason      string
	timeout           time.Duration
}

func newPin() *cobra.Command {
	var flags pinFlags
	c := &cobra.Command{
		Use:   "pin",
		Short: "Put older content of a target back, and hold it there",
		Long: `Pin puts content back under a new seq and marks it as pinned in the sink, where
every publisher sees it: nothing replaces it until flagcast unpin. It needs no
upstream.`,
		Example: "  flagcast pin --target web --previous --reason 'checkout is broken'\n" +
			"  flagcast pin --target web --from sink:back/unleash-rules_1795672049849",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			chosen := 0
			for _, given := range []bool{flags.previous, flags.current, flags.from != ""} {
				if given {
					chosen++
				}
			}
			if chosen != 1 {
				return exit.With(exit.Usage, errors.New("pin needs to know what to hold"),
					"give one of --previous, --current, --from FILE, --from sink:NAME/KEY")
			}
			ctx, cancel := context.WithTimeout(c.Context(), flags.timeout)
			defer cancel()
			return onTarget(ctx, c, "pin", flags, func(one *oneTarget) error { return one.pin(ctx, flags) })
		},
	}
	c.Flags().StringVar(&flags.target, "target", "", "the `target`; needed")
	c.Flags().BoolVar(&flags.previous, "previous", false, "what was published before what is stored, from the history")
	c.Flags().BoolVar(&flags.current, "current", false, "what is stored now")
	c.Flags().StringVar(&flags.from, "from", "", "a snapshot in a `file`, or in sink:NAME/KEY")
	c.Flags().StringVar(&flags.reason, "reason", "by hand", "`text` that says why, for those who find it pinned")
	c.Flags().DurationVar(&flags.timeout, "timeout", 2*time.Minute, "give up after this time")
	return c
}

func newUnpin() *cobra.Command {
	var target string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "unpin",
		Short: "Let a pinned target follow Unleash again",
		Long: `Unpin takes the mark off what is stored. A running publisher replaces the
content within a minute; flagcast sync does it at once.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			return onTarget(ctx, c, "unpin", pinFlags{target: target}, func(one *oneTarget) error {
				return one.unpin(ctx)
			})
		},
	}
	c.Flags().StringVar(&target, "target", "", "the `target`; needed")
	c.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "give up after this time")
	return c
}

// needs of pin and unpin. Webhooks take none of their events.
func (f *pinFlags) needs(targets []config.Target) config.Needs {
	n := config.Needs{Sinks: sinksOf(targets, true)}
	if place, ok := strings.CutPrefix(f.from, "sink:"); ok {
		name, _, _ := strings.Cut(place, "/")
		n.Sinks = append(n.Sinks, name)
	}
	return n
}

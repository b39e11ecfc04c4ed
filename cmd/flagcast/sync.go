package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

type syncFlags struct {
	targets  []string
	from     string
	dryRun   bool
	out      string
	plan     string
	accept   []string
	exitCode bool
	json     bool
	timeout  time.Duration
	waitSeen time.Duration
}

func newSync() *cobra.Command {
	var flags syncFlags
	c := &cobra.Command{
		Use:   "sync",
		Short: "Bring every target up to date once",
		Long: `Sync fetches the definitions, reads what each target has stored, and writes
what differs. It is one pass of what serve does, for a CronJob, CI or a timer
function. With --dry-run it says what it would do.

Exit codes: 0 all targets are up to date, 1 failed, 2 usage or configuration,
3 some targets failed, 5 held by the guard, 10 changes pending
(--dry-run --exit-code).`,
		Example: "  flagcast sync --dry-run --out plan.json\n" +
			"  flagcast sync --plan plan.json\n" +
			"  flagcast sync --target web --accept 4f0c29a7e1b3",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			return runSync(c, flags)
		},
	}
	c.Flags().StringSliceVar(&flags.targets, "target", nil, "only these `targets`")
	c.Flags().StringVar(&flags.from, "from", "",
		"definitions from a `file`, or - for standard input, instead of upstream")
	c.Flags().BoolVar(&flags.dryRun, "dry-run", false, "write nothing, show what would change")
	c.Flags().StringVar(&flags.out, "out", "", "with --dry-run: write the plan to a `file`, for --plan")
	c.Flags().StringVar(&flags.plan, "plan", "", "write exactly what the plan in a `file` says, or refuse")
	c.Flags().StringSliceVar(&flags.accept, "accept", nil,
		"`digest` of content that the guard holds back and that is meant; its first 8 characters will do")
	c.Flags().BoolVar(&flags.exitCode, "exit-code", false, "with --dry-run: exit with 10 when something would change")
	c.Flags().BoolVar(&flags.json, "json", false, "report as JSON")
	c.Flags().DurationVar(&flags.timeout, "timeout", 2*time.Minute, "give up after this time")
	c.Flags().DurationVar(&flags.waitSeen, "wait-seen", 0,
		"wait up to this time until every probe shows what was written")
	return c
}

func (f *syncFlags) check() error {
	switch {
	case f.exitCode && !f.dryRun:
		return exit.With(exit.Usage, errors.New("--exit-code requires --dry-run"), "add --dry-run")
	case f.out != "" && !f.dryRun:
		return exit.With(exit.Usage, errors.New("--out writes a plan, and without --dry-run there is none"),
			"add --dry-run")
	case f.plan != "" && (f.dryRun || f.from != "" || len(f.accept) > 0):
		return exit.With(exit.Usage, errors.New("--plan says all that is to be written"),
			"leave out --dry-run, --from and --accept")
	}
	for _, digest := range f.accept {
		if len(digest) < 8 {
			return exit.With(exit.Usage, fmt.Errorf("--accept %q is too short", digest),
				"give at least the first 8 characters of the digest")
		}
	}
	return nil
}

// needs of sync: upstream where the flags come from there, and webhooks where
// something may be written.
func (f *syncFlags) needs(targets []config.Target) config.Needs {
	return config.Needs{Upstream: f.from == "" && f.plan == "", Notify: !f.dryRun, Sinks: sinksOf(targets, true)}
}

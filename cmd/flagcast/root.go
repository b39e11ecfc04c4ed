package main

import (
	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
)

func newRoot() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "flagcast",
		Short: "Unleash feature flags inside CDN workers",
		Long: `flagcast follows an Unleash server, keeps its flags in memory, and publishes
snapshots of them to where CDN workers read: Alibaba EdgeKV (ESA and DCDN),
Cloudflare Workers KV, OSS, a folder. It serves the APIs of Unleash Edge, too.

Without an account or a server: flagcast dev --demo runs a worker with example
flags on this machine, flagcast serve --demo the server.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		// cobra puts them into the error, on lines of their own.
		DisableSuggestions: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if version {
				return printVersion(c)
			}
			return c.Help()
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit.With(exit.Usage, err, flagHint(c, err))
	})
	root.SetUsageFunc(printUsage)
	// Not by cobra's own flag: its template would link text/template, with which the
	// linker keeps every exported method of the program.
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.PersistentFlags().String("config", app.DefaultConfig, "configuration `file` ("+app.ConfigVariable+")")
	root.AddCommand(newServe(), newEdge(), newOffline(), newHealth(), newReady(), newSync(), newStatus(), newHistory(),
		newPin(), newUnpin(), newCheck(), newPermissions(), newExport(), newDev(), newSchema(), newTypes(), newEval(),
		newCompare(),
		newVersion())
	complete(root)
	return root
}

package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// scriptFlags are those of export that are for whole scripts.
type scriptFlags struct {
	platform, entry string
	sourceMap       bool
}

func (f *scriptFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.platform, "platform", "", "script: the `platform` it is for: edgeroutine, esa or cloudflare")
	c.Flags().StringVar(&f.entry, "entry", "", "script: your worker, a `file` of JavaScript or TypeScript that imports flagcast and flagcast/bundle, instead of the stock one")
	c.Flags().BoolVar(&f.sourceMap, "sourcemap", false, "script: write a source map beside the output")
}

// check refuses what is no script before anything is read.
func (f *scriptFlags) check(flags *exportFlags, format snapshot.Format) error {
	if flags.as != asScript {
		for name, given := range map[string]bool{"--platform": f.platform != "", "--entry": f.entry != "", "--sourcemap": f.sourceMap} {
			if given {
				return failed(exitUsage, fmt.Errorf("%s is for --as script", name), "")
			}
		}
		return nil
	}
	switch known := names(bundles.Platforms()); {
	case f.platform == "":
		return failed(exitUsage, errors.New("--as script needs --platform"), "platforms: "+known)
	case !isOneOf(f.platform, bundles.Platforms()):
		return failed(exitUsage, fmt.Errorf("--platform %q is not one of %s", f.platform, known), "")
	case format == snapshot.Definitions1:
		return failed(exitUsage, errors.New("--as script takes rules or evaluated: the worker does not read definitions"), "")
	case f.sourceMap && flags.output == "":
		return failed(exitUsage, errors.New("--sourcemap needs --output: the map is written beside it"), "")
	}
	return nil
}

// exportScript links a script and writes it.
func exportScript(c *cobra.Command, flags exportFlags, snap *snapshot.Snapshot) error {
	linked, err := bundles.Link(snap, bundles.Script{
		Platform: bundles.Platform(flags.script.platform), Entry: flags.script.entry,
		Output: flags.output, SourceMap: flags.script.sourceMap,
	})
	if faults := (*bundles.LinkError)(nil); errors.As(err, &faults) {
		fmt.Fprint(c.ErrOrStderr(), faults.Report())
		what := "the stock worker"
		if flags.script.entry != "" {
			what = filepath.ToSlash(flags.script.entry)
		}
		return failed(exitFailed, fmt.Errorf("link %s: %s", what, count(len(faults.Faults), "fault")), "")
	} else if err != nil {
		return err
	}
	if linked.Map != nil {
		if err := writeOutput(flags.output+".map", linked.Map); err != nil {
			return err
		}
	}
	return writeResult(c, flags.output, linked.Code)
}

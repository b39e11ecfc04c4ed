package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/bundles"
	"github.com/flagcast/flagcast/cmd/flagcast/app"
	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// complete lets shells complete the values of flags and arguments. Nothing but
// local files is read for that.
func complete(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for _, c := range root.Commands() {
		if c.Name() == "eval" {
			c.ValidArgsFunction = func(c *cobra.Command, given []string, _ string) ([]string,
				cobra.ShellCompDirective,
			) {
				names := slices.DeleteFunc(localFlags(c), func(name string) bool {
					return slices.Contains(given, name)
				})
				return plainWords(names), cobra.ShellCompDirectiveNoFileComp
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if values := valuesOf(c, f); values != nil {
				// It fails for flags that are not defined, and for a second function.
				_ = c.RegisterFlagCompletionFunc(f.Name, values)
			}
		})
	}
	extensions := []string{"yaml", "yml"}
	_ = root.RegisterFlagCompletionFunc("config",
		cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt))
}

// valuesOf returns what completes a flag, nil for one whose values are not
// known.
func valuesOf(c *cobra.Command, f *pflag.Flag) cobra.CompletionFunc {
	fixed := func(words ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	local := func(words func(*cobra.Command) []string) cobra.CompletionFunc {
		return func(c *cobra.Command, _ []string, written string) ([]string, cobra.ShellCompDirective) {
			return afterComma(plainWords(words(c)), written), cobra.ShellCompDirectiveNoFileComp
		}
	}
	switch f.Name {
	case "target":
		return local(func(c *cobra.Command) []string { return configuredNames(c).Targets })
	case "sink":
		return local(func(c *cobra.Command) []string { return configuredNames(c).Sinks })
	case "flag":
		return local(localFlags)
	case "platform":
		return fixed(words(bundles.Platforms())...)
	case "as":
		return fixed(append(words(bundles.Forms()), asScript, asRuntime)...)
	case "format":
		return fixed(formatNames()...)
	case "undecided":
		return fixed(string(snapshot.ContextualOff), string(snapshot.ContextualOmit),
			string(snapshot.ContextualEvaluate))
	case "log-format":
		return fixed("plain", "pretty", "json")
	case "from":
		if c.Name() == "sync" {
			return files
		}
		return fromFileOrSink
	}
	switch kind, _ := pflag.UnquoteUsage(f); kind {
	case "file":
		return files
	case "folder":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	}
	return nil
}

func files(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// fromFileOrSink completes files, and behind "sink:" the sinks.
func fromFileOrSink(c *cobra.Command, _ []string, written string) ([]string, cobra.ShellCompDirective) {
	if !strings.HasPrefix(written, "sink:") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var places []string
	for _, name := range plainWords(configuredNames(c).Sinks) {
		places = append(places, "sink:"+name+"/")
	}
	return places, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

func configuredNames(c *cobra.Command) config.Names {
	return config.ReadNames(app.ConfigFileOf(c).Path)
}

// localFlags lists the flags of the file of --from, else of upstream.file.
func localFlags(c *cobra.Command) []string {
	path, _ := c.Flags().GetString("from")
	if path == "" {
		path = configuredNames(c).File
	}
	if path == "" || path == "-" || strings.HasPrefix(path, "sink:") {
		return nil
	}
	document, err := app.ReadFrom(path, nil)
	if err != nil {
		return nil
	}
	var names []string
	if format := gjson.GetBytes(document, "flagcast.format").Str; format != "" &&
		format != string(snapshot.Definitions1) {
		if program, _, err := snapshot.Decode(document); err == nil {
			for _, f := range program.Flags() {
				names = append(names, f.Name)
			}
		}
		return names
	}
	if d, err := app.DecodeDefinitions(path, document, "default"); err == nil {
		for i := range d.Features {
			names = append(names, d.Features[i].Name)
		}
	}
	return names
}

// afterComma completes the last word of a list with commas.
func afterComma(known []string, written string) []string {
	before := written[:strings.LastIndex(written, ",")+1]
	for i := range known {
		known[i] = before + known[i]
	}
	return known
}

// plainWord matches what no shell expands, and what cannot be taken for a flag.
// Unleash permits no other names.
var plainWord = regexp.MustCompile(`^[\w.~][\w.~-]*$`)

func plainWords(list []string) []string {
	return slices.DeleteFunc(list, func(word string) bool { return !plainWord.MatchString(word) })
}

func words[T ~string](list []T) []string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = string(one)
	}
	return texts
}

// formatNames are the formats of snapshots without their versions.
func formatNames() []string {
	var list []string
	for _, format := range snapshot.Formats() {
		name, _, _ := strings.Cut(string(format), "/")
		list = append(list, name)
	}
	return list
}

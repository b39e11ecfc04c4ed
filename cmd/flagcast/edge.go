package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// newEdge is serve with the flags of Unleash Edge.
func newEdge() *cobra.Command {
	var how serveFlags
	var version bool
	flags := edgeFlags{}
	c := &cobra.Command{
		Use:   "edge",
		Short: "Be what Unleash Edge is: serve, with its flags",
		Long: `Edge is serve with all flags of "unleash-edge edge". Those that flagcast has no
use for are accepted; the log says once what to use instead. They may
precede the name of the command, too.`,
		Example: "  flagcast edge --upstream-url https://unleash.example \\\n" +
			"    --tokens '*:production.secret'",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if version { // of the program, where it is called "edge"
				return printVersion(c)
			}
			return runServe(c, config.Overrides{Flags: flags}, how)
		},
	}
	flags.add(c, "edge")
	how.add(c)
	c.Flags().BoolVar(&version, "version", false, "print the version")
	return c
}

func newOffline() *cobra.Command {
	flags := edgeFlags{}
	c := &cobra.Command{
		Use:   "offline",
		Short: "Serve flags from a file, without any upstream",
		Long: `Offline serves what a file holds: an answer of GET /api/client/features, read
again whenever it changes. It has the flags of "unleash-edge offline". Only the
tokens that are given are known; the file is that of every environment that
they name.`,
		Example: "  flagcast offline --bootstrap-file flags.json \\\n" +
			"    --client-tokens '*:production.secret'",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runServe(c, config.Overrides{Flags: flags, Offline: true}, serveFlags{})
		},
	}
	flags.add(c, "offline")
	return c
}

// edgeFlags holds the flags of Unleash Edge that were given.
type edgeFlags map[string]string

// add defines those of a mode. What is not taken over is not shown by --help.
func (f edgeFlags) add(c *cobra.Command, mode string) {
	taken := map[string]bool{"h": true}
	for _, s := range config.EdgeSettings() {
		if s.Flag == "" || s.Mode != "" && s.Mode != mode {
			continue
		}
		short := s.Short
		if taken[short] {
			short = ""
		}
		taken[short] = short != ""
		value := &edgeValue{flags: f, name: s.Flag, kind: cmp.Or(s.Value, "bool"), repeated: s.Repeated()}
		flag := c.Flags().VarPF(value, s.Flag, short, s.Does+" ("+s.Variable+")")
		flag.Hidden = s.Fate() != "taken over"
		if s.Value == "" {
			flag.NoOptDefVal = "true"
		}
	}
}

// edgeValue is one flag. Each value of one that may be repeated counts.
type edgeValue struct {
	flags    edgeFlags
	name     string
	kind     string // of the value, as --help shows it; "bool" for a switch
	repeated bool
}

func (v *edgeValue) String() string { return "" }
func (v *edgeValue) Type() string   { return v.kind }

func (v *edgeValue) Set(text string) error {
	name := v.name
	// Before the name of the command -p is the port, behind it the pretrusted
	// tokens, which are not numbers.
	if _, err := strconv.Atoi(text); name == "port" && err != nil && strings.ContainsAny(text, ":@") {
		name = "pretrusted-tokens"
	}
	if before := v.flags[name]; before != "" && (v.repeated || name != v.name) {
		text = before + "," + text
	}
	v.flags[name] = text
	return nil
}

// commandFirst moves flags of Unleash Edge that precede the name of a
// command behind it, where cobra looks for them.
func commandFirst(root *cobra.Command, args []string) []string {
	settings := config.EdgeSettings()
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") {
			c, _, err := root.Find(args[i : i+1])
			if i == 0 || err != nil || !slices.Contains([]string{"edge", "offline", "serve", "health", "ready"},
				c.Name()) {
				return args
			}
			return slices.Concat(args[i:i+1], args[:i], args[i+1:])
		}
		name, _, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		at := slices.IndexFunc(settings, func(s config.EdgeSetting) bool {
			return strings.HasPrefix(arg, "--") && s.Flag == name || !strings.HasPrefix(arg, "--") && s.Short == name &&
				s.Mode == ""
		})
		switch {
		case at < 0 && name == "config":
		case at < 0:
			return args // of another command
		case settings[at].Value == "":
			continue
		}
		if !joined {
			i++ // its value
		}
	}
	return args
}

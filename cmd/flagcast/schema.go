package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/docs"
	"github.com/flagcast/flagcast/internal/plainjson"
	"github.com/flagcast/flagcast/sinks/all"
)

func newSchema() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration",
		Long: `Schema prints the JSON Schema of the configuration file, for this version.
Editors complete and check the file by it:

  # yaml-language-server: $schema=flagcast.schema.json

It has the keys, their kinds and their values. "flagcast check" finds what a
schema cannot express.`,
		Example: "  flagcast schema -o flagcast.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			schema := config.JSONSchema(config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()},
				descriptions(docs.Configuration))
			text, err := plainjson.Marshal(schema)
			if err != nil {
				return err
			}
			return writeResult(c, output, indented(text))
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "write to this `file` instead of standard output")
	return c
}

var (
	inCode   = regexp.MustCompile("`([^`]+)`")
	linkText = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
)

// descriptions reads the tables of the reference: a section for each part of the file,
// and for each type of sinks, whose rows are keys, types, defaults and meanings.
func descriptions(document string) func(path string) string {
	meanings := map[string]string{}
	section := ""
	for line := range strings.Lines(document) {
		line = strings.TrimSpace(line)
		name := strings.Trim(line, "# `")
		switch {
		case strings.HasPrefix(line, "### ") && strings.HasPrefix(section, "sinks"):
			section = "sinks." + name
		case strings.HasPrefix(line, "## "):
			section = name
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		text := strings.TrimSpace(linkText.ReplaceAllString(cells[3], "$1"))
		if value := strings.TrimSpace(cells[2]); value != "—" && value != "required" {
			text += "; default " + value
		}
		for _, key := range inCode.FindAllStringSubmatch(cells[0], -1) {
			meanings[section+"."+key[1]] = text
		}
	}
	return func(path string) string { return meanings[path] }
}

// indented returns JSON for eyes, with a newline at its end.
func indented(text []byte) []byte {
	var b bytes.Buffer
	_ = json.Indent(&b, text, "", "  ") // it was just encoded
	b.WriteByte('\n')
	return b.Bytes()
}

package main

import (
	"bytes"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
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
			schema, err := config.JSONSchema(config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()})
			if err != nil {
				return err
			}
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

// indented returns JSON for eyes, with a newline at its end.
func indented(text []byte) []byte {
	var b bytes.Buffer
	_ = json.Indent(&b, text, "", "  ") // it was just encoded
	b.WriteByte('\n')
	return b.Bytes()
}

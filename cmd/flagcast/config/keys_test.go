package config_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/keydoc"
	"github.com/flagcast/flagcast/sinks/all"
)

// object is a mapping of the schema.
type object struct {
	Description string            `json:"description"`
	Properties  map[string]object `json:"properties"`
	Const       any               `json:"const"`
}

// described returns the description of every key of the schema by its path, but
// for files of secrets.
func described(t *testing.T) map[string]string {
	t.Helper()
	schema, err := config.JSONSchema(config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for path, o := range document.Defs {
		for name, key := range o.Properties {
			if _, file := o.Properties[strings.TrimSuffix(name, "_file")]; key.Const == nil && (!file ||
				!strings.HasSuffix(name, "_file")) {
				list[path+"."+name] = key.Description
			}
		}
	}
	for name, key := range document.Properties {
		list[name] = key.Description
	}
	for _, kind := range all.Types() {
		list["sinks."+kind] = document.Defs["sinks."+kind].Description
	}
	return list
}

var (
	linked = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
	// aloneInGo are keys that hold others: the document has rows for those.
	aloneInGo = []string{
		"state", "audit", "api.tls", "api.cors", "api.shared_cache", "api.backstage", "targets.history",
		"sinks.edgekv.credentials", "sinks.oss.credentials",
	}
)

// TestDescriptions: every key has a description of one sentence, and the document
// begins what it says of the key with it.
func TestDescriptions(t *testing.T) {
	_, meanings := tables(t)
	paragraphs := paragraphs(t)
	list := described(t)
	if len(list) < 100 {
		t.Fatalf("the schema has %d keys", len(list))
	}
	for _, path := range slices.Sorted(maps.Keys(list)) {
		description := list[path]
		if description == "" || strings.HasSuffix(description, ".") || strings.Contains(description, ". ") {
			t.Errorf("%s: the description %q is not one sentence without its full stop", path, description)
		}
		section, key, _ := strings.Cut(strings.TrimPrefix(path, "sinks."), ".")
		row, ok := meanings[section+" "+key]
		if path == "sinks.type" {
			row, ok = meanings["sinks type"]
		}
		if !ok {
			row, ok = paragraphs[section]
			ok = ok && key == ""
		}
		row = strings.TrimSpace(linked.ReplaceAllString(row, "$1"))
		switch alone := slices.Contains(aloneInGo, path); {
		case alone == ok:
			t.Errorf("%s: the document describes it %t, want %t", path, ok, !alone)
		case ok && !strings.HasPrefix(row, description):
			t.Errorf("%s: the document has\n%s\nwhich does not begin with\n%s", path, row, description)
		}
	}
}

// paragraphs returns the text below each heading of the document, if there is one.
func paragraphs(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, section := range regexp.MustCompile(`(?m)^##+ `).Split(readDocument(t), -1) {
		heading, text, _ := strings.Cut(section, "\n\n")
		if paragraph, _, _ := strings.Cut(text, "\n\n"); !strings.HasPrefix(paragraph, "|") {
			list[strings.Trim(heading, " `")] = strings.ReplaceAll(paragraph, "\n", " ")
		}
	}
	return list
}

// undescribed are settings without a method Keys.
type undescribed struct{}

// strange are settings with a description of a key that they do not have.
type strange struct{}

func (strange) Keys() keydoc.Keys { return keydoc.Keys{"gone": {Meaning: "what there was"}} }

func TestSchemaErrors(t *testing.T) {
	for want, settings := range map[string]any{
		"the settings of own sinks have no method Keys":          &undescribed{},
		"descriptions of keys that do not exist: sinks.own.gone": &strange{},
	} {
		_, err := config.JSONSchema(config.Overrides{
			SinkConfig: func(string) (any, bool) { return settings, true }, SinkTypes: []string{"own"},
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

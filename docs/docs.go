// Package docs holds the documents that the program reads.
package docs

import _ "embed"

// Configuration is the reference of the configuration file, whose tables describe every
// key.
//
//go:embed configuration.md
var Configuration string

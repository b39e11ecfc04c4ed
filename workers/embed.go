// Package workers holds the JavaScript runtime that reads snapshots inside CDN
// workers. The npm package lies in this folder; Go embeds its sources, so that
// one binary can emit a worker script.
package workers

import "embed"

// Source is the folder src of the npm package.
//
//go:embed src
var Source embed.FS

// Package is the package.json of the npm package.
//
//go:embed package.json
var Package []byte

// License is the licence of the npm package, that of the repository.
//
//go:embed LICENSE
var License []byte

package bundles

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/flagcast/flagcast/workers"
)

// Runtime returns the files of the runtime as an npm package without
// dependencies, for projects that bundle by themselves: one module with its
// types, and the licence.
func Runtime() (map[string][]byte, error) {
	built := api.Build(api.BuildOptions{
		Stdin:    &api.StdinOptions{Contents: "export * from 'flagcast'"},
		Bundle:   true,
		Format:   api.FormatESModule,
		Target:   api.ES2020,
		Plugins:  []api.Plugin{modules(nil, false)},
		LogLevel: api.LogLevelSilent,
	})
	if len(built.Errors) > 0 {
		return nil, fmt.Errorf("link the runtime: %w", newLinkError(built.Errors))
	}
	files := map[string][]byte{"index.js": built.OutputFiles[0].Contents}
	for _, name := range []string{"index.d.ts", "bundle.d.ts"} {
		text, err := fs.ReadFile(workers.Source, "src/"+name)
		if err != nil {
			return nil, err
		}
		files[name] = text
	}
	var of struct{ Name, Version, Description, License string }
	if err := json.Unmarshal(workers.Package, &of); err != nil || of.Name == "" {
		return nil, errors.Join(errors.New("read the package.json of the runtime"), err)
	}
	files["LICENSE"] = workers.License
	files["package.json"] = fmt.Appendf(nil, `{
  "name": %q,
  "version": %q,
  "description": %q,
  "license": %q,
  "type": "module",
  "sideEffects": false,
  "exports": {
    ".": { "types": "./index.d.ts", "default": "./index.js" },
    "./bundle": { "types": "./bundle.d.ts" }
  }
}
`, of.Name, of.Version, of.Description, of.License)
	return files, nil
}

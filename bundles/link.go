package bundles

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/workers"
)

// Script says what to link into one file that a platform takes as it is.
type Script struct {
	Platform Platform
	// Entry is the user's worker, JavaScript or TypeScript; "" is the stock
	// one. It imports "flagcast", the runtime, and "flagcast/bundle", the
	// constant; everything else as with esbuild.
	Entry string
	// ReadsStore makes the stock worker the one that reads the store of the
	// platform, in place of the one that has the flags in it.
	ReadsStore bool
	// OFREP has the stock worker answer the protocol of OpenFeature's providers, too.
	OFREP bool
	// Dir is where relative paths begin; "" is the working directory.
	Dir string
	// Output names the file that the script becomes. A source map refers to it
	// and to the sources as they are seen from there.
	Output    string
	SourceMap bool
	// Readable leaves the script as it is written, for eyes.
	Readable bool
}

// Linked is a finished script.
type Linked struct {
	Code []byte
	Map  []byte // nil without Script.SourceMap
	Size Size
	// Inputs are the paths of the user's files in it.
	Inputs []string
}

// Size says what the bytes of a script are.
type Size struct {
	Total   int `json:"total"`
	Yours   int `json:"yours"`   // the entry and what it imports
	Runtime int `json:"runtime"` // of flagcast
	Flags   int `json:"flags"`   // the constant
}

// Link makes one script of a snapshot, the runtime and a worker: minified,
// ES2020, and ASCII, which no console and no upload spoils. The same input
// gives the same bytes. What is wrong with the user's files is a LinkError.
func Link(s *snapshot.Snapshot, script Script) (*Linked, error) {
	if err := script.Platform.check(); err != nil {
		return nil, fmt.Errorf("link script: %w", err)
	}
	if s.Format() == snapshot.Definitions1 {
		return nil, fmt.Errorf("link script: the runtime does not read %s", s.Format())
	}
	dir, err := filepath.Abs(script.Dir)
	if err != nil {
		return nil, fmt.Errorf("link script: %w", err)
	}
	output := script.Output
	if output == "" {
		output = "worker.js"
	}
	options := api.BuildOptions{
		EntryPoints:   []string{script.entry()},
		AbsWorkingDir: dir,
		Outfile:       output,
		Bundle:        true,
		Metafile:      true,
		Format:        script.Platform.format(),
		Platform:      api.PlatformBrowser,
		Conditions:    script.Platform.conditions(),
		External:      script.Platform.external(),
		Target:        api.ES2020,
		Plugins:       []api.Plugin{modules(module(s, false), script.OFREP)},
		LogLevel:      api.LogLevelSilent,
		LegalComments: api.LegalCommentsNone,
	}
	if !script.Readable {
		options.MinifyWhitespace, options.MinifyIdentifiers, options.MinifySyntax = true, true, true
	}
	if script.SourceMap {
		options.Sourcemap = api.SourceMapLinked
	}
	built := api.Build(options)
	if len(built.Errors) > 0 {
		return nil, newLinkError(built.Errors)
	}
	linked := &Linked{}
	for _, f := range built.OutputFiles {
		if strings.HasSuffix(f.Path, ".map") {
			linked.Map = f.Contents
		} else {
			linked.Code = f.Contents
		}
	}
	var exports []string
	if linked.Size, exports, linked.Inputs, err = readMetafile(built.Metafile); err != nil {
		return nil, fmt.Errorf("link script: %w", err)
	}
	for i, input := range linked.Inputs {
		linked.Inputs[i] = filepath.Join(dir, filepath.FromSlash(input))
	}
	// The form of another platform links, and then answers no request.
	fault := ""
	if script.Platform.Listener() && !bytes.Contains(linked.Code, []byte("addEventListener")) {
		fault = "it has no addEventListener: a worker for %s is addEventListener('fetch', event => " +
			"event.respondWith(…))"
	} else if !script.Platform.Listener() && !slices.Contains(exports, "default") {
		fault = "it exports no default: a worker for %s is export default { fetch(request, env, ctx) { … } }"
	}
	if fault != "" {
		return nil, &LinkError{
			Faults: []LinkFault{{File: filepath.ToSlash(script.Entry), Text: fmt.Sprintf(fault, script.Platform)}},
		}
	}
	return linked, nil
}

// entry is what esbuild begins with.
func (s *Script) entry() string {
	switch {
	case s.Entry == "" && s.ReadsStore:
		return entryPrefix + string(s.Platform)
	case s.Entry == "":
		return stockPrefix + string(s.Platform)
	case filepath.IsAbs(s.Entry):
		return s.Entry
	}
	return "./" + filepath.ToSlash(s.Entry) // without "./" esbuild looks for a package of this name
}

// Modules that do not come from the user's disk, by their namespaces in esbuild.
const (
	runtimeSpace  = "flagcast"
	constantSpace = "flagcast-bundle"
	stockSpace    = "flagcast-stock"
	stockPrefix   = stockSpace + "/"
	entryPrefix   = "flagcast/entries/"
)

// modules serves the runtime, the constant and the stock workers from memory. ofrep gives
// stock workers the module that answers OFREP, too.
func modules(constant []byte, ofrep bool) api.Plugin {
	return api.Plugin{Name: "flagcast", Setup: func(build api.PluginBuild) {
		serve := func(filter, space string, resolve func(api.OnResolveArgs) string,
			load func(name string) ([]byte, error),
		) {
			build.OnResolve(api.OnResolveOptions{Filter: filter},
				func(a api.OnResolveArgs) (api.OnResolveResult, error) {
					return api.OnResolveResult{Path: resolve(a), Namespace: space, SideEffects: api.SideEffectsFalse},
						nil
				})
			build.OnLoad(api.OnLoadOptions{Filter: ".", Namespace: space},
				func(a api.OnLoadArgs) (api.OnLoadResult, error) {
					text, err := load(a.Path)
					contents := string(text)
					return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, err
				})
		}
		serve("^flagcast$", runtimeSpace, func(api.OnResolveArgs) string { return "index.js" },
			func(name string) ([]byte, error) { return fs.ReadFile(workers.Source, "src/"+name) })
		serve("^flagcast/ofrep$", runtimeSpace, func(api.OnResolveArgs) string { return "ofrep.js" },
			func(name string) ([]byte, error) { return fs.ReadFile(workers.Source, "src/"+name) })
		serve("^flagcast/bundle$", constantSpace, func(api.OnResolveArgs) string { return "constant.js" },
			func(string) ([]byte, error) { return constant, nil })
		// Stock workers leave out what checks the options of others.
		build.OnResolve(api.OnResolveOptions{Filter: `^flagcast/[a-z]+\.js$`, Namespace: stockSpace},
			func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				path := strings.TrimPrefix(a.Path, "flagcast/")
				if ofrep && path == "flags.js" {
					path = "ofrep.js"
				}
				return api.OnResolveResult{Path: path, Namespace: runtimeSpace, SideEffects: api.SideEffectsFalse}, nil
			})
		// A stock worker acts by being run.
		build.OnResolve(api.OnResolveOptions{Filter: "^" + entryPrefix + "[a-z]+$"},
			func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{
					Path: strings.TrimPrefix(a.Path, "flagcast/") + ".js", Namespace: runtimeSpace,
				}, nil
			})
		build.OnResolve(api.OnResolveOptions{Filter: "^" + stockPrefix},
			func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{
					Path: strings.TrimPrefix(a.Path, stockPrefix) + ".js", Namespace: stockSpace,
				}, nil
			})
		build.OnLoad(api.OnLoadOptions{Filter: ".", Namespace: stockSpace},
			func(a api.OnLoadArgs) (api.OnLoadResult, error) {
				text, err := stock.ReadFile("stock/" + a.Path)
				contents := string(text)
				return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, err
			})
		// The runtime imports itself by relative paths.
		build.OnResolve(api.OnResolveOptions{Filter: `^\.`, Namespace: runtimeSpace},
			func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{
					Path: path.Join(path.Dir(a.Importer), a.Path), Namespace: runtimeSpace,
					SideEffects: api.SideEffectsFalse,
				}, nil
			})
	}}
}

// readMetafile sorts the bytes of the script by what they come from, and lists
// what it exports and the user's files in it, as esbuild names them. What esbuild
// puts between belongs to no part and counts in Total alone.
func readMetafile(metafile string) (size Size, exports, yours []string, err error) {
	var meta struct {
		Outputs map[string]struct {
			Bytes   int
			Exports []string
			Inputs  map[string]struct{ BytesInOutput int }
		}
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return Size{}, nil, nil, fmt.Errorf("read what esbuild reports of its output: %w", err)
	}
	for name, output := range meta.Outputs {
		if strings.HasSuffix(name, ".map") {
			continue
		}
		size.Total, exports = output.Bytes, output.Exports
		for input, of := range output.Inputs {
			switch space, _, _ := strings.Cut(input, ":"); space {
			case constantSpace:
				size.Flags += of.BytesInOutput
			case runtimeSpace, stockSpace:
				size.Runtime += of.BytesInOutput
			default:
				size.Yours += of.BytesInOutput
				yours = append(yours, input)
			}
		}
	}
	slices.Sort(yours)
	return size, exports, yours, nil
}

// LinkError is what is wrong with the files of a script.
type LinkError struct{ Faults []LinkFault }

// LinkFault is one fault, at a place of a file where it has one.
type LinkFault struct {
	File   string // as esbuild names it: relative to Script.Dir
	Line   int    // from 1; 0: of no line
	Column int    // from 1, in bytes
	Length int    // of what is marked, in bytes
	Text   string
	Source string // the line
}

func newLinkError(messages []api.Message) error {
	e := &LinkError{}
	for _, m := range messages {
		f := LinkFault{Text: m.Text}
		if l := m.Location; l != nil {
			f.File, f.Line, f.Column, f.Length, f.Source = l.File, l.Line, l.Column+1, l.Length, l.LineText
		}
		e.Faults = append(e.Faults, f)
	}
	return e
}

// String returns a fault as one line, with its place.
func (f *LinkFault) String() string {
	switch {
	case f.File == "":
		return f.Text
	case f.Line == 0:
		return f.File + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// Error gives one line for each fault.
func (e *LinkError) Error() string {
	var all []error
	for i := range e.Faults {
		all = append(all, errors.New(e.Faults[i].String()))
	}
	return errors.Join(all...).Error()
}

// Report gives each fault with its marked source line, for a terminal. It ends
// with a newline.
func (e *LinkError) Report() string {
	var b strings.Builder
	for i := range e.Faults {
		f := &e.Faults[i]
		printable.Fprintf(&b, "%s\n", f)
		if f.Line > 0 {
			before := f.Source[:min(f.Column-1, len(f.Source))]
			fmt.Fprintf(&b, "%6d | %s\n", f.Line, printable.Source(f.Source))
			fmt.Fprintf(&b, "%6s | %s%s\n", "", notTabs.ReplaceAllString(printable.Source(before), " "),
				strings.Repeat("^", max(f.Length, 1)))
		}
	}
	return b.String()
}

var notTabs = regexp.MustCompile(`[^\t]`)

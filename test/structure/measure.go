package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/flagcast/flagcast/"

// row is one line of the table.
type row struct{ name, value string }

// highest is the largest number so far, and what has it.
type highest struct {
	n    int
	what string
}

func (h *highest) add(n int, what string) {
	if n > h.n {
		*h = highest{n, what}
	}
}

func (h highest) String() string { return fmt.Sprintf("%d (%s)", h.n, h.what) }

// measure reads the Go code of a checkout, without its tests, and its documents.
func measure(dir string) ([]row, error) {
	config := &packages.Config{
		Dir: dir,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes |
			packages.NeedTypesInfo | packages.NeedImports,
	}
	list, err := packages.Load(config, "./...")
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(p *packages.Package) bool {
		return strings.HasPrefix(p.PkgPath, module+"test/")
	})
	var circle, methods, function highest
	circles := map[string]int{}
	undocumented, files := 0, 0
	var comments, code int
	for _, p := range list {
		if len(p.Errors) > 0 {
			return nil, p.Errors[0]
		}
		name := strings.TrimPrefix(p.PkgPath, module)
		largest := largestCircle(p)
		circles[name] = largest
		circle.add(largest, name)
		for typ, n := range methodsOf(p) {
			methods.add(n, name+"."+typ)
		}
		for _, f := range p.Syntax {
			files++
			n, of := longestFunction(p.Fset, f)
			function.add(n, name+"."+of)
			undocumented += withoutDocstring(f)
		}
	}
	long, longTests := 0, 0
	err = eachFile(dir, ".go", func(path string, text string) {
		n := longLines(text)
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "test"+string(filepath.Separator)) {
			longTests += n
			return
		}
		long += n
		c, l := countLines(text)
		comments, code = comments+c, code+l
	})
	if err != nil {
		return nil, err
	}
	words, err := bannedWords(dir)
	if err != nil {
		return nil, err
	}
	rows := []row{
		{"packages", fmt.Sprint(len(list))}, {"files", fmt.Sprint(files)}, {"lines of code", fmt.Sprint(code)},
	}
	for _, name := range []string{
		"cmd/flagcast", "edgecore/publish", "edgecore/eval", "edgecore/snapshot", "edgecore",
	} {
		rows = append(rows, row{"largest circle of files, " + name, fmt.Sprint(circles[name])})
	}
	rows = append(rows,
		row{"largest circle of files, any package", circle.String()},
		row{"circles of top folders by imports", fmt.Sprint(folderCircle(list))},
		row{"methods of the largest type", methods.String()},
		row{"lines of the longest function", function.String()},
		row{"lines over 120 columns, product", fmt.Sprint(long)},
		row{"lines over 120 columns, tests", fmt.Sprint(longTests)},
		row{"exported names without docstring", fmt.Sprint(undocumented)},
		row{"comment lines to code lines", fmt.Sprintf("%.3f", float64(comments)/float64(code))},
	)
	for _, where := range slices.Sorted(maps.Keys(words)) {
		rows = append(rows, row{"banned words, " + where, fmt.Sprint(words[where])})
	}
	return rows, nil
}

// methodsOf counts the methods of each type of a package.
func methodsOf(p *packages.Package) map[string]int {
	n := map[string]int{}
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				n[receiver(fn)]++
			}
		}
	}
	return n
}

// receiver is the name of the type that a method belongs to.
func receiver(fn *ast.FuncDecl) string {
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return types.ExprString(t)
		}
	}
}

// longestFunction counts the lines of a function from its first to its last.
func longestFunction(fset *token.FileSet, f *ast.File) (lines int, name string) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > lines {
			lines, name = n, fn.Name.Name
		}
	}
	return lines, name
}

// withoutDocstring counts exported functions, methods of exported types, types,
// and values without a comment of their own or of their group.
func withoutDocstring(f *ast.File) (n int) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
				n++
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
						n++
					}
				case *ast.ValueSpec:
					exported := slices.ContainsFunc(s.Names, (*ast.Ident).IsExported)
					if exported && s.Doc == nil && s.Comment == nil && d.Doc == nil {
						n++
					}
				}
			}
		}
	}
	return n
}

func longLines(text string) (n int) {
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    ")
		if utf8.RuneCountInString(line) > 120 {
			n++
		}
	}
	return n
}

// countLines counts lines that are a comment alone, and lines with code.
func countLines(text string) (comments, code int) {
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "//"):
			comments++
		case line != "":
			code++
		}
	}
	return comments, code
}

// eachFile visits the files of a checkout with an extension, but for those that
// are installed or made.
func eachFile(dir, extension string, visit func(path, text string)) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "venv" ||
				name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != extension {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		visit(relative, string(text))
		return err
	})
}

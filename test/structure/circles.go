package main

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// graph has an arrow from each node to those that it needs.
type graph map[string]map[string]bool

func (g graph) add(from, to string) {
	if g[from] == nil {
		g[from] = map[string]bool{}
	}
	g[from][to] = true
}

// largestCircle returns how many files of a package are in its largest strongly
// connected group: each needs a definition of another, directly or by way of
// others, and the other way round. Definitions are everything at package level,
// methods and fields.
func largestCircle(p *packages.Package) int {
	g := graph{}
	for ident, object := range p.TypesInfo.Uses {
		if object.Pkg() != p.Types || !object.Pos().IsValid() {
			continue
		}
		from, to := p.Fset.Position(ident.Pos()).Filename, p.Fset.Position(object.Pos()).Filename
		if from != to {
			g.add(from, to)
		}
	}
	return g.largest()
}

// folderCircle is largestCircle of the top folders, by imports.
func folderCircle(list []*packages.Package) int {
	g := graph{}
	for _, p := range list {
		from, ours := strings.CutPrefix(p.PkgPath, module)
		if !ours {
			continue
		}
		for _, imported := range p.Imports {
			if to, ours := strings.CutPrefix(imported.PkgPath, module); ours && top(from) != top(to) {
				g.add(top(from), top(to))
			}
		}
	}
	return g.largest()
}

func top(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

// largest returns the size of the largest strongly connected group, and 1 where
// there is no circle: Tarjan's algorithm.
func (g graph) largest() int {
	index, low := map[string]int{}, map[string]int{}
	var stack []string
	most := 1
	var visit func(string)
	visit = func(node string) {
		index[node] = len(index) + 1
		low[node] = index[node]
		stack = append(stack, node)
		for to := range g[node] {
			if index[to] == 0 {
				visit(to)
				low[node] = min(low[node], low[to])
			} else if slices.Contains(stack, to) {
				low[node] = min(low[node], index[to])
			}
		}
		if low[node] == index[node] {
			at := slices.Index(stack, node)
			most = max(most, len(stack)-at)
			stack = stack[:at]
		}
	}
	for _, node := range slices.Sorted(maps.Keys(g)) {
		if index[node] == 0 {
			visit(node)
		}
	}
	return most
}

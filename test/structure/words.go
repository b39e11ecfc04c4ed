package main

import (
	"go/scanner"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
)

// banned are words that a reader has to decode. Each has a plain term: "reports
// whether" for "tells whether", "the caller" for "whoever", "is not a" for "is
// no", "must be" for "has to be".
var banned = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"tells?", "told", "telling", "nobody", "somebody", "whoever", "stands?", "stood", "lent", "in vain", "farewell",
	"liking", "owed", "owes", "is no", "are no", "was no", "has to be", "have to be", "rooms?", "seers?", "sightings?",
	"haste", "hasty", "cells?", "feels?", "settles?", "settled", "wish(?:es)?", "hears?", "heard", "knows",
	"word on", "good for", "mend(?:s|ed)?", "anew", "for ever",
}, "|") + `)\b`)

// plain are uses of such words that everybody understands; tables have cells.
var plain = regexp.MustCompile(`(?i)\bthere (is|are|was) no\b|\b(is|are|was) no (longer|more)\b|` +
	`\b(first|last|two|the) (two )?cells?\b`)

// bannedIn counts the banned words of a text.
func bannedIn(text string) int {
	return len(banned.FindAllString(plain.ReplaceAllString(text, ""), -1))
}

// use is a line with banned words.
type use struct {
	where string // comments, comments of tests, texts of the program, documents
	path  string
	line  int
	n     int
}

// bannedUses finds banned words in comments and in texts of Go code, and in
// documents. Texts of tests do not count, nor do the words of the changelog.
func bannedUses(dir string) ([]use, error) {
	var uses []use
	add := func(where, path string, line int, text string) {
		if n := bannedIn(text); n > 0 {
			uses = append(uses, use{where, filepath.ToSlash(path), line, n})
		}
	}
	err := eachFile(dir, ".go", func(path, text string) {
		if strings.HasSuffix(filepath.ToSlash(path), "test/structure/words.go") {
			return // the list itself
		}
		var s scanner.Scanner
		fset := token.NewFileSet()
		file := fset.AddFile(path, -1, len(text))
		s.Init(file, []byte(text), nil, scanner.ScanComments)
		test := strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "test"+string(filepath.Separator))
		for {
			pos, tok, literal := s.Scan()
			switch {
			case tok == token.EOF:
				return
			case tok == token.COMMENT && test:
				add("comments of tests", path, fset.Position(pos).Line, literal)
			case tok == token.COMMENT:
				add("comments", path, fset.Position(pos).Line, literal)
			case tok == token.STRING && !test:
				add("texts of the program", path, fset.Position(pos).Line, literal)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return uses, eachFile(dir, ".md", func(path, text string) {
		if filepath.Base(path) == "CHANGELOG.md" {
			return
		}
		line := 0
		for row := range strings.Lines(text) {
			line++
			add("documents", path, line, row)
		}
	})
}

// bannedWords counts them by where they are.
func bannedWords(dir string) (map[string]int, error) {
	words := map[string]int{"comments": 0, "comments of tests": 0, "texts of the program": 0, "documents": 0}
	uses, err := bannedUses(dir)
	for _, u := range uses {
		words[u.where] += u.n
	}
	return words, err
}

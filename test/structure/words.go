package main

import (
	"go/scanner"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
)

// banned are words that a reader has to decode. Each has a plain term: "reports
// whether" for "reports whether", "the caller" for "whoever", "is not a" for "is
// no", "must be" for "must be".
var banned = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"tells?", "told", "telling", "nobody", "somebody", "whoever", "stands?", "stood", "lent", "in vain", "farewell",
	"liking", "owed", "owes", "is no", "are no", "was no", "has to be", "have to be", "rooms?", "seers?", "sightings?",
	"haste", "hasty", "cells?", "feels?", "settles?", "settled", "wish(?:es)?", "hears?", "heard", "knows",
	"word on", "good for", "mend(?:s|ed)?", "anew", "for ever",
}, "|") + `)\b`)

// plain are uses of such words that everybody understands.
var plain = regexp.MustCompile(`(?i)\bthere (is|are|was) no\b|\b(is|are|was) no (longer|more)\b`)

// bannedIn counts the banned words of a text.
func bannedIn(text string) int {
	return len(banned.FindAllString(plain.ReplaceAllString(text, ""), -1))
}

// bannedWords counts banned words in comments and in texts of Go code, and in
// documents.
func bannedWords(dir string) (map[string]int, error) {
	words := map[string]int{"comments": 0, "texts of the program": 0, "documents": 0}
	err := eachFile(dir, ".go", func(path, text string) {
		var s scanner.Scanner
		fset := token.NewFileSet()
		s.Init(fset.AddFile(path, -1, len(text)), []byte(text), nil, scanner.ScanComments)
		test := strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "test"+string(filepath.Separator))
		for {
			_, tok, literal := s.Scan()
			switch {
			case tok == token.EOF:
				return
			case tok == token.COMMENT:
				words["comments"] += bannedIn(literal)
			case tok == token.STRING && !test:
				words["texts of the program"] += bannedIn(literal)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return words, eachFile(dir, ".md", func(_, text string) {
		words["documents"] += bannedIn(text)
	})
}

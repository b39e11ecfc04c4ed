package main

import (
	"testing"

	"github.com/flagcast/flagcast/test/need"
)

// TestPlainWords: comments, messages and documents have no word that a reader has
// to decode.
func TestPlainWords(t *testing.T) {
	uses, err := bannedUses(need.Root())
	if err != nil {
		t.Fatal(err)
	}
	if bannedIn("it tells nobody") != 2 || bannedIn("there is no way, and it is no longer there") != 0 {
		t.Error("the list does not find what it bans")
	}
	for _, u := range uses {
		t.Errorf("%s:%d: a word of the list in test/structure/words.go, in %s", u.path, u.line, u.where)
	}
}

package eval_test

import (
	"flag"
	"os"
	"testing"
)

// A law is checked by more draws than rapid's 100: each takes a fraction of a
// millisecond, and few documents hold what makes a difference.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("250"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

package api

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

// TestBoundsAreDocumented: the table of bounds in docs/replicas.md says what
// the code does.
func TestBoundsAreDocumented(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(need.Root(), "docs", "replicas.md"))
	if err != nil {
		t.Fatal(err)
	}
	kB, MiB := func(n int64) int64 { return n >> 10 }, func(n int64) int64 { return n >> 20 }
	const backends = "half of it for what does not come from backends"
	for _, want := range []string{
		fmt.Sprintf("unpacked %d kB of a context, %d kB and %d tokens of a question to `/edge/validate`, %d MiB of a "+
			"report; then 413",
			kB(maxContextBody), kB(maxValidateBody), access.MaxTokens, MiB(maxUsageBody)),
		fmt.Sprintf("%.0f s until all of it has come; then 400", bodyTimeout.Seconds()),
		fmt.Sprintf("nest %d levels deep", untrusted.RequestDepth),
		fmt.Sprintf("| members | %s of a context, %s of its properties, %s parameters of a query",
			thousands(eval.MaxFields), thousands(eval.MaxFields), thousands(maxParameters)),
		fmt.Sprintf("| all bodies at once | beyond %d kB of each: an eighth of the memory limit, at least %d MiB and "+
			"at most %d MiB; %s.",
			kB(unbudgeted), MiB(minBudget), MiB(maxBudget), backends),
		fmt.Sprintf("| all answers at once that clients do not read | beyond %d kB of each: a quarter of the memory "+
			"limit, "+
			"at least %d MiB and at most %d MiB; then 503", kB(unbudgeted), MiB(minBudget), MiB(maxBudget)),
		fmt.Sprintf("| wrong secrets of the webhook | %d a second; then 429", maxWrongSecrets),
		fmt.Sprintf("| scrapes of metrics | %d at once; then 503 |", maxScrapes),
		fmt.Sprintf("those of %s sets of projects, and of %d name prefixes", thousands(maxScopes), maxPrefixed),
	} {
		if !strings.Contains(string(document), want) {
			t.Errorf("docs/replicas.md does not have %q", want)
		}
	}
}

// thousands writes a number below a million with a comma.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func TestShareOfMemory(t *testing.T) {
	for _, tc := range []struct{ limit, share, want int64 }{
		{144 << 20, 8, 18 << 20},
		{460 << 20, 4, 115 << 20},
		{16 << 20, 8, minBudget},
		{64 << 30, 8, maxBudget},
		{unlimited, 8, maxBudget},
	} {
		if got := shareOf(tc.limit, tc.share); got != tc.want {
			t.Errorf("1/%d of %d: %d, want %d", tc.share, tc.limit, got, tc.want)
		}
	}
}

package outage_test

import (
	"errors"
	"testing"

	"github.com/flagcast/flagcast/internal/outage"
)

func TestBetween(t *testing.T) {
	for _, tc := range []struct {
		before, after error
		want          outage.Change
	}{
		{nil, nil, outage.Unchanged},
		{nil, errors.New("a"), outage.Began},
		{errors.New("a"), errors.New("a"), outage.Unchanged},
		{errors.New("a"), errors.New("b"), outage.Differs},
		{errors.New("b"), nil, outage.Ended},
	} {
		if got := outage.Between(tc.before, tc.after); got != tc.want {
			t.Errorf("%v after %v: %d, want %d", tc.after, tc.before, got, tc.want)
		}
	}
}

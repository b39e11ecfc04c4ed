package alicloud

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// maker makes numbered keys; fail makes it fail, and work is how long it takes.
type maker struct {
	made  int
	tries int
	lasts time.Duration
	work  time.Duration
	fail  error

	mu   sync.Mutex
	busy int
}

func (m *maker) fetch(ctx context.Context) (Keys, time.Time, error) {
	m.mu.Lock()
	m.busy++
	if m.busy > 1 {
		panic("two fetch at once")
	}
	m.tries++
	fail := m.fail
	m.mu.Unlock()
	defer func() { m.mu.Lock(); m.busy--; m.mu.Unlock() }()
	timer := time.NewTimer(m.work)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return Keys{}, time.Time{}, ctx.Err()
	}
	if fail != nil {
		return Keys{}, time.Time{}, fail
	}
	m.made++
	return Keys{AccessKeyID: fmt.Sprint("k", m.made)}, time.Now().Add(m.lasts), nil
}

// expect retrieves keys and compares.
func expect(t *testing.T, r *renewing, want string) Keys {
	t.Helper()
	keys, err := r.Retrieve(t.Context())
	if err != nil || keys.AccessKeyID != want {
		t.Errorf("got %q and %v, want %q", keys.AccessKeyID, err, want)
	}
	return keys
}

func TestKeysAreReplacedBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{lasts: time.Hour}
		r := newRenewing(m.fetch)
		expect(t, r, "k1")
		time.Sleep(time.Hour - renewBefore - time.Second)
		expect(t, r, "k1")
		time.Sleep(time.Second)
		expect(t, r, "k2")
		if m.tries != 2 {
			t.Errorf("%d tries", m.tries)
		}
	})
}

func TestFailedRenewalKeepsKeysThatHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{lasts: time.Hour}
		r := newRenewing(m.fetch)
		expect(t, r, "k1")
		m.fail = errors.New("STS is away")
		time.Sleep(time.Hour - renewBefore)
		for range 10 { // it is not asked for each call
			expect(t, r, "k1")
		}
		if m.tries != 2 {
			t.Errorf("%d tries", m.tries)
		}
		time.Sleep(renewPause)
		expect(t, r, "k1")
		if m.tries != 3 {
			t.Errorf("%d tries after the pause", m.tries)
		}
		time.Sleep(renewBefore - renewPause)
		for range 2 { // they have ended
			if _, err := r.Retrieve(t.Context()); !errors.Is(err, m.fail) {
				t.Errorf("got %v", err)
			}
		}
		m.fail = nil
		expect(t, r, "k2")
	})
}

func TestSilentServiceHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{lasts: time.Hour}
		r := newRenewing(m.fetch)
		expect(t, r, "k1")
		m.work = time.Hour
		time.Sleep(time.Hour - renewBefore)
		began := time.Now()
		expect(t, r, "k1")
		if took := time.Since(began); took != renewTimeout {
			t.Errorf("a call waited %s although the keys hold", took)
		}
	})
}

func TestOneRenewalAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{lasts: time.Hour, work: time.Second}
		r := newRenewing(m.fetch)
		together := func(n int) (got map[string]int, took time.Duration) {
			got = map[string]int{}
			var mu sync.Mutex
			var group sync.WaitGroup
			began := time.Now()
			for range n {
				group.Go(func() {
					keys, err := r.Retrieve(t.Context())
					mu.Lock()
					defer mu.Unlock()
					got[fmt.Sprint(keys.AccessKeyID, err)]++
				})
			}
			group.Wait()
			return got, time.Since(began)
		}
		if got, took := together(8); got["k1<nil>"] != 8 || took != time.Second {
			t.Errorf("without keys: %v after %v", got, took)
		}
		time.Sleep(time.Hour - renewBefore)
		if got, _ := together(8); got["k1<nil>"] != 7 || got["k2<nil>"] != 1 {
			t.Errorf("while the old ones hold: %v, want one caller with new keys and nobody else kept waiting", got)
		}
		time.Sleep(2 * time.Hour)
		m.fail = errors.New("away")
		if got, took := together(8); got["away"] != 8 || took != time.Second {
			t.Errorf("of one failure: %v after %v", got, took)
		}
		if m.tries != 3 {
			t.Errorf("%d tries", m.tries)
		}
	})
}

func TestWhoGivesUpSpoilsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{lasts: time.Hour, work: time.Second}
		r := newRenewing(m.fetch)
		short, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		var group sync.WaitGroup
		for range 2 { // one fetches, one waits
			group.Go(func() {
				if _, err := r.Retrieve(short); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		group.Go(func() { expect(t, r, "k1") })
		group.Wait()
	})
}

func TestExpiredKeysAreFetchedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{lasts: time.Hour}
		r := newRenewing(m.fetch)
		first := expect(t, r, "k1")
		if !r.Renew(first) {
			t.Error("no others are promised")
		}
		expect(t, r, "k2")
		r.Renew(first) // a slower call says it again
		expect(t, r, "k2")
		if m.tries != 2 {
			t.Errorf("%d tries", m.tries)
		}
	})
}

// A clock that is wrong by hours must not make each call ask for keys.
func TestKeysThatEndedByOurClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &maker{lasts: -time.Hour}
		r := newRenewing(m.fetch)
		for range 5 {
			expect(t, r, "k1")
		}
		time.Sleep(renewPause)
		expect(t, r, "k2")
	})
}

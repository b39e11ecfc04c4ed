package access_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/internal/secret"
)

// flood sends garbage tokens until the test ends, ten times a second some, which
// come again after 15,000. Each is asked about by another core and by a client;
// none of them waits long for its answer.
func flood(t *testing.T, a *access.Access, from netip.Addr, name string, some int) {
	ctx, end := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			var tokens []string
			for j := range some {
				tokens = append(tokens, fmt.Sprintf("*:e.garbage-%s-%d", name, (i*some+j)%15_000))
			}
			impatient, cancel := context.WithTimeout(ctx, 3*time.Second)
			asking.Go(func() {
				defer cancel()
				_, _ = a.Validate(impatient, from, tokens)
			})
			for _, token := range tokens {
				gone, cancel := context.WithCancel(ctx)
				cancel()
				_, _ = a.Check(gone, from, token, access.Frontend)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	t.Cleanup(func() {
		end()
		asking.Wait()
		time.Sleep(time.Minute) // until nothing waits any more
	})
}

// flooded runs a test half a minute after a flood from several addresses began.
func flooded(t *testing.T, addresses int, test func(t *testing.T, a *access.Access, u *upstream)) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		a := access.New(access.Options{Validator: u})
		for i := range addresses {
			flood(t, a, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), fmt.Sprint(i), 500/addresses)
		}
		time.Sleep(30 * time.Second)
		test(t, a, u)
	})
}

// sdk asks as an SDK does: every 15 s, for at most 10 s. It returns the number of
// its tries, and how long the last one took.
func sdk(t *testing.T, a *access.Access, from netip.Addr, token string, most int) (tries int, took time.Duration) {
	for tries = 1; ; tries++ {
		start := time.Now()
		patient, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := a.Check(patient, from, token, access.Frontend)
		cancel()
		if !errors.Is(err, access.ErrUnavailable) {
			return tries, time.Since(start)
		}
		if tries == most {
			return most + 1, 0
		}
		time.Sleep(15 * time.Second)
	}
}

// TestFloodOfGarbageTokens: in a flood from one address or from many an SDK at
// another address is answered at its first try, within seconds, and so is another
// core. The flood costs one call a second, and memory that does not grow.
func TestFloodOfGarbageTokens(t *testing.T) {
	for addresses, most := range map[int]time.Duration{1: 2 * time.Second, 5: 2 * time.Second, 100: 4 * time.Second} {
		t.Run(fmt.Sprint(addresses, " addresses"), func(t *testing.T) {
			flooded(t, addresses, func(t *testing.T, a *access.Access, u *upstream) {
				asked, start, before := u.asked.Load(), time.Now(), heap()
				for i := range 5 {
					if tries, took := sdk(t, a, home, fmt.Sprint("*:e.new-", i), 1); tries > 1 || took > most {
						t.Errorf("an SDK is answered at try %d, after %v", tries, took)
					}
				}
				begin := time.Now()
				known, err := a.Validate(t.Context(), netip.MustParseAddr("2001:db8::1"),
					[]string{"*:e.good", "*:e.other"})
				if took := time.Since(begin); err != nil || known[0] == nil || known[1] != nil || took > 2*most {
					t.Errorf("another core: %v, %v after %v", known, err, took)
				}
				time.Sleep(20 * time.Second)
				seconds := int32(time.Since(start)/time.Second) + 1
				if n := u.asked.Load() - asked; n > seconds {
					t.Errorf("%d calls in %d seconds", n, seconds)
				}
				const flat = 8 << 20
				if grown := int64(heap()) - int64(before); grown > flat {
					t.Errorf("the heap has grown by %d kB", grown>>10)
				}
				if r := a.Report(); r.Waiting > 2100 || r.Unknown > 6100 {
					t.Errorf("%d wait, %d are known to be unknown", r.Waiting, r.Unknown)
				}
			})
		})
	}
}

// TestFloodFromTheAddressOfAll: behind a proxy that is not trusted all have one
// address. A flood of clients takes the places of others there, but not those of
// other cores, and when it is over the next try is answered.
func TestFloodFromTheAddressOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		a := access.New(access.Options{Validator: u})
		if _, err := a.Check(t.Context(), home, "*:e.good", access.Frontend); err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		over := make(chan struct{})
		go func() {
			defer close(over)
			for i := range 60_000 {
				_, _ = a.Check(gone, home, fmt.Sprintf("*:e.garbage-%d", i), access.Frontend)
				if i%100 == 0 {
					time.Sleep(50 * time.Millisecond)
				}
			}
		}()
		time.Sleep(10 * time.Second)
		if _, err := a.Check(t.Context(), home, "*:e.good", access.Frontend); err != nil {
			t.Errorf("a token that is known: %v", err)
		}
		if known, err := a.Validate(t.Context(), home, []string{"*:e.wide"}); err != nil || known[0] == nil {
			t.Errorf("another core in the flood: %v %v", known, err)
		}
		<-over
		if tries, took := sdk(t, a, home, "*:e.newer", 2); tries > 2 || took > 3*time.Second {
			t.Errorf("after the flood: answered at try %d, after %v", tries, took)
		}
	})
}

// aged has the tokens that begin with "*:e.old-".
type aged struct{}

func (aged) Validate(_ context.Context, tokens []secret.Secret) ([]*access.TokenInfo, error) {
	list := make([]*access.TokenInfo, len(tokens))
	for i := range list {
		if strings.HasPrefix(tokens[i].Reveal(), "*:e.old-") {
			list[i] = &access.TokenInfo{Kind: access.Client, Scope: access.Scope{Environment: "e"}}
		}
	}
	return list, nil
}

// TestTokensThatWereValidGoFirst: they cannot be made up, so a flood does not
// delay them, even from the same address; but they leave half of a
// call to new ones.
func TestTokensThatWereValidGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := access.New(access.Options{Validator: aged{}, ValidFor: time.Minute})
		check := func(token string) (took time.Duration) {
			start := time.Now()
			if _, err := a.Check(t.Context(), home, token, access.Client); err != nil {
				t.Errorf("%s: %v", token, err)
			}
			return time.Since(start)
		}
		const many = 1000
		var asking sync.WaitGroup
		for i := range many { // from many addresses: each has 200 places
			asking.Go(func() {
				from := netip.AddrFrom4([4]byte{10, 0, byte(i / 100), 1})
				if _, err := a.Check(t.Context(), from, fmt.Sprint("*:e.old-", i), access.Client); err != nil {
					t.Errorf("token %d: %v", i, err)
				}
			})
		}
		asking.Wait()
		time.Sleep(3 * time.Minute) // longer than their word holds
		for i := range many {
			asking.Go(func() { check(fmt.Sprint("*:e.old-", i)) })
		}
		synctest.Wait()
		if took := check("*:e.old-but-new-here"); took > 2*time.Second {
			t.Errorf("a new token waits %v for those that were valid", took)
		}
		asking.Wait()
		flood(t, a, home, "x", 100)
		time.Sleep(3 * time.Minute)
		if took := check("*:e.old-7"); took > 2*time.Second {
			t.Errorf("a token that was valid waits %v in a flood", took)
		}
	})
}

// TestTheTokenOfAnother: a flooder may ask about a token that others have, since
// tokens of browsers are public. That does not delay it.
func TestTheTokenOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		a := access.New(access.Options{Validator: u})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 20 { // flooders with a line each, the token at the end of one
			from := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			for j := range 45 {
				_, _ = a.Check(gone, from, fmt.Sprintf("*:e.%d-%d", i, j), access.Frontend)
			}
		}
		_, _ = a.Check(gone, netip.MustParseAddr("10.0.0.0"), "*:e.good", access.Frontend)
		start := time.Now()
		if _, err := a.Check(t.Context(), home, "*:e.good", access.Frontend); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("answered after %v", took)
		}
		time.Sleep(time.Minute)
	})
}

package usage_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// A flood of names costs no memory beyond the bound, and what comes under the
// tokens of browsers takes nothing from backends.
func TestAFloodOfNames(t *testing.T) {
	const room = 1 << 20 // of two environments
	l := newLab(t, room/2, development, production)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	now := time.Now()
	pad := strings.Repeat("x", 30)
	// Names that are kept must not keep the body that they were in.
	body := strings.Repeat(" ", 4<<10)
	for i := range 4_000 {
		if i == 1_000 {
			body = "" // no quota is left
		}
		app := fmt.Sprint("app-", i, pad)
		toggles := fmt.Sprintf(
			`"f":{"yes":1},"flag-%d":{"yes":1,"variants":{"variant-%d":1}},"ignored":{"yes":0,"variants":{}}`, i, i)
		env := edgecore.Environment([]string{"development", "production"}[i%2])
		l.must(l.Metrics(browser(env), metrics(app, app, now, toggles+body)))
		l.must(l.Register(browser(env), register(app, app, body)))
		l.must(
			l.Metrics(browser(env),
				metrics("one", "1", now, fmt.Sprintf(`"f":{"yes":1,"variants":{"variant-%d":1}}`, i))))
	}
	if used := float64(heap()) - float64(before); used > 1.5*room {
		t.Errorf("the flood takes %.1f MB, the bound is %d MB", used/(1<<20), room>>20)
	} else {
		t.Logf("4,000 applications, flags, variants and instances: %.2f MB, the bound is %d MB", used/(1<<20), room>>20)
	}
	if told := l.sum("memory_bytes{"); told > room/2 || told < room/4 {
		t.Errorf("memory_bytes is %v, the room of browsers %d", told, room/2)
	}
	v := l.values()
	for _, kind := range []string{"evaluations", "variants", "registrations"} {
		if v[`dropped_total{kind="`+kind+`",reason="capacity"}`] == 0 {
			t.Errorf("no %s are dropped", kind)
		}
	}
	dropped := v[`dropped_total{kind="evaluations",reason="capacity"}`]
	l.must(l.Metrics(backend("development"), metrics("shop", "1", now, `"f":{"yes":1}`)))
	if l.values()[`dropped_total{kind="evaluations",reason="capacity"}`] != dropped {
		t.Error("a flood of browsers has taken the room of backends")
	}
	ctx, cancel := contextWithCancel(t)
	cancel()
	l.must(l.Run(ctx))
	l.balanced()
	if first := l.unleash.rows[fmt.Sprint("development app-0", pad, " f ", now.Unix()/3600)]; first[0] != 1 {
		t.Error("what came first has lost its room to the flood")
	}
	runtime.KeepAlive(l)
}

// When there is no space for all, the newest hours are kept.
func TestTheNewestIsKept(t *testing.T) {
	running(t, 256<<10, func(t *testing.T, l *lab) {
		l.unleash.set(down)
		var flags []string
		for i := range 100 {
			flags = append(flags, fmt.Sprintf(`"flag-%d":{"yes":1}`, i))
		}
		for range 24 {
			l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), strings.Join(flags, ","))))
			later(time.Hour)
		}
		l.unleash.set(nil)
		later(6 * time.Minute)
		hours := len(l.unleash.rows) / 100
		newest := time.Now().Add(-time.Hour-6*time.Minute).Unix() / 3600
		for i := range hours {
			if row := l.unleash.rows[fmt.Sprint("development shop flag-7 ", newest-int64(i))]; row[0] != 1 {
				t.Errorf("hour -%d is not there: %v", i, keys(l.unleash.rows)[:5])
			}
		}
		if hours < 2 || hours > 10 {
			t.Errorf("%d hours are there", hours)
		}
	}, development)
}

// Who has been sent is kept to be recognised, as long as others do not need
// its quota.
func TestWhoHasBeenSentMakesRoom(t *testing.T) {
	running(t, 64<<10, func(t *testing.T, l *lab) {
		l.must(l.Register(backend("development"), register("shop", "1", "")))
		later(65 * time.Second)
		flood := func(name string) {
			for i := range 100 {
				l.must(l.Register(backend("development"), register(name, fmt.Sprint(i), "")))
			}
		}
		dropped := func() float64 { return l.values()[`dropped_total{kind="registrations",reason="capacity"}`] }
		flood("a") // uses the quota, of which shop has little
		before := dropped()
		l.must(l.Register(backend("development"), register("shop", "1", "")))
		if before == 0 || dropped() != before {
			t.Error("shop is forgotten for no gain")
		}
		later(65 * time.Second)
		if n := shops(l); n != 1 {
			t.Errorf("shop was sent %d times", n)
		}
		flood("b") // all are known to upstream, and free the quota
		later(65 * time.Second)
		l.must(l.Register(backend("development"), register("shop", "1", "")))
		later(65 * time.Second)
		if n := len(l.unleash.applications); n < 20 || shops(l) != 2 {
			t.Errorf("%d registrations have been sent, shop %d times", n, shops(l))
		}
	}, development)
}

func shops(l *lab) (n int) {
	for _, a := range l.unleash.applications {
		if a["appName"] == "shop" {
			n++
		}
	}
	return n
}

// Large counts under the tokens of browsers stay, over an hour, far below what
// overflows in Unleash's database; those of backends are theirs to answer for.
func TestLargeCountsHaveACeiling(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		const most = 1 << 27
		app := func(i int) string { return fmt.Sprint("app-", i) }
		for minute := range 30 {
			l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":5000000}`)))
			l.must(
				l.Metrics(browser("development"),
					metrics("busy", "1", time.Now(), `"f":{"yes":900000,"variants":{"v":900000}}`)))
			l.must(
				l.Metrics(browser("development"),
					metrics("hostile", "1", time.Now(),
						`"f":{"yes":2147483647,"no":50000000,"variants":{"v":2147483647}}`)))
			if minute == 3 {
				for i := range 1500 {
					l.must(
						l.Metrics(browser("development"), metrics(app(i), "1", time.Now(), `"f":{"yes":2147483647}`)))
				}
			}
			l.unleash.set(nil)
			if minute == 1 {
				l.unleash.set(down) // what was not sent may be sent again
			}
			later(time.Minute)
		}
		later(6 * time.Minute)
		hour := time.Now().Unix() / 3600
		rows := l.unleash.rows
		got := func(app string) [2]uint64 { return rows[fmt.Sprintf("development %s f %d", app, hour)] }
		if got("shop")[0] != 30*5_000_000 || got("busy")[0] != 30*900_000 {
			t.Errorf("honest counts are clipped: %v %v", got("shop"), got("busy"))
		}
		if h := got("hostile"); h[0] != most || h[1] == 0 || h[1] > most ||
			l.unleash.variants[fmt.Sprintf("development hostile f %d v", hour)] != most {
			t.Errorf("the hostile counts are %v", h)
		}
		clipped, small := 0, 0
		for i := range 1500 {
			switch n := got(app(i))[0]; n {
			case most:
				clipped++
			case 1 << 20:
				small++
			default:
				t.Errorf("%s: %d", app(i), n)
			}
		}
		if clipped < 900 || small < 400 {
			t.Errorf("%d counts at the quota, %d small ones", clipped, small)
		}
	}, development)
}

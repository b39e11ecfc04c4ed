package usage_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore"
)

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// Whatever is reported, in whatever order, through whatever faults: each
// evaluation arrives once, under its application, flag, environment and hour.
func TestLawEachEvaluationArrivesOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, 0, development, production)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- l.Run(ctx) }()
			want := map[string][2]uint64{}
			for range rapid.IntRange(1, 30).Draw(rt, "steps") {
				env := rapid.SampledFrom([]edgecore.Environment{"development", "production"}).Draw(rt, "env")
				app := rapid.SampledFrom([]string{"a", "b", `q"uo\te`, "ø<&>\u2028"}).Draw(rt, "app")
				at := time.Now().Add(-time.Duration(rapid.IntRange(0, 40*60).Draw(rt, "minutes")) * time.Minute)
				var toggles []string
				for _, flag := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"f", "g", "h", "constructor"}),
					1, 4, rapid.ID[string]).Draw(rt, "flags") {
					yes, no := rapid.Uint64Range(0, 5).Draw(rt, "yes"), rapid.Uint64Range(0, 5).Draw(rt, "no")
					toggles = append(toggles, fmt.Sprintf("%q:{\"yes\":%d,\"no\":%d}", flag, yes, no))
					if yes+no > 0 {
						key := fmt.Sprintf("%s %s %s %d", env, app, flag, at.Unix()/3600)
						want[key] = [2]uint64{want[key][0] + yes, want[key][1] + no}
					}
				}
				source := backend(env)
				if rapid.Bool().Draw(rt, "browser") {
					source = browser(env)
				}
				if err := l.Metrics(source, metrics(app, "1", at, strings.Join(toggles, ","))); err != nil {
					t.Error(err)
				}
				l.unleash.set(rapid.SampledFrom([]func(*http.Request, []byte) (int, error){
					nil, nil, down, answers(503), answers(429), answers(401),
				}).Draw(rt, "fault"))
				later(time.Duration(rapid.IntRange(0, 200).Draw(rt, "seconds")) * time.Second)
				l.balanced()
			}
			l.unleash.set(nil)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			l.balanced()
			if diff := cmp.Diff(want, l.unleash.rows); diff != "" {
				rt.Errorf("(-want +got)\n%s", diff)
			}
		})
	})
}

// Many report at once, while it is sent and while upstream comes and goes.
func TestManyReportAtOnce(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		const each, reporters = 200, 8
		var reporting sync.WaitGroup
		for i := range reporters {
			reporting.Go(func() {
				for j := range each {
					l.must(
						l.Metrics(backend("development"),
							metrics("shop", fmt.Sprint(i), time.Now(),
								fmt.Sprintf(`"flag-%d":{"yes":1,"variants":{"v":1}}`, j%20))))
					l.must(l.Register(browser("development"), register("web", fmt.Sprint(j), "")))
					time.Sleep(time.Duration(i*j%7) * time.Second)
				}
			})
		}
		for range 10 {
			l.unleash.set(down)
			time.Sleep(90 * time.Second)
			l.unleash.set(nil)
			time.Sleep(90 * time.Second)
		}
		reporting.Wait()
		later(6 * time.Minute)
		if total := l.unleash.total(); total != each*reporters {
			t.Errorf("%d of %d evaluations have arrived", total, each*reporters)
		}
	}, development)
}

package usage_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/usage"
)

func TestReportsAreMergedAndSentForTheirEnvironment(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		now := time.Now()
		for range 3 {
			l.must(
				l.Metrics(backend("development"),
					metrics("shop", "1", now, `"f":{"yes":2,"no":1,"variants":{"red":1,"blue":1}}`)))
		}
		l.must(l.Metrics(browser("development"), metrics("shop", "browser", now, `"f":{"yes":1}`)))
		l.must(
			l.Metrics(backend("development"),
				metrics("shop", "1", now.Add(-2*time.Hour), `"f":{"yes":5},"g":{"no":"7"},"h":{"yes":0,"no":0}`)))
		l.must(l.Metrics(backend("production"), metrics("shop", "1", now, `"f":{"yes":1.5,"no":null}`)))
		l.must(l.Metrics(backend("test"), metrics("shop", "1", now, `"f":{"yes":9}`))) // no token is for it
		if l.unleash.count() != 0 {
			t.Error("sent before the interval")
		}
		later(65 * time.Second)
		hour := now.Unix() / 3600
		row := func(env, flag string, hour int64) string { return fmt.Sprintf("%s shop %s %d", env, flag, hour) }
		want := map[string][2]uint64{
			row("development", "f", hour): {7, 3}, row("development", "f", hour-2): {5, 0},
			row("development", "g", hour-2): {0, 7}, row("production", "f", hour): {2, 0},
		}
		if diff := cmp.Diff(want, l.unleash.rows); diff != "" {
			t.Errorf("rows (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[string]uint64{
			row("development", "f", hour) + " red": 3, row("development", "f", hour) + " blue": 3,
		}, l.unleash.variants); diff != "" {
			t.Errorf("variants (-want +got)\n%s", diff)
		}
		if n := l.unleash.count(); n != 2 {
			t.Errorf("%d requests for two environments", n)
		}
		if n := l.values()[`dropped_total{kind="evaluations",reason="nowhere"}`]; n != 9 {
			t.Errorf("%v dropped, want 9", n)
		}
		later(10 * time.Minute)
		if n := l.unleash.count(); n != 2 {
			t.Errorf("%d requests while nothing was reported", n)
		}
	}, development, production)
}

// TestEvaluationsOfTheServer: what the server evaluates for clients that count nothing
// is reported like what SDKs count.
func TestEvaluationsOfTheServer(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		hour := time.Now().Unix() / 3600
		for range 2 {
			l.Evaluated(browser("development"), usage.Evaluation{
				App: "ofrep", Flag: "f", Variant: "red", Enabled: true,
			})
		}
		l.Evaluated(browser("development"), usage.Evaluation{App: "ofrep", Flag: "f"})
		l.Evaluated(browser("test"), usage.Evaluation{App: "ofrep", Flag: "f"}) // no token is for it
		later(65 * time.Second)
		row := fmt.Sprintf("development ofrep f %d", hour)
		if diff := cmp.Diff(map[string][2]uint64{row: {2, 1}}, l.unleash.rows); diff != "" {
			t.Errorf("rows (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[string]uint64{row + " red": 2}, l.unleash.variants); diff != "" {
			t.Errorf("variants (-want +got)\n%s", diff)
		}
	}, development)
}

func TestRegistrationsAreSentOnce(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		for range 5 {
			l.must(
				l.Register(backend("development"),
					register("shop", "1",
						`,"sdkVersion":"node:6","connectionId":"x","connectVia":[{"appName":"edge",`+
							`"instanceId":"e"}]`)))
			// Started again: no news.
			l.must(
				l.Register(browser("development"),
					[]byte(strings.Replace(string(register("web", "browser", "")), "2000-01-01T00:00:00Z",
						time.Now().Format(time.RFC3339), 1))))
			l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":1}`)))
			l.must(l.Metrics(backend("development"), metrics("silent", "2", time.Now(), `"f":{"yes":1}`)))
			later(65 * time.Second)
		}
		if n := len(l.unleash.applications); n != 3 {
			t.Fatalf("%d registrations, want 3: %v", n, l.unleash.applications)
		}
		got := map[string]map[string]any{}
		for _, a := range l.unleash.applications {
			got[a["appName"].(string)] = a
		}
		shop, web, silent := got["shop"], got["web"], got["silent"]
		if fmt.Sprintf("%v %v %v %v", shop["strategies"], shop["sdkVersion"], shop["interval"],
			shop["started"]) != "[default] node:6 10000 2000-01-01T00:00:00Z" {
			t.Errorf("%v", shop)
		}
		if hops, _ := json.Marshal(shop["connectVia"]); !strings.HasPrefix(string(hops),
			`[{"appName":"edge","instanceId":"e"},{"appName":"flagcast","instanceId":"flagcast-`) {
			t.Errorf("connectVia: %s", hops)
		}
		if web["sdkType"] != "frontend" || fmt.Sprint(web["projects"]) != "[web]" {
			t.Errorf("%v", web)
		}
		if _, ok := silent["strategies"]; ok { // they would replace what Unleash has
			t.Errorf("%v", silent)
		}
		l.must(
			l.Register(browser("development"),
				[]byte(strings.Replace(string(register("none", "1", "")), `"default"`, "", 1))))
		later(65 * time.Second)
		if none := l.unleash.applications[3]; fmt.Sprint(none["strategies"]) != "[]" {
			t.Errorf("%v", none)
		}
		// It is news that it is still there, and what it says again.
		later(10 * time.Minute)
		l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":1}`)))
		later(65 * time.Second)
		l.must(l.Register(backend("development"), register("shop", "1", `,"sdkVersion":"node:7"`)))
		later(65 * time.Second)
		if n := len(l.unleash.applications); n != 6 || l.unleash.applications[5]["sdkVersion"] != "node:7" {
			t.Errorf("%v", l.unleash.applications[4:])
		}
	}, development)
}

func TestReportsFitWhatUnleashTakes(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		var many []string
		for i := range 1000 {
			many = append(many, fmt.Sprintf(`"variant-%d-%s":1`, i, strings.Repeat("ø", 50)))
		}
		l.must(
			l.Metrics(backend("development"),
				metrics("varied", "1", time.Now(),
					fmt.Sprintf(`"f":{"yes":1,"variants":{%s}}`, strings.Join(many, ",")))))
		if n := l.values()[`dropped_total{kind="variants",reason="capacity"}`]; n < 500 || n > 950 {
			t.Errorf("%v of 1000 variants of one flag have no room", n)
		}
		sent := 1
		for app := range 60 {
			var toggles []string
			for flag := range 200 {
				toggles = append(toggles,
					fmt.Sprintf(`"flag-%d-%s":{"yes":1,"variants":{"%s":1}}`, flag, strings.Repeat("<", 30),
						strings.Repeat(`\"`, 100)))
				sent++
			}
			l.must(
				l.Metrics(backend("development"),
					metrics(fmt.Sprint("app-", app), "1", time.Now(), strings.Join(toggles, ","))))
			l.must(
				l.Register(backend("development"),
					register(fmt.Sprint("app-", app), strings.Repeat("i", 255),
						`,"connectVia":[`+strings.Repeat(`{"appName":"<<<<<<<<","instanceId":"e"},`, 30)+
							`{"appName":"e","instanceId":"e"}]`)))
		}
		later(65 * time.Second)
		if total := l.unleash.total(); total != uint64(sent) || l.unleash.largest > 100<<10 || l.unleash.count() < 2 {
			t.Errorf("%d of %d in %d requests of up to %d bytes", total, sent, l.unleash.count(), l.unleash.largest)
		}
		if n := len(l.unleash.applications); n != 1+2*60 { // each by its metrics, and registered
			t.Errorf("%d registrations have arrived", n)
		}
	}, development)
}

func TestReportsWaitWhileUpstreamIsAway(t *testing.T) {
	for name, fault := range map[string]func(*http.Request, []byte) (int, error){
		"unreachable": down, "401": answers(401), "403": answers(403), "404": answers(404), "429": answers(429),
		"500": answers(500), "503": answers(503), "302": answers(302),
	} {
		t.Run(name, func(t *testing.T) {
			running(t, 0, func(t *testing.T, l *lab) {
				l.unleash.set(fault)
				reports := uint64(0)
				for range 6 * 60 {
					l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":1}`)))
					reports++
					later(time.Minute)
				}
				if n := l.unleash.count(); n < 6*60/6 || n > 6*60/4 {
					t.Errorf("%d requests in six hours", n)
				}
				if v := l.values(); v[`consecutive_failures{environment="development"}`] != float64(
					l.unleash.count()) ||
					v[`waiting{environment="development",kind="evaluations"}`] != float64(reports) {
					t.Errorf("%v", v)
				}
				if lines := strings.Count(l.log.String(), "level=ERROR"); lines != 1 {
					t.Errorf("%d lines for one fault:\n%s", lines, l.log.String())
				}
				l.unleash.set(nil)
				later(6 * time.Minute)
				if total := l.unleash.total(); total != reports || len(l.unleash.rows) < 6 {
					t.Errorf("%d of %d evaluations have arrived, for %d hours", total, reports, len(l.unleash.rows))
				}
				if !strings.Contains(l.log.String(), "upstream accepts usage reports again") {
					t.Error("the recovery is not told")
				}
			}, development)
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		l.unleash.set(answers(429))
		l.unleash.retryAfter = "240"
		l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":1}`)))
		later(65*time.Second + 220*time.Second)
		if n := l.unleash.count(); n != 1 {
			t.Errorf("%d requests within the time to wait", n)
		}
	}, development)
}

// One thing that upstream cannot read costs the others nothing.
func TestARefusedReportIsHalved(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		l.unleash.set(func(_ *http.Request, body []byte) (int, error) {
			if strings.Contains(string(body), "poison") {
				return 400, nil
			}
			return 0, nil
		})
		for i := range 100 {
			l.must(
				l.Metrics(backend("development"),
					metrics("shop", "1", time.Now(), fmt.Sprintf(`"flag-%d":{"yes":1}`, i))))
		}
		l.must(l.Metrics(backend("development"), metrics("poison", "1", time.Now(), `"f":{"yes":7}`)))
		later(65 * time.Second)
		v := l.values()
		if l.unleash.total() != 100 || v[`dropped_total{kind="evaluations",reason="refused"}`] != 7 ||
			v[`dropped_total{kind="registrations",reason="refused"}`] != 1 {
			t.Errorf("%d have arrived\n%v", l.unleash.total(), v)
		}
		if n := l.unleash.count(); n > 40 {
			t.Errorf("%d requests to find two of 102", n)
		}
	}, development)
}

// A failure in the middle of that costs nothing: the rest waits.
func TestAHalvedReportWaits(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		for i := range 100 {
			l.must(
				l.Metrics(browser("development"),
					metrics("shop", "1", time.Now(), fmt.Sprintf(`"flag-%d":{"yes":1}`, i))))
		}
		for _, after := range []int{1, 2, 3} {
			n := 0
			l.unleash.set(func(*http.Request, []byte) (int, error) {
				n++
				if n > after {
					return down(nil, nil)
				}
				return 400, nil
			})
			later(3 * time.Minute)
			l.balanced()
		}
		l.unleash.set(nil)
		later(6 * time.Minute)
		if total := l.unleash.total(); total != 100 {
			t.Errorf("%d of 100 evaluations have arrived", total)
		}
	}, development)
}

// An upstream that refuses everything does not get a request for each row.
func TestRefusedReportsAreGivenUp(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		l.unleash.set(answers(413))
		for i := range 500 {
			l.must(
				l.Metrics(backend("development"),
					metrics("shop", "1", time.Now(), fmt.Sprintf(`"flag-%d":{"yes":1}`, i))))
		}
		later(65 * time.Second)
		if n, v := l.unleash.count(), l.values(); n > 130 ||
			v[`dropped_total{kind="evaluations",reason="refused"}`] != 500 {
			t.Errorf("%d requests\n%v", n, v)
		}
	}, development)
}

func TestTheOtherTokenIsTried(t *testing.T) {
	running(t, 0, func(t *testing.T, l *lab) {
		l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":1}`)))
		later(3 * time.Minute)
		if l.unleash.total() != 1 || l.unleash.count() != 2 {
			t.Errorf("%d have arrived, by %d requests", l.unleash.total(), l.unleash.count())
		}
	}, "a:development.revoked", development)
}

func TestTheEndSendsWhatIsLeft(t *testing.T) {
	var l *lab
	running(t, 0, func(t *testing.T, running *lab) {
		l = running
		l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":3}`)))
	}, development)
	if l.unleash.total() != 3 {
		t.Errorf("%d have arrived", l.unleash.total())
	}
}

// At the end an upstream that does not answer is waited for, but not for long,
// and what is lost is reported.
func TestTheEndIsBounded(t *testing.T) {
	var l *lab
	var ended time.Duration
	running(t, 0, func(t *testing.T, running *lab) {
		l = running
		l.must(l.Metrics(backend("development"), metrics("shop", "1", time.Now(), `"f":{"yes":3}`)))
		l.unleash.set(func(r *http.Request, _ []byte) (int, error) {
			started := time.Now()
			<-r.Context().Done()
			ended = time.Since(started)
			return 0, r.Context().Err()
		})
	}, development)
	if ended > 5*time.Second || l.values()[`dropped_total{kind="evaluations",reason="shutdown"}`] != 3 {
		t.Errorf("after %s: %v", ended, l.values())
	}
	if !strings.Contains(l.log.String(), "evaluations=3") {
		t.Errorf("the log does not tell:\n%s", l.log.String())
	}
}

func TestWithoutUpstreamAllIsDropped(t *testing.T) {
	l := newLab(t, 0)
	l.must(l.Metrics(backend("default"), metrics("shop", "1", time.Now(), `"f":{"yes":3}`)))
	l.must(l.Register(backend("default"), register("shop", "1", "")))
	v := l.values()
	if v[`dropped_total{kind="evaluations",reason="nowhere"}`] != 3 ||
		v[`dropped_total{kind="registrations",reason="nowhere"}`] != 1 {
		t.Errorf("%v", v)
	}
	l.must(l.Run(t.Context())) // ends by itself: there is nothing to do
}

// Another flagcast is an upstream like Unleash.
func TestChained(t *testing.T) {
	running(t, 0, func(t *testing.T, core *lab) {
		edge := newLab(t, 0, development)
		edge.unleash.set(func(_ *http.Request, body []byte) (int, error) {
			if err := core.Bulk(backend("development"), body); err != nil {
				t.Error(err)
				return 400, nil
			}
			return 202, nil
		})
		edge.must(
			edge.Metrics(browser("development"),
				metrics("web", "browser", time.Now().Add(-3*time.Hour), `"f":{"yes":3,"no":4,"variants":{"red":2}}`)))
		edge.must(edge.Register(browser("development"), register("web", "browser", "")))
		stop, cancel := contextWithCancel(t)
		cancel() // it sends at its end
		edge.must(edge.Run(stop))
		later(65 * time.Second)
		if diff := cmp.Diff([]string{
			fmt.Sprint("development web f ", time.Now().Add(-3*time.Hour-65*time.Second).Unix()/3600),
		}, keys(core.unleash.rows)); diff != "" || core.unleash.total() != 7 || len(core.unleash.variants) != 1 {
			t.Errorf("%s\n%v %v", diff, core.unleash.rows, core.unleash.variants)
		}
		if a := core.unleash.applications; len(a) != 1 || a[0]["sdkType"] != "frontend" ||
			fmt.Sprint(a[0]["projects"]) != "[web]" || len(a[0]["connectVia"].([]any)) != 2 {
			t.Errorf("%v", a)
		}
	}, development)
}

// What Unleash could not store, and would lose the reports of everybody for,
// is dropped; what is not a report is refused, and then nothing of it counts.
func TestBodies(t *testing.T) {
	long := strings.Repeat("ø", 256)
	now := time.Now().UTC().Format(time.RFC3339)
	bucket := func(toggles string) string {
		return fmt.Sprintf(`{"appName":"a","instanceId":"i","bucket":{"start":%q,"stop":%q,"toggles":%s}}`, now, now,
			toggles)
	}
	bulk := func(rows string) string { return `{"applications":[],"metrics":[` + rows + `]}` }
	for _, tc := range []struct {
		body string
		call string // metrics if empty
		err  string // a part of the error, or none
		sent float64
		lost float64
	}{
		{body: bucket(`{"f":{"yes":3,"no":2}}`), sent: 5},
		{body: bucket(`{"f":{}}`)},
		{body: bucket(`{"f":{"yes":1},"f":{"yes":2}}`), sent: 3},
		{body: bucket(`{"f":{"yes":"3","no":1.5}}`), sent: 5},
		{body: bucket(`{"f":{"yes":1e300}}`), sent: 1<<31 - 1},
		{body: bucket(`{"f":{"yes":1,"variants":{"":1,"` + long + `":1,"nul\u0000":1,"red":1}}}`), sent: 1},
		{body: bucket(`{"` + long + `":{"yes":1},"nul\u0000":{"yes":2},"":{"yes":4},"f":{"yes":8}}`), sent: 8, lost: 7},
		{body: bucket(`{"__proto__":{"yes":1},"lone \ud800":{"yes":1}}`), sent: 2},
		{body: `{"appName":7}`},
		{
			body: `{"appName":"a","bucket":{"start":1700000000000,"stop":1700000000000,"toggles":{"f":{"yes":1}}}}`,
			sent: 1,
		},
		{body: `{"appName":"a","bucket":{"start":"2026-11-30T12:00:00","stop":"2026-11-30T12:01:00+0000",` +
			`"toggles":{"f":{"yes":1}}}}`, sent: 1},
		{body: `{"appName":"a","bucket":{"start":"2026-11-30 12:00:00","stop":"2026-11-30 12:01:00.123",` +
			`"toggles":{"f":{"yes":1}}}}`, sent: 1},
		{
			call: "bulk", body: bulk(`{"appName":"a","featureName":"f","timestamp":"2026-11-30T12:00:00","yes":3}`),
			sent: 3,
		},
		{body: `{"appName":"a","impactMetrics":[{},{}]}`},
		{body: bucket(`{"f":{"yes":1},"g":{"yes":-1}}`), err: `"yes" of a flag must be 0 or more`},
		{body: bucket(`{"f":{"no":true}}`), err: `"no" of a flag must be a number`},
		{body: bucket(`{"f":{"no":"NaN"}}`), err: "0 or more"},
		{body: bucket(`{"f":7}`), err: "must be an object"},
		{body: bucket(`{"f":{"variants":[1]}}`), err: `"variants" of a flag`},
		{body: bucket(`{"f":{"variants":{"red":"much"}}}`), err: "a count of a variant"},
		{body: bucket(`[]`), err: `"bucket.toggles" must be an object`},
		{body: `{"appName":"a","bucket":{}}`, err: `"bucket.start"`},
		{body: `{"appName":"a","bucket":{"start":"` + now + `","stop":"soon"}}`, err: `"bucket.stop"`},
		{body: `{"appName":"a","bucket":[]}`, err: `"bucket" must be an object`},
		{body: `{"appName":""}`, err: `"appName"`},
		{body: `{"appName":"` + long + `"}`, err: `"appName"`},
		{body: `{}`, err: `"appName"`},
		{body: strings.Repeat("[", 50_000), err: "nest more than 16 levels deep"},
		{body: ``, err: "not valid JSON"},
		{call: "bulk", body: bulk(``)},
		{
			call: "bulk",
			body: bulk(`{"appName":"a","featureName":"f","timestamp":"` + now +
				`","yes":3,"no":2},{"appName":"","featureName":"f","yes":1},{"appName":"a","featureName":"` + long +
				`","yes":1}`), sent: 5, lost: 2,
		},
		{
			call: "bulk",
			body: bulk(`{"appName":"a","featureName":"f","timestamp":"2199-01-01T00:00:00Z","yes":3},{"appName":"a",` +
				`"featureName":"f","timestamp":0,"yes":3}`), sent: 6,
		},
		{call: "bulk", body: bulk(`{"appName":"a","featureName":"f","timestamp":"soon","yes":3}`), err: `"timestamp"`},
		{call: "bulk", body: bulk(`7`), err: "must be an object"},
		{call: "bulk", body: `{"applications":[7],"metrics":[]}`, err: "an application"},
		{call: "bulk", body: `{"metrics":[]}`, err: "must be lists"},
		{
			call: "bulk",
			body: `{"applications":[{"appName":"x"},{"instanceId":"y"},{"appName":"a","instanceId":"b",` +
				`"interval":"x","started":"soon","strategies":"no","sdkType":7,"connectVia":[{"appName":"f"}]}],` +
				`"metrics":[]}`,
		},
		{call: "register", body: `{"appName":"a"}`, err: `"interval"`},
		{call: "register", body: `{"appName":"a","interval":1}`, err: `"started"`},
		{call: "register", body: `{"appName":"a","interval":1,"started":1,"strategies":"x"}`, err: `"strategies"`},
		{call: "register", body: `{"interval":1,"started":1,"strategies":[]}`, err: `"appName"`},
	} {
		l := newLab(t, 0, development)
		call := map[string]func(usage.Source, []byte) error{
			"": l.Metrics, "bulk": l.Bulk, "register": l.Register,
		}[tc.call]
		err := call(backend("development"), []byte(tc.body))
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%.120s: %v, want %q", tc.body, err, tc.err)
		}
		v := l.values()
		if waiting, lost := v[`waiting{environment="development",kind="evaluations"}`],
			v[`dropped_total{kind="evaluations",reason="invalid"}`]; waiting != tc.sent || lost != tc.lost {
			t.Errorf("%.120s: %v wait and %v are lost, want %v and %v", tc.body, waiting, lost, tc.sent, tc.lost)
		}
		ctx, cancel := contextWithCancel(t)
		cancel()
		l.must(l.Run(ctx)) // Unleash checks what it gets
		l.balanced()
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := usage.New(usage.Options{URL: "unleash.example"}); err == nil {
		t.Error("an address without a scheme is accepted")
	}
}

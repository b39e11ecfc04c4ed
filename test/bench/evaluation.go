package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	unleash "github.com/Unleash/unleash-client-go/v4"
	"github.com/Unleash/unleash-client-go/v4/api"
	sdk "github.com/Unleash/unleash-client-go/v4/context"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
)

const flags = 1000

// contexts are 64 different ones, which rotate.
const contexts = 64

func evaluation(rounds int) []figure {
	document := definitions(flags)
	program := mustCompile(document)
	names := make([]string, flags)
	for i, f := range program.Flags() {
		names[i] = f.Name
	}
	var ours [contexts]*eval.Context
	var theirs [contexts]sdk.Context
	for i := range contexts {
		fields := map[string]string{
			"userId": fmt.Sprint("user-", 4711+i), "sessionId": fmt.Sprint("sess-", i),
			"remoteAddress": "10.0.0.7", "environment": "production", "appName": "bench",
		}
		properties := map[string]string{"country": []string{"norway", "value-17", "cn"}[i%3], "plan": "pro"}
		theirs[i] = sdk.Context{
			UserId: fields["userId"], SessionId: fields["sessionId"], RemoteAddress: "10.0.0.7",
			Environment: "production", AppName: "bench", Properties: properties,
		}
		for name, value := range properties {
			fields[name] = value
		}
		ours[i] = &eval.Context{Fields: fields, Time: time.Now(), Seed: "s"}
	}
	client := startSDK(document)
	defer client.Close()
	// The answers of the last round, to see that all agree.
	passed, named, asked := make([]eval.Result, flags), make([]eval.Result, flags), make([]*api.Variant, flags)
	var view eval.View
	pass := func(i int) {
		view.Reset(program, ours[i])
		for i := range names {
			passed[i] = view.Flag(i)
		}
	}
	byName := func(i int) {
		view.Reset(program, ours[i])
		for i, name := range names {
			named[i] = view.Evaluate(name)
		}
	}
	peer := func(c int) {
		for i, name := range names {
			asked[i] = client.GetVariant(name, unleash.WithVariantContext(theirs[c]))
		}
	}
	stats := race(rounds/10+1, contexts, pass, byName, peer)
	for i, theirs := range asked {
		for _, ours := range []eval.Result{passed[i], named[i]} {
			if ours.Enabled != theirs.FeatureEnabled || ours.Variant.Name != theirs.Name {
				panic(fmt.Sprintf("the evaluators disagree about %s: %+v, %+v", names[i], ours, theirs))
			}
		}
	}
	return []figure{
		atLeast("Go: 1,000 flags with variants, one pass", "unleash-client-go GetVariant", stats[0], stats[2], 30),
		atLeast("Go: 1,000 flags with variants, by name", "unleash-client-go GetVariant", stats[1], stats[2], 15),
	}
}

func atLeast(what, peer string, ours, theirs stat, bar float64) figure {
	ratio := theirs.Min / ours.Min
	return figure{
		What: what, Unit: "µs", Ours: ours, Peer: theirs, Named: peer, Ratio: ratio,
		Bar: fmt.Sprintf("at least %g times", bar), Met: ratio >= bar,
	}
}

func mustCompile(document []byte) *eval.Program {
	d, err := parse.Definitions(document, "production")
	if err != nil {
		panic(err)
	}
	program, problems := compile.Program(d)
	if len(problems) > 0 {
		panic(problems[0])
	}
	return program
}

// startSDK runs the Go SDK against a server of loopback that holds the
// definitions.
func startSDK(document []byte) *unleash.Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(document)
	}))
	client, err := unleash.NewClient(unleash.WithUrl(server.URL+"/api"), unleash.WithAppName("bench"),
		unleash.WithDisableMetrics(true), unleash.WithRefreshInterval(time.Hour))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ready := make(chan struct{})
	go func() { client.WaitForReady(); close(ready) }()
	select {
	case <-ready:
	case <-ctx.Done():
		panic("the SDK is not ready")
	}
	server.Close()
	return client
}

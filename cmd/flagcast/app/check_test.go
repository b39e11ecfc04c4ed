package app

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/report"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks/edgekv"
)

// edgeKVTarget is a target that stores one snapshot in EdgeKV.
func edgeKVTarget(t *testing.T, spec snapshot.Spec) *publish.Target {
	t.Helper()
	settings := edgekv.DefaultConfig()
	settings.Namespace, settings.Credentials.AccessKeyID, settings.Credentials.AccessKeySecret = "flags", "id",
		secret.New("secret")
	sink, err := edgekv.New(settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &publish.Target{
		Name: "web", Environment: "default", Sink: sink, Outputs: []publish.Output{{Key: "unleash-flags", Spec: spec}},
	}
}

// checked returns what check finds about a target with the definitions.
func checked(t *testing.T, document string, target *publish.Target) []report.Finding {
	t.Helper()
	d, err := parse.Definitions([]byte(document), "default")
	if err != nil {
		t.Fatal(err)
	}
	store := state.New(state.Options{Log: slog.New(slog.DiscardHandler)})
	store.Put(d)
	return checkTarget(t.Context(), store, target)
}

// TestCheckCountsTheRequest: a snapshot of 1.4 MB is within the 1.8 MB of a
// value, and its request is not within 2 MB.
func TestCheckCountsTheRequest(t *testing.T) {
	for flags, want := range map[int]string{8000: "ok", 9000: "failed"} {
		var document strings.Builder
		for i := range flags {
			fmt.Fprintf(&document, `,{"name":"flag-%05d","enabled":true,"strategies":[]}`, i)
		}
		spec := snapshot.Spec{Format: snapshot.Evaluated1, Environment: "default"}
		found := checked(t, `{"version":1,"features":[`+document.String()[1:]+`]}`, edgeKVTarget(t, spec))
		if len(found) != 1 || found[0].Result != want {
			t.Fatalf("%d flags: %+v, want %s", flags, found, want)
		}
		t.Log(found[0].Text)
		if want == "failed" && !strings.Contains(found[0].Text, "form-encoded, as a request sends it, it has 2") {
			t.Errorf("it does not say why: %s", found[0].Text)
		}
	}
}

// TestCheckWarnsOfFlagsThatNeedAUser: an evaluated snapshot has one answer for
// all, which a stock worker serves without an error.
func TestCheckWarnsOfFlagsThatNeedAUser(t *testing.T) {
	const document = `{"version":1,"features":[
		{"name":"plain","enabled":true,"strategies":[]},
		{"name":"third","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"30",
			"stickiness":"userId","groupId":"third"}}]}]}`
	for _, test := range []struct {
		spec   snapshot.Spec
		result string
	}{
		{snapshot.Spec{Format: snapshot.Evaluated1}, "warning"},
		{snapshot.Spec{Format: snapshot.Evaluated1, Contextual: snapshot.ContextualOff}, "warning"},
		{snapshot.Spec{Format: snapshot.Evaluated1, Contextual: snapshot.ContextualOmit}, "ok"},
		{snapshot.Spec{Format: snapshot.Rules1}, "ok"},
	} {
		test.spec.Environment = "default"
		found := checked(t, document, edgeKVTarget(t, test.spec))
		if len(found) != 1 || found[0].Result != test.result {
			t.Errorf("%+v: %+v, want %s", test.spec, found, test.result)
			continue
		}
		if test.result == "warning" && !strings.Contains(found[0].Text, "1 flag depends on the request") {
			t.Errorf("it says %q", found[0].Text)
		}
	}
}

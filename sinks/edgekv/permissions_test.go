package edgekv_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/sinks/edgekv/edgekvtest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

// policy reads a document as RAM does.
type policy struct {
	Version   string
	Statement []struct {
		Effect           string
		Action, Resource []string
		Principal        map[string][]string
		Condition        map[string]map[string]string
	}
}

func parse(t *testing.T, p sinks.Permission) policy {
	t.Helper()
	var document policy
	if err := json.Unmarshal([]byte(p.Document), &document); err != nil || document.Version != "1" ||
		len(document.Statement) != 1 || document.Statement[0].Effect != "Allow" {
		t.Fatalf("%s: %v: %s", p.Title, err, p.Document)
	}
	return document
}

// TestPolicyIsWhatTheSinkCalls: no action is missing, and none is too many.
func TestPolicyIsWhatTheSinkCalls(t *testing.T) {
	for _, a := range dialects {
		for _, create := range []bool{false, true} {
			options := edgekvtest.Options{Product: a.product, AccessKeyID: testID, AccessKeySecret: "hunter2"}
			if !create {
				options.Namespaces = []string{"flags"}
			}
			fake := edgekvtest.New(options)
			server := httptest.NewServer(fake)
			defer server.Close()
			config := valid()
			config.Product, config.Endpoint, config.CreateNamespace = a.product, server.URL, create
			config.Credentials.AccessKeyID = testID
			sink, err := edgekv.New(config, nil)
			if err != nil {
				t.Fatal(err)
			}
			sinktest.Run(t, func(*testing.T) sinks.Sink { return sink }, sinktest.Options{Large: 1000})
			for _, err := range sinks.PutAll(t.Context(), sink, many(2, 1)) {
				if err != nil {
					t.Error(err)
				}
			}
			_, _ = sink.Propagated(t.Context(), "k0") // DCDN alone answers

			var called []string
			for _, action := range fake.Actions() {
				called = append(called, a.product+":"+action)
			}
			permissions := config.Permissions()
			if len(permissions) != 1 || !strings.Contains(permissions[0].Title, strings.ToUpper(a.product)) {
				t.Fatalf("permissions are %v", permissions)
			}
			statement := parse(t, permissions[0]).Statement[0]
			allowed := slices.Sorted(slices.Values(statement.Action))
			if diff := cmp.Diff(called, allowed); diff != "" || !slices.Equal(statement.Resource, []string{"*"}) {
				t.Errorf("%s, create %t (-called +allowed):\n%s", a.product, create, diff)
			}
		}
	}
}

func TestTrustPolicies(t *testing.T) {
	of := func(kind string) []sinks.Permission {
		config := edgekv.DefaultConfig()
		config.Namespace, config.Credentials.Type = "flags", kind
		return config.Permissions()
	}
	t.Setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "")
	found := of("rrsa")
	if len(found) != 2 {
		t.Fatalf("permissions are %v", found)
	}
	for _, placeholder := range []string{"<ACCOUNT_ID>", "<CLUSTER_ID>", "<NAMESPACE>", "<SERVICE_ACCOUNT>"} {
		if !strings.Contains(found[1].Title, placeholder) || !strings.Contains(found[1].Document, placeholder) {
			t.Errorf("%s does not stand in the title and the policy: %v", placeholder, found[1])
		}
	}
	t.Setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", testProvider)
	found = of("rrsa")
	got := parse(t, found[1]).Statement[0]
	if !slices.Equal(got.Action, []string{"sts:AssumeRole"}) ||
		!slices.Equal(got.Principal["Federated"], []string{testProvider}) {
		t.Errorf("trust policy is %+v", got)
	}
	want := map[string]map[string]string{"StringEquals": {
		"oidc:aud": "sts.aliyuncs.com", "oidc:sub": "system:serviceaccount:<NAMESPACE>:<SERVICE_ACCOUNT>",
	}}
	if diff := cmp.Diff(want, got.Condition); diff != "" || strings.Contains(found[1].Title, "<CLUSTER_ID>") {
		t.Errorf("%s: (-want +got)\n%s", found[1].Title, diff)
	}
	if found = of("ecs_ram_role"); len(found) != 2 ||
		!slices.Equal(parse(t, found[1]).Statement[0].Principal["Service"], []string{"ecs.aliyuncs.com"}) {
		t.Errorf("permissions are %v", found)
	}
}

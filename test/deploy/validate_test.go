package deploy

import (
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
	"sigs.k8s.io/kubectl-validate/pkg/validator"
	"sigs.k8s.io/yaml"
)

// kubernetes is the newest version whose schemas the validator brings.
const kubernetes = "1.30"

// builtIn validates as the API server of that version does.
func builtIn(t *testing.T) *validator.Validator {
	t.Helper()
	v, err := validator.New(openapiclient.NewOverlay(
		openapiclient.HardcodedPatchLoader(kubernetes), openapiclient.NewHardcodedBuiltins(kubernetes)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// validate checks one manifest: no member that the schema does not know, none
// missing, each of its type.
func validate(t *testing.T, v *validator.Validator, document []byte) {
	t.Helper()
	if custom := customResource(t, document); custom != nil {
		if err := yaml.UnmarshalStrict(document, custom); err != nil {
			t.Errorf("%v in\n%s", err, document)
		}
		return
	}
	_, object, err := v.Parse(document)
	if err == nil {
		err = v.Validate(object)
	}
	if err != nil {
		t.Errorf("%v in\n%s", err, document)
	}
}

// customResource returns a value of the Go type of a manifest whose schema the
// API server does not bring, or nil for one whose schema it brings.
func customResource(t *testing.T, document []byte) any {
	t.Helper()
	var o struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &o); err != nil {
		t.Fatal(err)
	}
	switch o.APIVersion + " " + o.Kind {
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return &monitoring.ServiceMonitor{}
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &monitoring.PrometheusRule{}
	case "gateway.networking.k8s.io/v1 HTTPRoute":
		return &gateway.HTTPRoute{}
	}
	return nil // the validator refuses a kind that it does not know
}

// TestValidatorRefuses: the validator sees what is wrong.
func TestValidatorRefuses(t *testing.T) {
	v := builtIn(t)
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: b}]}\n"
	for _, change := range []struct{ old, now string }{
		{"image: b", "imagee: b"}, {
			"spec: {containers: [{name: a, image: b}]}", "spec: {}",
		}, {"image: b", "image: b, ports: [{containerPort: http}]"},
	} {
		document := strings.Replace(pod, change.old, change.now, 1)
		_, object, err := v.Parse([]byte(document))
		if err == nil {
			err = v.Validate(object)
		}
		if err == nil {
			t.Errorf("valid: %s", document)
		}
	}
	route := "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec: {hostname: [a]}\n"
	if err := yaml.UnmarshalStrict([]byte(route), customResource(t, []byte(route))); err == nil {
		t.Errorf("valid: %s", route)
	}
	unknown := []byte("apiVersion: gateway.networking.k8s.io/v1\nkind: Unknown\nmetadata: {name: a}\n")
	if customResource(t, unknown) != nil {
		t.Error("a kind without a schema has one")
	}
	if _, _, err := v.Parse(unknown); err == nil {
		t.Error("a kind without a schema is valid")
	}
}

package cloudflare

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
)

func TestCredential(t *testing.T) {
	a, b, other := DefaultConfig(), DefaultConfig(), DefaultConfig()
	a.APIToken, b.APIToken, other.APIToken = secret.New("token-1"), secret.New("token-1"), secret.New("token-2")
	a.Namespace, b.Namespace = "one", "two"
	if a.Credential() != b.Credential() || a.Credential() == other.Credential() || a.Credential() == "" {
		t.Errorf("names are %q, %q and %q", a.Credential(), b.Credential(), other.Credential())
	}
	if strings.Contains(a.Credential(), "token") {
		t.Errorf("the name %q shows the token", a.Credential())
	}
}

func TestPermissions(t *testing.T) {
	c := DefaultConfig()
	c.Account, c.APIToken = "0123456789abcdef0123456789abcdef", secret.New("hidden")
	found := c.Permissions()
	if len(found) != 2 {
		t.Fatalf("got %d permissions, want a form and a body", len(found))
	}
	form, body := found[0], found[1]
	if want := "Permissions: Account › Workers KV Storage › Edit\nAccount Resources: Include › " +
		"0123456789abcdef0123456789abcdef"; form.Document != want {
		t.Errorf("the form is %q, want %q", form.Document, want)
	}
	var token struct {
		Name     string
		Policies []struct {
			Effect           string
			Resources        map[string]string
			PermissionGroups []struct{ ID, Name string } `json:"permission_groups"`
		}
	}
	if err := json.Unmarshal([]byte(body.Document), &token); err != nil {
		t.Fatal(err)
	}
	if len(token.Policies) != 1 || len(token.Policies[0].PermissionGroups) != 1 ||
		len(token.Policies[0].Resources) != 1 {
		t.Fatalf("the body is %s", body.Document)
	}
	policy := token.Policies[0]
	if policy.Effect != "allow" || policy.Resources["com.cloudflare.api.account."+c.Account] != "*" ||
		policy.PermissionGroups[0].Name != "Workers KV Storage Write" ||
		!hexID.MatchString(policy.PermissionGroups[0].ID) {
		t.Errorf("the body is %s", body.Document)
	}
	for _, p := range found {
		if strings.Contains(p.Title+p.Document, "hidden") {
			t.Errorf("the token is in %+v", p)
		}
	}
}

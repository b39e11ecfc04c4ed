package access

import "testing"

// TestEnvironmentOfTheToken: Unleash 5 validates without naming the environment.
func TestEnvironmentOfTheToken(t *testing.T) {
	for token, want := range map[string]string{
		"default:development.s": "development", "[]:production.s": "production",
	} {
		known := (&wireToken{Token: token, Type: "frontend", Projects: []string{"default"}}).info()
		if known == nil || string(known.Scope.Environment) != want {
			t.Errorf("the environment is not %q: %+v", want, known)
		}
	}
	if (&wireToken{Token: "no token", Type: "frontend"}).info() != nil {
		t.Error("a token of no environment is known")
	}
}

package rig

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// Toggles asks the frontend API at a base address for the flags that are on,
// by name. It fails the test when there is no answer with status 200.
func Toggles(t testing.TB, base, token string, context url.Values) map[string]Object {
	t.Helper()
	toggles, err := AskToggles(base, token, context)
	if err != nil {
		t.Fatal(err)
	}
	return toggles
}

// AskToggles is Toggles for polling: any other answer is an error.
func AskToggles(base, token string, context url.Values) (map[string]Object, error) {
	request, err := http.NewRequest(http.MethodGet, base+"/api/frontend?"+context.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", token)
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s/api/frontend: %w", base, err)
	}
	var answer struct{ Toggles []Object }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	byName := map[string]Object{}
	for _, toggle := range answer.Toggles {
		byName[toggle["name"].(string)] = toggle
	}
	return byName, nil
}

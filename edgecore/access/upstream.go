package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/secret"
	"github.com/flagcast/flagcast/edgecore/transport"
)

// Upstream validates tokens at POST /edge/validate, which Unleash serves for
// Unleash Edge.
type Upstream struct {
	url     string
	headers map[string]secret.Secret
	client  *http.Client
}

// NewUpstream takes the address of the server, with or without /api at the
// end, and headers to send with every request. base nil means the default
// transport.
func NewUpstream(address string, headers map[string]secret.Secret, base http.RoundTripper) *Upstream {
	address = strings.TrimSuffix(strings.TrimRight(address, "/"), "/api")
	return &Upstream{
		url: address + "/edge/validate", headers: headers,
		client: transport.NewClient(transport.Options{Base: base, Attempts: 2, Timeout: 3 * time.Second, MaxWait: 500 * time.Millisecond}),
	}
}

// Validate implements Validator.
func (u *Upstream) Validate(ctx context.Context, token secret.Secret) (Known, bool, error) {
	question, err := json.Marshal(map[string][]string{"tokens": {token.Reveal()}})
	if err != nil {
		return Known{}, false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(question))
	if err != nil {
		return Known{}, false, err
	}
	for name, value := range u.headers {
		request.Header.Set(name, value.Reveal())
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := u.client.Do(request)
	if err != nil {
		return Known{}, false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return Known{}, false, err
	}
	if response.StatusCode != http.StatusOK {
		return Known{}, false, fmt.Errorf("POST %s: %s", u.url, response.Status)
	}
	var answer struct {
		Tokens []struct {
			Token, Type, Environment string
			Projects                 []string
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Known{}, false, fmt.Errorf("POST %s: %w", u.url, err)
	}
	for _, t := range answer.Tokens {
		kind, ok := kindOf(t.Type)
		if t.Token != token.Reveal() || !ok {
			continue
		}
		known := Known{Kind: kind, Scope: Scope{Environment: edgecore.Environment(t.Environment)}}
		if !slices.Contains(t.Projects, "*") {
			known.Scope.Projects = append([]string{}, t.Projects...) // never nil, which would mean all
			slices.Sort(known.Scope.Projects)
		}
		return known, true, nil
	}
	return Known{}, false, nil
}

// kindOf knows both spellings: Unleash 7.1.1 renamed "client" to "backend".
func kindOf(name string) (Kind, bool) {
	switch strings.ToLower(name) {
	case "client", "backend":
		return Client, true
	case "frontend":
		return Frontend, true
	default:
		return "", false
	}
}

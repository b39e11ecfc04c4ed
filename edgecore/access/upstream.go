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
		// Whoever asks again is the next call: this one is made once.
		client: transport.NewClient(transport.Options{Base: base, Attempts: 1, Timeout: 3 * time.Second}),
	}
}

// Validate implements Validator.
func (u *Upstream) Validate(ctx context.Context, tokens []secret.Secret) ([]*Known, error) {
	texts, numbers := make([]string, len(tokens)), map[string]int{}
	for i, token := range tokens {
		texts[i] = token.Reveal()
		numbers[texts[i]] = i
	}
	question, err := json.Marshal(map[string][]string{"tokens": texts})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	for name, value := range u.headers {
		request.Header.Set(name, value.Reveal())
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := u.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("POST %s: %s", u.url, response.Status)
	}
	var answer struct{ Tokens []wireToken }
	if err := json.Unmarshal(body, &answer); err != nil {
		// What json says may quote the answer, which holds tokens.
		return nil, fmt.Errorf("POST %s: the answer is no list of tokens", u.url)
	}
	list := make([]*Known, len(tokens))
	for _, t := range answer.Tokens {
		if i, ok := numbers[t.Token]; ok {
			list[i] = t.known()
		}
	}
	return list, nil
}

// wireToken is a token as Unleash and Unleash Edge write it: in answers of
// /edge/validate, and in Edge's backup.
type wireToken struct {
	Token       string   `json:"token"`
	Type        string   `json:"type"`
	Environment string   `json:"environment"`
	Projects    []string `json:"projects"`
	Status      string   `json:"status"` // in a backup only
}

// known is what is known of it; nil for one that is good for neither API.
func (t *wireToken) known() *Known {
	kind, ok := kindOf(t.Type)
	if !ok {
		return nil
	}
	known := Known{Kind: kind, Scope: Scope{Environment: edgecore.Environment(t.Environment)}}
	if t.Environment == "" { // servers of version 5 do not say it; the token does
		token, err := edgecore.ParseToken(secret.New(t.Token))
		if err != nil {
			return nil
		}
		known.Scope.Environment = token.Environment
	}
	if !slices.Contains(t.Projects, "*") {
		known.Scope.Projects = append([]string{}, t.Projects...) // never nil, which would mean all
		slices.Sort(known.Scope.Projects)
	}
	return &known
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

package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/unleashurl"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// Upstream validates tokens at POST /edge/validate, which Unleash serves for
// Unleash Edge.
type Upstream struct {
	url     string
	headers map[string]secret.Secret
	client  *http.Client
}

// NewUpstream returns a validator at the address of a server, with or without /api at
// the end, which sends headers with every request. base nil means the default
// transport.
func NewUpstream(address string, headers map[string]secret.Secret, base http.RoundTripper) *Upstream {
	return &Upstream{
		url: unleashurl.Trim(address) + "/edge/validate", headers: headers,
		// The queue retries: one attempt.
		client: httpclient.NewClient(httpclient.Options{Base: base, Attempts: 1, Timeout: 3 * time.Second}),
	}
}

// Validate implements Validator.
func (u *Upstream) Validate(ctx context.Context, tokens []secret.Secret) ([]*TokenInfo, error) {
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
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("POST %s: %s", u.url, response.Status)
	}
	list := make([]*TokenInfo, len(tokens))
	body, err := untrusted.ReadBody(response, maxAnswer)
	if err == nil {
		asked := func(token string) bool { _, ok := numbers[token]; return ok }
		err = readTokens(body, asked, func(t *wireToken) { list[numbers[t.Token]] = t.info() })
	}
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", u.url, err)
	}
	return list, nil
}

const (
	// maxAnswer is above the size of 100 tokens with 500 projects each, in bytes.
	maxAnswer = 4 << 20
	// maxProjects bounds the projects of one token, which is cached for an hour.
	maxProjects = 1000
)

// errNoList replaces errors of a decoder, which may quote the document and its tokens.
var (
	errNoList       = errors.New("not a list of tokens")
	errManyProjects = fmt.Errorf("a token has more than %d projects", maxProjects)
)

// readTokens reads {"tokens":[…]}, or only the list, one token at a time, and skips
// those that are not wanted: a list may have many more members.
func readTokens(document []byte, wanted func(token string) bool, each func(*wireToken)) error {
	if err := untrusted.CheckJSON(document, untrusted.RequestDepth); err != nil {
		return errNoList
	}
	list := gjson.ParseBytes(document)
	if list.IsObject() {
		list = list.Get("tokens")
	}
	if !list.IsArray() {
		return errNoList
	}
	var err error
	list.ForEach(func(_, one gjson.Result) bool {
		if !one.IsObject() {
			err = errNoList
			return false
		}
		token := one.Get("token").String()
		if !wanted(token) {
			return true
		}
		t := wireToken{
			Token: token, Type: one.Get("type").String(),
			Environment: one.Get("environment").String(), Status: one.Get("status").String(),
		}
		if t.Projects, err = projectsOf(one.Get("projects")); err == nil {
			each(&t)
		}
		return err == nil
	})
	return err
}

// projectsOf returns a copy of a list of names; nil if there is no list.
func projectsOf(list gjson.Result) (names []string, err error) {
	if !list.Exists() || list.Type == gjson.Null {
		return nil, nil
	}
	if !list.IsArray() {
		return nil, errNoList
	}
	names = []string{}
	list.ForEach(func(_, project gjson.Result) bool {
		switch {
		case project.Type != gjson.String:
			err = errNoList
		case len(names) == maxProjects:
			err = errManyProjects
		default:
			names = append(names, strings.Clone(project.Str))
		}
		return err == nil
	})
	return names, err
}

// wireToken is a token in the JSON of Unleash and Unleash Edge: in responses of
// /edge/validate, and in Edge's backup. Its strings, except for Projects, may share
// the memory of a document.
type wireToken struct {
	Token, Type, Environment string
	Projects                 []string
	Status                   string // in a backup only
}

// info returns the scope and kind of the token, as copies; nil for a token that is
// valid for neither API.
func (t *wireToken) info() *TokenInfo {
	kind, ok := kindOf(t.Type)
	if !ok {
		return nil
	}
	known := TokenInfo{Kind: kind, Scope: Scope{Environment: edgecore.Environment(strings.Clone(t.Environment))}}
	if t.Environment == "" { // servers of version 5 omit it; it is part of the token
		token, err := edgecore.ParseToken(secret.New(t.Token))
		if err != nil {
			return nil
		}
		known.Scope.Environment = edgecore.Environment(strings.Clone(string(token.Environment)))
	}
	if !slices.Contains(t.Projects, "*") {
		known.Scope.Projects = append([]string{}, t.Projects...) // never nil, which would mean all
		slices.Sort(known.Scope.Projects)
	}
	return &known
}

// kindOf reads both spellings: Unleash 7.1.1 renamed "client" to "backend".
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

package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/untrusted"
)

// readContext reads the context of a frontend request from its query, or from
// the JSON body of a POST: {"context": {…}} or the context itself. A missing
// remoteAddress is the peer's, a missing environment the token's. A missing
// sessionId is one of this request alone, as in Unleash, and so are random
// draws: the flags of one answer fit together.
//
// shared tells that caches may keep the answer: nothing of all that chance or
// the peer decides is in the context then.
func (a *api) readContext(r *http.Request, env edgecore.Environment) (c *eval.Context, shared bool, err error) {
	given, err := givenContext(r)
	if err != nil {
		return nil, false, err
	}
	c = &given
	if _, ok := c.Fields["environment"]; !ok {
		c.Fields["environment"] = string(env)
	}
	if c.Time.IsZero() {
		c.Time = time.Now()
	}
	if a.Shared.may(r, c) {
		return c, true, nil
	}
	if _, ok := c.Fields["remoteAddress"]; !ok {
		if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
			c.Fields["remoteAddress"] = host
		}
	}
	c.Seed = newSeed()
	if c.Fields["sessionId"] == "" {
		c.Fields["sessionId"] = c.Seed
	}
	return c, false, nil
}

func givenContext(r *http.Request) (eval.Context, error) {
	if r.Method != http.MethodPost {
		c := fieldsOfQuery(r.URL.Query())
		return c, c.SetCurrentTime()
	}
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return eval.Context{}, fmt.Errorf("the context has more than %d bytes: %w", tooLarge.Limit, err)
	case err != nil:
		return eval.Context{}, errors.New("the request body broke off")
	case strings.TrimSpace(string(body)) == "":
		body = []byte("{}")
	}
	if untrusted.CheckJSON(body, untrusted.RequestDepth) == nil {
		if context := gjson.GetBytes(body, "context"); context.IsObject() {
			body = []byte(context.Raw)
		}
	}
	return eval.ReadContext(body)
}

// fieldsOfQuery: properties[name]=value and, at the top level, any other name.
// The top level comes first (unleash-client, Node).
func fieldsOfQuery(query url.Values) eval.Context {
	fields := map[string]string{}
	for key, values := range query {
		if name, ok := strings.CutPrefix(key, "properties["); ok && strings.HasSuffix(name, "]") {
			fields[strings.TrimSuffix(name, "]")] = values[0]
		}
	}
	for key, values := range query {
		if !strings.ContainsRune(key, '[') {
			fields[key] = values[0]
		}
	}
	return eval.Context{Fields: fields}
}

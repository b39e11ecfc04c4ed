package api

import (
	"bytes"
	"fmt"
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
// the peer decides is in the context then. done is called when the context is
// needed no more. readContext has answered when ok is false.
func (a *api) readContext(
	w http.ResponseWriter, r *http.Request, env edgecore.Environment,
) (c *eval.Context, shared bool, done func(), ok bool) {
	given, done, ok := a.givenContext(w, r)
	if !ok {
		return nil, false, nil, false
	}
	c = &given
	if _, ok := c.Fields["environment"]; !ok {
		c.Fields["environment"] = string(env)
	}
	if c.Time.IsZero() {
		c.Time = time.Now()
	}
	if a.Shared.may(r, c) {
		return c, true, done, true
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
	return c, false, done, true
}

// givenContext reads what the request says. It has answered when ok is false.
func (a *api) givenContext(w http.ResponseWriter, r *http.Request) (c eval.Context, done func(), ok bool) {
	done = func() {}
	var err error
	if r.Method != http.MethodPost {
		var query url.Values
		if query, ok = readQuery(w, r); !ok {
			return c, nil, false
		}
		c = fieldsOfQuery(query)
		err = c.SetCurrentTime()
	} else {
		var body *requestBody
		if body, ok = a.readBody(w, r, maxContextBody, true); !ok {
			return c, nil, false
		}
		done = body.release
		c, err = contextOfBody(body.bytes)
	}
	if err != nil {
		done()
		fail(w, http.StatusBadRequest, err.Error())
		return c, nil, false
	}
	return c, done, true
}

func contextOfBody(body []byte) (eval.Context, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if untrusted.CheckJSON(body, untrusted.RequestDepth) == nil {
		if context := gjson.GetBytes(body, "context"); context.IsObject() {
			body = []byte(context.Raw)
		}
	}
	return eval.ReadContext(body)
}

// maxParameters bounds the parameters of a query: decoded each takes a hundred
// bytes and more.
const maxParameters = eval.MaxFields

// readQuery decodes a query. It has answered when ok is false.
func readQuery(w http.ResponseWriter, r *http.Request) (query url.Values, ok bool) {
	if strings.Count(r.URL.RawQuery, "&") >= maxParameters {
		fail(w, http.StatusBadRequest, fmt.Sprintf("the query has more than %d parameters", maxParameters))
		return nil, false
	}
	return r.URL.Query(), true
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

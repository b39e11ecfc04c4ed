package api

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// readContext reads the context of a frontend request from its query, or from
// the JSON body of a POST: {"context": {…}} or the context itself. A missing
// remoteAddress is the peer's, a missing environment the token's. A missing
// sessionId is one of this request alone, as in Unleash, and so are random
// draws: the flags of one answer fit together.
//
// shared reports whether caches may keep the response: then no field of the context
// is random or from the address of the client. done must be called when the context
// is not needed any more. If ok is false, the response has been written.
func (a *api) readContext(
	w http.ResponseWriter, r *http.Request, env edgecore.Environment,
) (c *eval.Context, shared bool, done func(), ok bool) {
	given, done, ok := a.givenContext(w, r)
	if !ok {
		return nil, false, nil, false
	}
	c = &given
	setDefaults(c, env)
	if a.SharedCache.cacheable(r, c) {
		return c, true, done, true
	}
	setFromRequest(c, r)
	return c, false, done, true
}

// setDefaults sets the environment and the time where the context does not.
func setDefaults(c *eval.Context, env edgecore.Environment) {
	if _, ok := c.Fields["environment"]; !ok {
		c.Fields["environment"] = string(env)
	}
	if _, given := edgecore.ReadTime(c.Fields["currentTime"]); !given {
		c.Time = time.Now()
	}
}

// setFromRequest sets what only this request has: the address of its client, and a seed.
func setFromRequest(c *eval.Context, r *http.Request) {
	if _, ok := c.Fields["remoteAddress"]; !ok {
		if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
			c.Fields["remoteAddress"] = host
		}
	}
	c.Seed = newSeed()
	if c.Fields["sessionId"] == "" {
		c.Fields["sessionId"] = c.Seed
	}
}

// givenContext reads the fields that the request has. If ok is false, the response has
// been written.
func (a *api) givenContext(w http.ResponseWriter, r *http.Request) (c eval.Context, done func(), ok bool) {
	done = func() {}
	var err error
	if r.Method != http.MethodPost {
		var query url.Values
		if query, ok = readQuery(w, r); !ok {
			return c, nil, false
		}
		c = fieldsOfQuery(query)
		c.SetCurrentTime() // one that cannot be read counts as not given
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
		writeError(w, http.StatusBadRequest, err.Error())
		return c, nil, false
	}
	return c, done, true
}

func contextOfBody(body []byte) (eval.Context, error) {
	if len(bytes.Trim(body, " \t\r\n")) == 0 { // white space of JSON, and no other
		body = []byte("{}")
	}
	if untrusted.CheckJSON(body, untrusted.RequestDepth) == nil {
		if context := gjson.GetBytes(body, "context"); context.IsObject() {
			body = []byte(context.Raw)
		}
	}
	return eval.ReadContext(body)
}

package api

import (
	"encoding/json"
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
)

// standard are the fields that a context has at its top level; everything else
// is a property (Unleash frontend API).
var standard = map[string]bool{
	"userId": true, "sessionId": true, "environment": true, "appName": true, "currentTime": true, "remoteAddress": true,
}

// readContext reads the context of a frontend request from its query, or from
// the JSON body of a POST: {"context": {…}} or the context itself. A missing
// remoteAddress is the peer's, a missing environment the token's.
func readContext(r *http.Request, env edgecore.Environment) (*eval.Context, error) {
	fields := map[string]string{}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return nil, fmt.Errorf("the context has more than %d bytes", tooLarge.Limit)
			}
			return nil, errors.New("the request body broke off")
		}
		if err := fieldsOfJSON(body, fields); err != nil {
			return nil, err
		}
	} else {
		fieldsOfQuery(r.URL.Query(), fields)
	}
	if _, ok := fields["environment"]; !ok {
		fields["environment"] = string(env)
	}
	if _, ok := fields["remoteAddress"]; !ok {
		if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
			fields["remoteAddress"] = host
		}
	}
	c := &eval.Context{Fields: fields, Time: time.Now(), Seed: newSeed()}
	if text, ok := fields["currentTime"]; ok {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, errors.New("currentTime is no time such as 2026-01-31T12:00:00Z")
		}
		c.Time = at
	}
	return c, nil
}

// fieldsOfQuery: properties[name]=value and, at the top level, any other name.
// A property never hides a standard field.
func fieldsOfQuery(query url.Values, fields map[string]string) {
	for key, values := range query {
		if name, ok := strings.CutPrefix(key, "properties["); ok && strings.HasSuffix(name, "]") {
			fields[strings.TrimSuffix(name, "]")] = values[0]
		}
	}
	for key, values := range query {
		if !strings.ContainsRune(key, '[') && (standard[key] || !has(fields, key)) {
			fields[key] = values[0]
		}
	}
}

func has(fields map[string]string, name string) bool {
	_, ok := fields[name]
	return ok
}

func fieldsOfJSON(body []byte, fields map[string]string) error {
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil
	}
	if !json.Valid(body) {
		return errors.New("the request body is not JSON")
	}
	root := gjson.ParseBytes(body)
	if context := root.Get("context"); context.IsObject() {
		root = context
	}
	if !root.IsObject() {
		return errors.New("the context is not a JSON object")
	}
	root.Get("properties").ForEach(func(k, v gjson.Result) bool {
		setField(fields, k.Str, v)
		return true
	})
	root.ForEach(func(k, v gjson.Result) bool {
		if k.Str != "properties" && (standard[k.Str] || !has(fields, k.Str)) {
			setField(fields, k.Str, v)
		}
		return true
	})
	return nil
}

// setField keeps text, and numbers and booleans as they are written. null is
// missing; lists and objects are no values.
func setField(fields map[string]string, name string, v gjson.Result) {
	switch v.Type {
	case gjson.String:
		fields[name] = v.Str
	case gjson.Number, gjson.True, gjson.False:
		fields[name] = v.Raw
	}
}

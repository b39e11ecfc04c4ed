package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// maxParameters bounds the parameters of a query: decoded each takes a hundred
// bytes and more.
const maxParameters = eval.MaxFields

// readQuery decodes a query. If ok is false, the response has been written.
func readQuery(w http.ResponseWriter, r *http.Request) (query url.Values, ok bool) {
	if strings.Count(r.URL.RawQuery, "&") >= maxParameters {
		writeError(w, http.StatusBadRequest, fmt.Sprintf("the query has more than %d parameters", maxParameters))
		return nil, false
	}
	return parseQuery(r.URL.RawQuery), true
}

// parseQuery decodes a query as URLSearchParams of JavaScript does, and so the
// worker and Unleash: it is split at & only, and no field is dropped. net/url
// drops those with a semicolon or a bad escape.
func parseQuery(raw string) url.Values {
	query := url.Values{}
	for parameter := range strings.SplitSeq(raw, "&") {
		if parameter == "" {
			continue
		}
		name, value, _ := strings.Cut(parameter, "=")
		query.Add(unescape(name), unescape(value))
	}
	return query
}

// unescape decodes a part of a query. An invalid escape is kept as it is; bytes that
// are not UTF-8 become U+FFFD.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '+':
			b.WriteByte(' ')
		case text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			b.WriteByte(fromHex(text[i+1])<<4 | fromHex(text[i+2]))
			i += 2
		default:
			b.WriteByte(text[i])
		}
	}
	if out := b.String(); utf8.ValidString(out) {
		return out
	}
	return string([]rune(b.String()))
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// fieldsOfQuery: properties[name]=value and, at the top level, any other name.
// The top level comes first (unleash-client, Node).
func fieldsOfQuery(query url.Values) eval.Context {
	fields := map[string]string{}
	for key, values := range query {
		if name, ok := propertyOf(key); ok {
			fields[name] = values[0]
		}
	}
	for key, values := range query {
		if _, ok := propertyOf(key); !ok {
			fields[key] = values[0]
		}
	}
	return eval.Context{Fields: fields}
}

// propertyOf returns the name in properties[name].
func propertyOf(key string) (name string, ok bool) {
	if name, ok = strings.CutPrefix(key, "properties["); ok {
		return strings.CutSuffix(name, "]")
	}
	return key, false
}

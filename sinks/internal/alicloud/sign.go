// Package alicloud calls Alibaba Cloud's OpenAPI: credentials, the signature
// ACS3-HMAC-SHA256, and the RPC style of its services, in which every call is
// one request to "/" that names an action. It is for every such service. OSS,
// which is not an OpenAPI, shares the credentials, the endpoints and the errors.
//
// The signature follows "V3 request structure and signature" in Alibaba
// Cloud's SDK documentation; its fixed example is one of the tests.
package alicloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "ACS3-HMAC-SHA256"
	dateLayout = "2006-01-02T15:04:05Z"
	formType   = "application/x-www-form-urlencoded"
)

// Request is what the signature of one attempt covers.
type Request struct {
	Method          string // GET or POST
	Host            string // as in the Host header, with the port if it has one
	Action, Version string
	Query           url.Values
	ContentType     string // empty when there is no body
	Body            []byte
}

// Sign returns the headers of one attempt, by their lower-case names: the
// signed ones but host, which the HTTP client writes itself, and
// authorization. now and nonce must be new for every attempt; the service
// refuses a nonce that it has seen and a date more than 15 minutes off. The
// request's query must be sent as RawQuery.
func (r Request) Sign(keys Keys, now time.Time, nonce string) map[string]string {
	headers := map[string]string{
		"x-acs-action":          r.Action,
		"x-acs-version":         r.Version,
		"x-acs-date":            now.UTC().Format(dateLayout),
		"x-acs-signature-nonce": nonce,
		"x-acs-content-sha256":  hash(r.Body),
	}
	if r.ContentType != "" {
		headers["content-type"] = r.ContentType
	}
	if !keys.SecurityToken.IsZero() {
		headers["x-acs-accesskey-id"] = keys.AccessKeyID
		headers["x-acs-security-token"] = keys.SecurityToken.Reveal()
	}
	headers["authorization"] = r.authorization(headers, keys)
	return headers
}

func (r Request) authorization(headers map[string]string, keys Keys) string {
	names := append(slices.Collect(maps.Keys(headers)), "host")
	slices.Sort(names)
	signed := strings.Join(names, ";")

	var canonical strings.Builder
	canonical.WriteString(r.Method + "\n/\n" + r.RawQuery() + "\n")
	for _, name := range names {
		value := headers[name]
		if name == "host" {
			value = r.Host
		}
		canonical.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical.WriteString("\n" + signed + "\n" + headers["x-acs-content-sha256"])

	mac := hmac.New(sha256.New, []byte(keys.AccessKeySecret.Reveal()))
	mac.Write([]byte(algorithm + "\n" + hash([]byte(canonical.String()))))
	return algorithm + " Credential=" + keys.AccessKeyID + ",SignedHeaders=" + signed +
		",Signature=" + hex.EncodeToString(mac.Sum(nil))
}

// RawQuery returns the query in its canonical form: sorted by name, encoded as
// RFC 3986 says (a space is %20, "*" is %2A, "~" stays).
func (r Request) RawQuery() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		for _, value := range slices.Sorted(slices.Values(r.Query[name])) {
			pairs = append(pairs, encode(name)+"="+encode(value))
		}
	}
	return strings.Join(pairs, "&")
}

// encode differs from url.QueryEscape in the space only: that one leaves
// exactly the unreserved characters of RFC 3986 as they are.
func encode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

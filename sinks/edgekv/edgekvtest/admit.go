package edgekvtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"
)

// admit does what the OpenAPI gateway does before an action sees a call: it
// finds the action, verifies who calls, and limits how often.
func (s *Server) admit(r *http.Request, name string, body []byte) (action, *refusal) {
	does, ok := s.product.actions[name]
	if !ok || r.URL.Path != "/" {
		return does,
			refuse(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")
	}
	if version := r.Header.Get("x-acs-version"); version != s.product.version {
		return does, refuse(404, "InvalidVersion", "Specified parameter Version is not valid.")
	}
	if r.Method != does.method {
		return does, refuse(405, "UnsupportedHTTPMethod", "This http method is not supported.")
	}
	if refused := s.verify(r, body); refused != nil {
		return does, refused
	}
	return does, s.throttle()
}

func (s *Server) throttle() *refusal {
	if s.options.CallsPerSecond == 0 {
		return nil
	}
	now := s.options.Now()
	for len(s.recent) > 0 && now.Sub(s.recent[0]) >= time.Second {
		s.recent = s.recent[1:]
	}
	if len(s.recent) >= s.options.CallsPerSecond {
		return refuse(400, "Throttling.User", "Request was denied due to user flow control.")
	}
	s.recent = append(s.recent, now)
	return nil
}

// verify checks a request against the documented steps of ACS3-HMAC-SHA256.
func (s *Server) verify(r *http.Request, body []byte) *refusal {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "ACS3-HMAC-SHA256 ")
	if !ok {
		return refuse(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	}
	claims := map[string]string{}
	for _, claim := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(claim, "=")
		claims[name] = value
	}
	secret, refused := s.account(r, claims["Credential"])
	if refused != nil {
		return refused
	}
	sent := sha256.Sum256(body)
	if r.Header.Get("x-acs-content-sha256") != hex.EncodeToString(sent[:]) {
		return refuse(400, "IncompleteSignature", "x-acs-content-sha256 is not the hash of the body.")
	}
	if missing := unsigned(r, strings.Split(claims["SignedHeaders"], ";")); missing != "" {
		return refuse(400, "IncompleteSignature", "Header "+missing+" must be signed, and names must be sorted.")
	}
	canonical := canonicalRequest(r, claims["SignedHeaders"])
	digest := sha256.Sum256([]byte(canonical))
	toSign := fmt.Sprintf("ACS3-HMAC-SHA256\n%x", digest)
	code := hmac.New(sha256.New, []byte(secret))
	_, _ = code.Write([]byte(toSign))
	claimed, err := hex.DecodeString(claims["Signature"])
	if err != nil || !hmac.Equal(claimed, code.Sum(nil)) ||
		claims["Signature"] != strings.ToLower(claims["Signature"]) {
		return refuse(400, "SignatureDoesNotMatch",
			"Specified signature is not matched with our calculation. server string to sign is:"+toSign)
	}
	return s.checkFresh(r)
}

// account finds the secret of an access key, and checks the token that belongs
// to it.
func (s *Server) account(r *http.Request, id string) (secret string, refused *refusal) {
	secret, owned := s.options.AccessKeySecret, s.options.SecurityToken
	var ends time.Time
	known := id == s.options.AccessKeyID && id != ""
	if !known && s.options.Lookup != nil {
		secret, owned, ends, known = s.options.Lookup(id)
	}
	token, tokenOf := r.Header.Get("x-acs-security-token"), r.Header.Get("x-acs-accesskey-id")
	switch {
	case !known:
		return "", refuse(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	case token != owned:
		return "",
			refuse(400, "InvalidSecurityToken.MismatchWithAccessKey",
				"Specified SecurityToken mismatch with the AccessKey.")
	case token != "" && tokenOf != id:
		return "", refuse(400, "MissingAccessKeyId", "x-acs-accesskey-id is mandatory with a security token.")
	case !ends.IsZero() && !s.options.Now().Before(ends):
		return "", refuse(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	}
	return secret, nil
}

func (s *Server) checkFresh(r *http.Request) *refusal {
	date, err := time.Parse("2006-01-02T15:04:05Z", r.Header.Get("x-acs-date"))
	if err != nil {
		return refuse(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	}
	if age := s.options.Now().Sub(date); age > 15*time.Minute || age < -15*time.Minute {
		return refuse(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	nonce := r.Header.Get("x-acs-signature-nonce")
	if nonce == "" || s.nonces[nonce] {
		return refuse(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	s.nonces[nonce] = true
	return nil
}

// unsigned returns the name of a header that must be among the signed ones
// and is not, or of one in the wrong place.
func unsigned(r *http.Request, names []string) string {
	listed := map[string]bool{}
	for i, name := range names {
		if i > 0 && name <= names[i-1] {
			return name
		}
		listed[name] = true
	}
	if !listed["host"] {
		return "host"
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if (strings.HasPrefix(name, "x-acs-") || name == "content-type") && !listed[name] {
			return name
		}
	}
	return ""
}

func canonicalRequest(r *http.Request, signedHeaders string) string {
	lines := []string{r.Method, "/", canonicalQuery(r)}
	for _, name := range strings.Split(signedHeaders, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		lines = append(lines, name+":"+strings.TrimSpace(value))
	}
	return strings.Join(append(lines, "", signedHeaders, r.Header.Get("x-acs-content-sha256")), "\n")
}

func canonicalQuery(r *http.Request) string {
	var pairs [][2]string
	for name, values := range r.URL.Query() {
		for _, value := range values {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		if pairs[i][0] != pairs[j][0] {
			return pairs[i][0] < pairs[j][0]
		}
		return pairs[i][1] < pairs[j][1]
	})
	text := ""
	for i, pair := range pairs {
		if i > 0 {
			text += "&"
		}
		text += percent(pair[0]) + "=" + percent(pair[1])
	}
	return text
}

// percent encodes all bytes but the unreserved ones of RFC 3986, section 2.3.
func percent(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		switch {
		case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9', b == '-', b == '.', b == '_', b == '~':
			out.WriteByte(b)
		default:
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	return out.String()
}

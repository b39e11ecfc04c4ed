package osstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	bucketName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	regionalHost = regexp.MustCompile(`^([^.]+)\.oss-([a-z0-9-]+)\.aliyuncs\.com$`)
)

// admit finds out which object a request is about and who asks.
func (s *Server) admit(r *http.Request) (name string, refused *refusal) {
	bucket, name, hostRegion := s.resource(r)
	if s.unbound(hostOf(r)) {
		return "", deny(404, "NoSuchBucket", "The specified bucket does not exist.", [2]string{"BucketName", hostOf(r)},
			[2]string{"EC", "0015-00000101"})
	}
	if refused := s.verify(r, bucket, name, hostRegion); refused != nil {
		return "", refused
	}
	switch {
	case !bucketName.MatchString(bucket):
		return "", deny(400, "InvalidBucketName", "The specified bucket is not valid.", [2]string{"BucketName", bucket})
	case bucket != s.options.Bucket:
		return "", deny(404, "NoSuchBucket", "The specified bucket does not exist.", [2]string{"BucketName", bucket},
			[2]string{"EC", "0015-00000101"})
	case hostRegion != "" && hostRegion != s.options.Region:
		return "", deny(403, "AccessDenied",
			"The bucket you are attempting to access must be addressed using the specified endpoint. Please send all "+
				"future requests to this endpoint.",
			[2]string{"Bucket", bucket}, [2]string{"Endpoint", "oss-" + s.options.Region + ".aliyuncs.com"},
			[2]string{"EC", "0003-00001403"})
	case s.options.NoPublicEndpoint && isPublic(hostOf(r)):
		// in words of our own
		return "",
			deny(400, "PublicEndpointForbidden", "The public endpoint of the bucket may not be used for objects.",
				[2]string{"Bucket", bucket}, [2]string{"EC", "0048-00000401"})
	case name == "" || len(name) > 1023 || !utf8.ValidString(name) || name[0] == '/' || name[0] == '\\':
		return "", deny(400, "InvalidObjectName", "The specified object is not valid.", [2]string{"ObjectName", name})
	}
	return name, nil
}

// hostOf returns the host of a request without its port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return r.Host
}

// isPublic reports whether a host is a public endpoint of a region.
func isPublic(host string) bool {
	parts := regionalHost.FindStringSubmatch(host)
	return parts != nil && !strings.HasSuffix(parts[2], "-internal")
}

// unbound reports whether a host is a domain that is bound to no bucket.
func (s *Server) unbound(host string) bool {
	return s.options.CNAME != "" && host != s.options.CNAME && !regionalHost.MatchString(host) &&
		net.ParseIP(strings.Trim(host, "[]")) == nil
}

// resource takes a request apart: the bucket is the one whose custom domain
// the host is, else the first label of a host name, or the first part of the
// path below an address. region is empty where the host names none.
func (s *Server) resource(r *http.Request) (bucket, name, region string) {
	host := hostOf(r)
	path := strings.TrimPrefix(r.URL.Path, "/")
	if host == s.options.CNAME {
		return s.options.Bucket, path, ""
	}
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		bucket, name, _ = strings.Cut(path, "/")
		return bucket, name, ""
	}
	if parts := regionalHost.FindStringSubmatch(host); parts != nil {
		return parts[1], path, strings.TrimSuffix(parts[2], "-internal")
	}
	bucket, _, _ = strings.Cut(host, ".")
	return bucket, path, ""
}

// claims are the members of the Authorization header.
func claims(r *http.Request) map[string]string {
	found := map[string]string{}
	rest, _ := strings.CutPrefix(r.Header.Get("Authorization"), "OSS4-HMAC-SHA256 ")
	for _, claim := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(claim), "=")
		found[name] = value
	}
	return found
}

// verify checks a request against the documented steps of OSS4-HMAC-SHA256.
func (s *Server) verify(r *http.Request, bucket, name, hostRegion string) *refusal {
	const malformed = "InvalidArgument"
	if !strings.HasPrefix(r.Header.Get("Authorization"), "OSS4-HMAC-SHA256 ") {
		return deny(403, "AccessDenied", "Only signatures of version 4 are accepted.") // in words of our own
	}
	made := claims(r)
	for claim := range made {
		if claim != "Credential" && claim != "AdditionalHeaders" && claim != "Signature" {
			return deny(400, malformed, "Invalid signing information in Authorization header.",
				[2]string{"EC", "0002-00000204"})
		}
	}
	scope := strings.Split(made["Credential"], "/")
	if len(scope) != 5 || scope[3] != "oss" || scope[4] != "aliyun_v4_request" {
		return deny(400, malformed, "Invalid credential in Authorization header.", [2]string{"EC", "0002-00000213"})
	}
	region := hostRegion
	if region == "" {
		region = s.options.Region
	}
	if scope[2] != region {
		return deny(400, malformed, "Invalid signing region in Authorization header.", [2]string{"EC", "0002-00000226"})
	}
	if r.Header.Get("x-oss-content-sha256") != "UNSIGNED-PAYLOAD" {
		return deny(400, malformed, "x-oss-content-sha256 must be UNSIGNED-PAYLOAD.")
	}
	secret, refused := s.account(r, scope[0])
	if refused != nil {
		return refused
	}
	stamp, at, refused := s.stamp(r)
	if refused != nil {
		return refused
	}
	if scope[1] != at.Format("20060102") {
		return deny(400, malformed, "Invalid signing date in Authorization header.", [2]string{"EC", "0002-00000212"})
	}
	additional := made["AdditionalHeaders"]
	if bad := badAdditional(r, additional); bad != "" {
		return deny(400, malformed, "Additional header "+bad+" must be sent, sorted and in lower case.")
	}
	canonical := canonicalRequest(r, bucket, name, additional)
	digest := sha256.Sum256([]byte(canonical))
	toSign := fmt.Sprintf("OSS4-HMAC-SHA256\n%s\n%s\n%x", stamp, strings.Join(scope[1:], "/"), digest)
	key := []byte("aliyun_v4" + secret)
	for _, part := range append(scope[1:], toSign) {
		code := hmac.New(sha256.New, key)
		_, _ = code.Write([]byte(part))
		key = code.Sum(nil)
	}
	if made["Signature"] != hex.EncodeToString(key) {
		return deny(403, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and "+
				"signing method.",
			[2]string{"OSSAccessKeyId", scope[0]}, [2]string{"SignatureProvided", made["Signature"]},
			[2]string{"StringToSign", toSign}, [2]string{"CanonicalRequest", canonical},
			[2]string{"EC", "0002-00000201"})
	}
	return nil
}

// account finds the secret of an access key, and checks the token that belongs
// to it.
func (s *Server) account(r *http.Request, id string) (secret string, refused *refusal) {
	secret, token := s.options.AccessKeySecret, s.options.SecurityToken
	var ends time.Time
	known := id == s.options.AccessKeyID && id != ""
	if !known && s.options.Lookup != nil {
		secret, token, ends, known = s.options.Lookup(id)
	}
	switch {
	case !known:
		return "", deny(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.",
			[2]string{"OSSAccessKeyId", id}, [2]string{"EC", "0002-00000902"})
	case r.Header.Get("x-oss-security-token") != token:
		return "", deny(403, "InvalidSecurityToken", "The security token you provided is invalid.",
			[2]string{"EC", "0002-00000006"})
	case !ends.IsZero() && !s.options.Now().Before(ends):
		return "", deny(403, "SecurityTokenExpired", "The security token you provided has expired.",
			[2]string{"EC", "0002-00000007"})
	}
	return secret, nil
}

// stamp returns the time that was signed, as it was written.
func (s *Server) stamp(r *http.Request) (text string, at time.Time, refused *refusal) {
	text, layout := r.Header.Get("x-oss-date"), "20060102T150405Z"
	if text == "" {
		text, layout = r.Header.Get("Date"), http.TimeFormat
	}
	at, err := time.Parse(layout, text)
	if err != nil {
		return "", at,
			deny(403, "AccessDenied", "OSS authentication requires a valid Date.", [2]string{"EC", "0002-00000501"})
	}
	if age := s.options.Now().Sub(at); age > 15*time.Minute || age < -15*time.Minute {
		return "", at,
			deny(403, "RequestTimeTooSkewed",
				"The difference between the request time and the current time is too large.",
				[2]string{"MaxAllowedSkewMilliseconds", "900000"}, [2]string{"RequestTime", at.Format(time.RFC3339)},
				[2]string{"EC", "0002-00000504"})
	}
	return text, at, nil
}

// badAdditional returns the first of the additional headers that is out of
// order, or absent, or signed anyhow.
func badAdditional(r *http.Request, list string) string {
	if list == "" {
		return ""
	}
	previous := ""
	for _, name := range strings.Split(list, ";") {
		if name <= previous || name != strings.ToLower(name) || signedAnyhow(name) || name != "host" &&
			r.Header.Get(name) == "" {
			return name
		}
		previous = name
	}
	return ""
}

func signedAnyhow(name string) bool {
	return name == "content-type" || name == "content-md5" || strings.HasPrefix(name, "x-oss-")
}

func canonicalRequest(r *http.Request, bucket, name, additional string) string {
	lines := []string{r.Method, percent("/" + bucket + "/" + name), canonicalQuery(r.URL.RawQuery)}
	var headers []string
	add := func(name, value string) { headers = append(headers, name+":"+strings.Trim(value, " ")) }
	for header := range r.Header {
		if signedAnyhow(strings.ToLower(header)) {
			add(strings.ToLower(header), r.Header.Get(header))
		}
	}
	for _, header := range strings.Split(additional, ";") {
		switch header {
		case "":
		case "host":
			add(header, r.Host)
		default:
			add(header, r.Header.Get(header))
		}
	}
	sort.Slice(headers, func(i, j int) bool {
		a, _, _ := strings.Cut(headers[i], ":")
		b, _, _ := strings.Cut(headers[j], ":")
		return a < b
	})
	lines = append(append(lines, headers...), "", additional, r.Header.Get("x-oss-content-sha256"))
	return strings.Join(lines, "\n")
}

func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs []string
	for _, pair := range strings.Split(raw, "&") {
		name, value, has := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		text := strings.ReplaceAll(percent(name), "/", "%2F")
		if has && value != "" {
			text += "=" + strings.ReplaceAll(percent(value), "/", "%2F")
		}
		pairs = append(pairs, text)
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "&")
}

// percent encodes all bytes but the unreserved ones of RFC 3986, section 2.3,
// and the slash.
func percent(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		switch {
		case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9', strings.IndexByte("-._~/", b) >= 0:
			out.WriteByte(b)
		default:
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	return out.String()
}

package alicloudtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"
)

// STS answers AssumeRoleWithOIDC of the version 2015-04-01. It is an
// http.Handler, safe for concurrent use.
type STS struct {
	queue
	issuer         *Issuer
	role, provider string

	tokens sync.Mutex
	token  string
	nonces map[string]bool
}

// NewSTS returns one that has a role, which trusts an OIDC provider, which
// trusts a token.
func NewSTS(issuer *Issuer, role, provider, token string) *STS {
	return &STS{issuer: issuer, role: role, provider: provider, token: token, nonces: map[string]bool{}}
}

// Trust makes another token the only good one.
func (s *STS) Trust(token string) {
	s.tokens.Lock()
	defer s.tokens.Unlock()
	s.token = token
}

// ServeHTTP answers one call.
func (s *STS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	fault, faulty := s.next()
	if status, code, message := s.refuses(r, string(body)); code != "" {
		refuse(w, status, code, message)
		return
	}
	switch {
	case faulty && fault.Code == "":
		fault.page(w)
	case faulty:
		refuse(w, fault.Status, fault.Code, fault.Message)
	default:
		answer(w, http.StatusOK, map[string]any{
			"AssumedRoleUser": map[string]string{
				"Arn": s.role + "/flagcast", "AssumedRoleId": "33157794895460****:flagcast",
			},
			"OIDCTokenInfo": map[string]string{"ClientIds": "sts.aliyuncs.com"},
			"Credentials":   s.issuer.issue(),
		})
	}
}

var sessionName = regexp.MustCompile(`^[A-Za-z0-9.@_-]{2,64}$`)

// refuses checks a call; code is empty when it is good.
func (s *STS) refuses(r *http.Request, body string) (status int, code, message string) {
	query, form := r.URL.Query(), url.Values{}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, _ = url.ParseQuery(body)
	}
	s.tokens.Lock()
	defer s.tokens.Unlock()
	at, err := time.Parse("2006-01-02T15:04:05Z", query.Get("Timestamp"))
	nonce := query.Get("SignatureNonce")
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/" || query.Get("Action") != "AssumeRoleWithOIDC":
		return 404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."
	case query.Get("Version") != "2015-04-01":
		return 404, "InvalidVersion", "Specified parameter Version is not valid."
	case r.Header.Get("Authorization") != "" || len(query) != 5 || query.Get("Format") != "JSON" || len(form) != 4:
		return 400, "InvalidParameter", "The specified parameter is invalid."
	case err != nil || time.Since(at).Abs() > 15*time.Minute:
		return 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
	case nonce == "" || s.nonces[nonce]:
		return 400, "SignatureNonceUsed", "Specified signature nonce was used already."
	case !sessionName.MatchString(form.Get("RoleSessionName")):
		return 400, "InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed."
	}
	s.nonces[nonce] = true
	switch {
	case form.Get("RoleArn") != s.role:
		return 404, "EntityNotExist.Role", "The role not exists: " + form.Get("RoleArn") + "."
	case form.Get("OIDCProviderArn") != s.provider:
		return 400, "AuthenticationFail.NoPermission", "No such OIDC Provider registered."
	case form.Get("OIDCToken") != s.token:
		return 400, "AuthenticationFail.OIDCToken.Invalid", "This JSON Web Token is invalid: " + form.Get("OIDCToken")
	}
	return 0, "", ""
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{
		"HostId": "sts.test", "Code": code, "Message": message, "Recommend": "see the error table",
	})
}

func answer(w http.ResponseWriter, status int, members map[string]any) {
	members["RequestId"] = "6894B13B-6D71-4EF5-88FA-F32781734A7F"
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(members)
}

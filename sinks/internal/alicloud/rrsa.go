package alicloud

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/untrusted"
)

const (
	assumeRole = "AssumeRoleWithOIDC"
	stsVersion = "2015-04-01"
	// tokenBytes is the largest token that STS accepts.
	tokenBytes = 20_000
	// stsTimeout and stsAttempts leave a call of a sink, which may wait for
	// this, half of its minute.
	stsTimeout  = 8 * time.Second
	stsAttempts = 3
	// keysBytes bounds an answer that holds keys or an error.
	keysBytes = 64 << 10
)

// rrsa assumes a role with the token that Kubernetes gives a pod ("RAM Roles
// for Service Accounts" of ACK). The call to STS is not signed: the token identifies the
// caller.
type rrsa struct {
	config   Config // resolved
	endpoint *url.URL
	client   *http.Client
}

func newRRSA(c Config, base http.RoundTripper) *rrsa {
	endpoint, _ := ParseEndpoint(c.STSEndpoint, exampleSTS)
	return &rrsa{c, endpoint, httpclient.NewClient(httpclient.Options{
		Base: stamped{base}, Timeout: stsTimeout, Attempts: stsAttempts, RetryStatus: retryStatus,
	})}
}

// stamped gives each attempt a time and a nonce of its own, which the OpenAPI requires
// also of calls without a signature.
type stamped struct{ base http.RoundTripper }

func (s stamped) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.RawQuery = url.Values{
		"Action": {assumeRole}, "Version": {stsVersion}, "Format": {"JSON"},
		"Timestamp": {time.Now().UTC().Format(dateLayout)}, "SignatureNonce": {rand.Text()},
	}.Encode()
	return s.base.RoundTrip(r)
}

func (r *rrsa) fetch(ctx context.Context) (Keys, time.Time, error) {
	var none time.Time
	token, err := r.token()
	if err != nil {
		return Keys{}, none, err
	}
	form := url.Values{
		"RoleArn": {r.config.RoleARN}, "OIDCProviderArn": {r.config.OIDCProviderARN},
		"RoleSessionName": {r.config.RoleSessionName}, "OIDCToken": {token.Reveal()},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint.String()+"/",
		strings.NewReader(form.Encode()))
	if err != nil {
		return Keys{}, none, Cause(err)
	}
	request.Header.Set("Content-Type", formType)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "flagcast")
	response, err := r.client.Do(request)
	if err != nil {
		return Keys{}, none,
			fmt.Errorf("call STS at %q: %w: inside a VPC without a way out, set credentials.sts_endpoint to its own, "+
				"such as %q", r.endpoint.Host, Cause(err), exampleSTS)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := untrusted.ReadBody(response, keysBytes)
	if err != nil {
		return Keys{}, none, fmt.Errorf("read the answer of STS: %w", err)
	}
	if response.StatusCode >= 300 {
		return Keys{}, none, r.refused(response.StatusCode, body, token)
	}
	var answer struct{ Credentials temporary }
	if err := json.Unmarshal(body, &answer); err != nil {
		return Keys{}, none, fmt.Errorf("read the answer of STS at %q: it is not JSON", r.endpoint.Host)
	}
	keys, ends, err := answer.Credentials.keys()
	if err != nil {
		return Keys{}, none, fmt.Errorf("call STS at %q: %w", r.endpoint.Host, err)
	}
	return keys, ends, nil
}

// token reads the pod's token, which Kubernetes renews in its file.
func (r *rrsa) token() (secret.Secret, error) {
	for _, setting := range []struct{ value, key, variable string }{
		{r.config.RoleARN, "role_arn", variableRole},
		{r.config.OIDCProviderARN, "oidc_provider_arn", variableProvider},
		{r.config.OIDCTokenFile, "oidc_token_file", variableToken},
	} {
		if setting.value == "" {
			return secret.Secret{}, &permanentError{
				fmt.Sprintf("credentials.%s is not set, nor is the variable %s", setting.key, setting.variable),
				"set one, or let ack-pod-identity-webhook do it (namespace label " +
					"pod-identity.alibabacloud.com/injection=on, annotation pod-identity.alibabacloud.com/role-name " +
					"of the service account, then a new pod)", nil,
			}
		}
	}
	path := r.config.OIDCTokenFile
	content, err := untrusted.ReadFile(path, 4*tokenBytes)
	text := strings.TrimSpace(string(content))
	const remedy = "mount the service account's token there, a projected volume with the audience sts.aliyuncs.com, " +
		"as ack-pod-identity-webhook does for new pods"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return secret.Secret{}, &permanentError{fmt.Sprintf("token file %q is absent", path), remedy, err}
	case err != nil:
		return secret.Secret{}, &permanentError{
			fmt.Sprintf("read the token file: %v", err), "let this process read it", err,
		}
	case text == "" || len(text) > tokenBytes:
		return secret.Secret{}, &permanentError{
			fmt.Sprintf("token file %q has %d bytes, which is not a token", path, len(text)), remedy, nil,
		}
	}
	return secret.New(text), nil
}

// refused returns the error of a response of STS.
func (r *rrsa) refused(status int, body []byte, token secret.Secret) error {
	failed := errorOf(status, body)
	failed.Action = assumeRole
	failed.redact(Keys{SecurityToken: token})
	if failed.MayPass() {
		return failed
	}
	return &permanentError{failed.Error(), r.hint(failed), failed}
}

// hint says what a person can do ("Error messages and solutions" of RRSA in
// the documentation of ACK; errors of STS).
func (r *rrsa) hint(e *Error) string {
	is := func(prefix string) bool { return strings.HasPrefix(e.Code, prefix) }
	const rebuild = "enable RRSA for the cluster and make the pod again, and check credentials.oidc_provider_arn"
	switch {
	case is("EntityNotExist.Role"):
		return fmt.Sprintf("create the role %q, or check credentials.role_arn", r.config.RoleARN)
	case is("EntityNotExist"), strings.Contains(e.Message, "OIDC Provider"):
		return fmt.Sprintf("the OIDC provider %q is not registered: %s", r.config.OIDCProviderARN, rebuild)
	case is("AuthenticationFail.OIDCToken.Expired"):
		return fmt.Sprintf("the token in %q has ended: it must be one that Kubernetes renews, and the clock must be "+
			"right", r.config.OIDCTokenFile)
	case is("AuthenticationFail.OIDCToken.AudienceNotMatch"):
		return "the audience of the projected token must be sts.aliyuncs.com"
	case is("AuthenticationFail.OIDCToken"):
		return fmt.Sprintf("the OIDC provider %q does not trust this token: %s", r.config.OIDCProviderARN, rebuild)
	case is("AuthenticationFail"), is("NoPermission"), is("ImplicitDeny"):
		return fmt.Sprintf("the role %q does not trust this pod: give it a trust policy with the OIDC provider %q, "+
			"the audience sts.aliyuncs.com and the service account (flagcast permissions prints it)", r.config.RoleARN,
			r.config.OIDCProviderARN)
	case is("InvalidParameter"):
		return "check role_arn, oidc_provider_arn and role_session_name under credentials"
	case e.Status == http.StatusProxyAuthRequired:
		return "check proxy: it wants a user and a password"
	}
	return "check credentials.sts_endpoint and the settings of type rrsa"
}

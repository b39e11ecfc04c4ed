package alicloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
)

const (
	// metadata is the same address on every instance.
	metadata     = "http://100.100.100.200/latest/"
	roles        = "meta-data/ram/security-credentials/"
	sessionLasts = "60" // seconds, for the two requests that follow
	// The service answers at once or is not there.
	metadataTimeout  = 2 * time.Second
	metadataAttempts = 3

	elsewhere = "where there is none, since this is not an ECS instance, set another credentials.type"
)

// ecs asks the metadata service of an ECS instance for the keys of its role,
// in its hardened mode alone: each request carries a token that a PUT gave.
type ecs struct {
	role   string // empty: the one that the instance has
	client *http.Client
}

func newECS(c Config, base http.RoundTripper) *ecs {
	if t, ok := base.(*http.Transport); ok {
		t = t.Clone()
		t.Proxy = nil // the address means another machine to a proxy
		base = t
	}
	return &ecs{
		c.RoleName, httpclient.NewClient(httpclient.Options{
			Base: base, Timeout: metadataTimeout, Attempts: metadataAttempts,
		}),
	}
}

func (e *ecs) fetch(ctx context.Context) (Keys, time.Time, error) {
	var none time.Time
	status, session, err := e.ask(ctx, http.MethodPut, "api/token", "X-aliyun-ecs-metadata-token-ttl-seconds",
		sessionLasts)
	if err != nil {
		return Keys{}, none, err
	}
	if status != http.StatusOK {
		return Keys{}, none,
			answered(status, "a token", "on an ECS instance, allow it in its hardened mode; "+elsewhere)
	}
	role := e.role
	if role == "" {
		status, list, err := e.ask(ctx, http.MethodGet, roles, "X-aliyun-ecs-metadata-token", session)
		if err != nil {
			return Keys{}, none, err
		}
		role, _, _ = strings.Cut(strings.TrimSpace(list), "\n")
		if status == http.StatusNotFound || status == http.StatusOK && role == "" {
			return Keys{}, none, &permanentError{
				"no RAM role is attached to this instance", "attach one that trusts ecs.aliyuncs.com", nil,
			}
		}
		if status != http.StatusOK {
			return Keys{}, none, answered(status, "the name of the role", "set credentials.role_name")
		}
	}
	status, text, err := e.ask(ctx, http.MethodGet, roles+strings.TrimSpace(role), "X-aliyun-ecs-metadata-token",
		session)
	if err != nil {
		return Keys{}, none, err
	}
	if status != http.StatusOK {
		return Keys{}, none,
			answered(status, fmt.Sprintf("keys of the role %q", role),
				"attach that role to this instance, or check credentials.role_name")
	}
	var answer struct {
		Code string
		temporary
	}
	if json.Unmarshal([]byte(text), &answer) != nil || answer.Code != "Success" {
		return Keys{}, none, fmt.Errorf("ask the metadata service for keys of the role %q: it answered %q", role,
			Redact(answer.Code, Keys{}))
	}
	keys, ends, err := answer.keys()
	if err != nil {
		err = fmt.Errorf("ask the metadata service for keys of the role %q: %w", role, err)
	}
	return keys, ends, err
}

// ask makes one request of the metadata service.
func (e *ecs) ask(ctx context.Context, method, path, header, value string) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, metadata+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set(header, value)
	response, err := e.client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("ask the metadata service: %w: "+elsewhere, Cause(err))
	}
	defer func() { _ = response.Body.Close() }()
	body, err := untrusted.ReadBody(response, keysBytes)
	if err != nil {
		return 0, "", fmt.Errorf("read the answer of the metadata service: %w", err)
	}
	return response.StatusCode, string(body), nil
}

// answered is the error of a request that the metadata service refused.
func answered(status int, what, remedy string) error {
	text := fmt.Sprintf("ask the metadata service for %s: it answered %d %s", what, status, http.StatusText(status))
	if status >= 500 || status == http.StatusTooManyRequests {
		return errors.New(text)
	}
	return &permanentError{text, remedy, nil}
}

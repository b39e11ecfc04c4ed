package usage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// statusError is a response of upstream that is not a success.
type statusError struct {
	url        string
	status     int
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("POST %s: %d %s", e.url, e.status, http.StatusText(e.status))
	switch {
	case e.status == http.StatusUnauthorized:
		text += ": upstream does not know the token"
	case e.status == http.StatusForbidden:
		text += ": is it a frontend token? A backend (client) token is needed"
	case e.status == http.StatusNotFound:
		text += ": upstream accepts no reports at this path; is upstream.url the address of Unleash, without /api?"
	case e.status/100 == 3:
		text += ": upstream redirects"
	}
	return text
}

// unreadable reports whether upstream refuses the content or the size of a report.
// Sending it again would not help.
func unreadable(err error) bool {
	var refused *statusError
	return errors.As(err, &refused) &&
		(refused.status == http.StatusBadRequest || refused.status == http.StatusRequestEntityTooLarge)
}

func (e *environment) tokenInUse() edgecore.Token {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tokens[e.token]
}

// refused goes on to the next token, unless the one that upstream refused was replaced.
func (e *environment) refused(token edgecore.Token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tokens[e.token] == token {
		e.token = (e.token + 1) % len(e.tokens)
	}
}

// post sends one report with a token of the environment: upstream accepts only rows of
// that environment.
func (c *Collector) post(ctx context.Context, e *environment, content []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(content))
	if err != nil {
		return err
	}
	h := request.Header
	h.Set("Content-Type", "application/json")
	h.Set("Unleash-AppName", c.self.AppName)
	h.Set("Unleash-InstanceId", c.self.InstanceID)
	h.Set("User-Agent", "flagcast/"+c.options.Version)
	for name, value := range c.options.Headers {
		h.Set(name, value.Reveal())
	}
	token := e.tokenInUse()
	h.Set("Authorization", token.Secret.Reveal())
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection is reused
	if response.StatusCode/100 == 2 {
		return nil
	}
	if response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden {
		e.refused(token)
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return &statusError{
		url: c.url, status: response.StatusCode, retryAfter: time.Duration(min(max(seconds, 0), 3600)) * time.Second,
	}
}

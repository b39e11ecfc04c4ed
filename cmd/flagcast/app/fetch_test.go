package app

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/upstream"
	"github.com/flagcast/flagcast/internal/secret"
)

// transport answers without a network.
type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestFetchEndsWithARefusal: a command ends with the first answer that upstream
// will give again, and asks on after one that may pass.
func TestFetchEndsWithARefusal(t *testing.T) {
	for name, codes := range map[string][]int{
		"at once":                {http.StatusNotFound},
		"after an answer to try": {http.StatusBadGateway, http.StatusBadGateway, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				var last time.Time
				base := transport(func(r *http.Request) *http.Response {
					code := codes[min(asked, len(codes)-1)]
					asked++
					last = time.Now()
					return &http.Response{
						StatusCode: code, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader("")),
					}
				})
				log := slog.New(slog.DiscardHandler)
				poll, err := upstream.NewServer(upstream.Options{
					URL: "http://unleash.test", Environment: "e", Interval: 15 * time.Second, Timeout: 10 * time.Second,
					Tokens: []edgecore.Token{{Secret: secret.New("*:e.x"), Environment: "e"}}, Base: base, Log: log,
				})
				if err != nil {
					t.Fatal(err)
				}
				c := &App{
					Config: &config.Config{}, Log: log, Store: state.New(state.Options{Log: log}),
					Feeds: map[edgecore.Environment]upstream.Feed{"e": poll},
				}
				err = c.Fetch(t.Context(), []edgecore.Environment{"e"})
				var status *upstream.StatusError
				if !errors.As(err, &status) || status.Status != http.StatusNotFound {
					t.Errorf("%v, want the refusal", err)
				}
				if late := time.Since(last); late > 0 || asked != len(codes) {
					t.Errorf("it ended %s after answer %d, want %d answers and no delay", late, asked, len(codes))
				}
			})
		})
	}
}

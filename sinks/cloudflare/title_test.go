package cloudflare

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/cloudflare/cloudflaretest"
	"github.com/flagcast/flagcast/sinks/sinktest"
)

func TestTitleInsteadOfAnID(t *testing.T) {
	tests := map[string]struct {
		namespace string
		options   cloudflaretest.Options
		calls     int // for a put, a get, a delete, and two calls for many
		text      string
	}{
		"in an address": {
			"flags",
			cloudflaretest.Options{Title: "flags"},
			6,
			`code 10011: malformed namespace id; "flags" is the title of namespace fedcba9876543210fedcba9876543210: ` +
				`write that id`,
		},
		"in none": {
			"my flags/2",
			cloudflaretest.Options{Title: "my flags/2"},
			1,
			`namespace is not an id; "my flags/2" is the title of namespace fedcba9876543210fedcba9876543210: write ` +
				`that id`,
		},
		"up": {"..", cloudflaretest.Options{}, 1, `namespace ".." looks like a title`},
		"of no namespace": {
			"flags",
			cloudflaretest.Options{Title: "flag"},
			6,
			`code 10011: malformed namespace id; namespace "flags" looks like a title: the id is needed`,
		},
		"not allowed": {
			"flags",
			cloudflaretest.Options{Title: "flags", HideNamespaces: true},
			6,
			`code 10011: malformed namespace id; namespace "flags" looks like a title: the id is needed`,
		},
		"like an id": {
			strings.Repeat("ab", 16),
			cloudflaretest.Options{Title: strings.Repeat("ab", 16)},
			6,
			`code 10013: namespace not found; "abababababababababababababababab" is the title of namespace ` +
				`fedcba9876543210fedcba9876543210: write that id`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := cloudflaretest.New(t, tt.options)
			c := config(server)
			c.Namespace = tt.namespace
			s, err := open(c, httpclient.Options{Base: sinktest.Transport(server), Attempts: 1})
			if err != nil {
				t.Fatal(err)
			}
			_, getErr := s.Get(t.Context(), "k")
			errs := []error{put(t, s), getErr, s.Delete(t.Context(), "k")}
			errs = append(errs, s.PutBatch(t.Context(), objects(2, 10))...)
			_, getErrs := s.GetBatch(t.Context(), []sinks.Key{"k", "l"})
			for _, err := range append(errs, getErrs...) {
				if !errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrAmbiguous) ||
					errors.Is(err, sinks.ErrNotFound) || !strings.Contains(fmt.Sprint(err), tt.text) {
					t.Errorf("got %v, want %q", err, tt.text)
				}
			}
			if n := len(server.Calls()); n != tt.calls {
				t.Errorf("%d calls, want %d, one of them the list: %q", n, tt.calls, server.Calls())
			}
		})
	}
}

// TestTitleIsAskedForAgain when the list could not be had for now.
func TestTitleIsAskedForAgain(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{Title: "my flags"})
	c := config(server)
	c.Namespace = "my flags"
	s, err := open(c, httpclient.Options{Base: sinktest.Transport(server), Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []cloudflaretest.Fault{
		cloudflaretest.BadGateway(), cloudflaretest.TooManyRequests(""), cloudflaretest.Reset(false),
		cloudflaretest.Answer(200, "ok"), cloudflaretest.Refuse(200, 10001, "service temporarily unavailable"),
	} {
		server.Fail(fault)
		if err := put(t, s); !errors.Is(err, sinks.ErrPermanent) ||
			!strings.Contains(err.Error(), "looks like a title") {
			t.Errorf("got %v", err)
		}
	}
	if err := put(t, s); err == nil || !strings.Contains(err.Error(), "write that id") {
		t.Errorf("after the faults: %v", err)
	}
}

// TestTitleThatCannotBeRouted: the API may not get as far as the namespace.
func TestTitleThatCannotBeRouted(t *testing.T) {
	server := cloudflaretest.New(t, cloudflaretest.Options{Title: "flags"})
	server.Fail(cloudflaretest.Refuse(400, 7003, "Could not route"))
	c := config(server)
	c.Namespace = "flags"
	if err := put(t, quick(t, c)); !errors.Is(err, sinks.ErrPermanent) ||
		!strings.Contains(err.Error(), `code 7003: Could not route; "flags" is the title of namespace `+
			server.Namespace) {
		t.Errorf("got %v", err)
	}
}

package access_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/internal/secret"
)

func TestTickets(t *testing.T) {
	parse := func(text string) edgecore.Token {
		token, err := edgecore.ParseToken(secret.New(text))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const text = "*:production.frontend"
	frontend := []edgecore.Token{parse(text), parse("*:production.other")}
	a := access.New(access.Options{Frontend: frontend, Backend: []edgecore.Token{parse("*:production.backend")}})
	replica := access.New(access.Options{Frontend: frontend})
	now := time.Date(2026, 12, 1, 12, 10, 0, 0, time.UTC)
	ticket := a.Ticket("Bearer "+text, now)
	if ticket == "" || strings.Contains(ticket, "frontend") || a.Ticket("", now) != "" {
		t.Fatalf("ticket %q", ticket)
	}
	if again := a.Ticket(text, now.Add(15*time.Minute)); again != ticket {
		t.Errorf("%s and %s: a browser would connect again", ticket, again)
	}
	for _, one := range []*access.Access{a, replica} { // any replica
		holder, err := one.Redeem(ticket, now.Add(30*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if scope, err := one.Holds(holder, access.Frontend, now); err != nil || scope.Environment != "production" {
			t.Errorf("%+v %v", scope, err)
		}
		if _, err := one.Holds(holder, access.Client, now); !errors.Is(err, access.ErrUnauthorized) {
			t.Errorf("a frontend token as one of the client API: %v", err)
		}
	}
	stranger := access.New(access.Options{})
	if _, err := stranger.Redeem(ticket, now); !errors.Is(err, access.ErrUnauthorized) {
		t.Errorf("a process that does not have the token: %v", err)
	}
	if _, err := a.Redeem(ticket, now.Add(time.Hour)); !errors.Is(err, access.ErrUnauthorized) {
		t.Errorf("an hour later: %v", err)
	}
	signed, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed { // every bit counts
		forged := append([]byte{}, signed...)
		forged[i] ^= 1
		if _, err := a.Redeem(base64.RawURLEncoding.EncodeToString(forged), now); !errors.Is(err,
			access.ErrUnauthorized) {
			t.Errorf("byte %d is not checked: %v", i, err)
		}
	}
	for _, wrong := range []string{"", "x", ticket[1:], ticket + "A", strings.Repeat("A", 1<<16), text} {
		if _, err := a.Redeem(wrong, now); !errors.Is(err, access.ErrUnauthorized) {
			t.Errorf("%.20q: %v", wrong, err)
		}
	}
	holder, _ := a.Redeem(a.Ticket("*:production.backend", now), now)
	if _, err := a.Holds(holder, access.Client, now); err != nil {
		t.Error(err)
	}
	a.SetBackend(nil) // revoked
	if _, err := a.Holds(holder, access.Client, now); !errors.Is(err, access.ErrUnauthorized) {
		t.Errorf("a token that was revoked: %v", err)
	}
}

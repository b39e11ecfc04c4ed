package access

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// A ticket is for an address, where a token must not be: browsers send no headers with an
// event stream. It has the start of the token's SHA-256, when it expires, and an HMAC with
// the whole SHA-256 as its key. Every process that has seen the token can check it, and
// the token cannot be found by it.
const (
	selectorBytes = 9
	macBytes      = 16
	// Tickets of one token are the same for ticketStep, so that a browser that gets a
	// further one keeps its stream, and are valid for that long at least.
	ticketStep = 30 * time.Minute
)

// Holder is the token of a ticket.
type Holder struct{ token digest }

// String is the start of the token's SHA-256, in hexadecimal digits.
func (h Holder) String() string { return hex.EncodeToString(h.token[:8]) }

// Ticket returns a ticket for the token in an Authorization header, valid for 30 to 60
// minutes. "": there is no token.
func (a *Access) Ticket(authorization string, now time.Time) string {
	text := tokenOf(authorization)
	if text == "" {
		return ""
	}
	token := digestOf(text)
	expires := now.Truncate(ticketStep).Add(2 * ticketStep)
	return base64.RawURLEncoding.EncodeToString(sign(token, uint32(expires.Unix())))
}

func sign(token digest, expires uint32) []byte {
	body := binary.BigEndian.AppendUint32(token[:selectorBytes:selectorBytes], expires)
	mac := hmac.New(sha256.New, token[:])
	_, _ = mac.Write([]byte("flagcast ticket for an event stream"))
	_, _ = mac.Write(body)
	return append(body, mac.Sum(nil)[:macBytes]...)
}

// Redeem returns the holder of a ticket, or ErrUnauthorized for one that is not valid, has
// expired, or is of a token that this process has not seen.
func (a *Access) Redeem(ticket string, now time.Time) (Holder, error) {
	signed, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil || len(signed) != selectorBytes+4+macBytes {
		return Holder{}, ErrUnauthorized
	}
	expires := binary.BigEndian.Uint32(signed[selectorBytes:])
	if now.Unix() >= int64(expires) {
		return Holder{}, ErrUnauthorized
	}
	for _, token := range a.selected(signed[:selectorBytes]) {
		if hmac.Equal(sign(token, expires), signed) {
			return Holder{token}, nil
		}
	}
	return Holder{}, ErrUnauthorized
}

// selected returns the known tokens whose digests begin with a selector.
func (a *Access) selected(selector []byte) (tokens []digest) {
	for token := range *a.configured.Load() {
		if bytes.HasPrefix(token[:], selector) {
			tokens = append(tokens, token)
		}
	}
	if c := a.validated; c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		for token := range c.valid {
			if bytes.HasPrefix(token[:], selector) {
				tokens = append(tokens, token)
			}
		}
	}
	return tokens
}

// Holds returns the scope of a holder's token, as it is known now, or ErrUnauthorized. It
// makes no calls: requests with the token itself keep what is known up to date.
func (a *Access) Holds(h Holder, kind Kind, now time.Time) (Scope, error) {
	if info, ok := (*a.configured.Load())[h.token]; ok && info.Kind == kind {
		return info.Scope, nil
	}
	if c := a.validated; c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		e, ok := c.valid[h.token]
		if ok && e.info.Kind == kind && now.Before(e.expires.Add(c.validFor)) && a.covers(&e.info) {
			return e.info.Scope, nil
		}
	}
	return Scope{}, ErrUnauthorized
}

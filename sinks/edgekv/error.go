package edgekv

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// Codes that the sink acts on (error tables of both APIs).
const (
	codeNoKey           = "InvalidKey.NotFound"
	codeNoNamespace     = "InvalidNameSpace.NotFound"
	codeNamespaceExists = "InvalidNameSpace.Duplicate"
	codeValueTooLarge   = "InvalidValue.ExceedsMaximum"
)

func isCode(err error, code string) bool {
	answer, ok := errors.AsType[*alicloud.Error](err)
	return ok && answer.Code == code
}

// failed says what was done where, why it failed and what helps, and sorts the
// error as the contract of sinks.Sink wants it. A nil error stays nil.
func (s *Sink) failed(verb string, o operation, key sinks.Key, err error) error {
	if err == nil {
		return nil
	}
	f := &sinks.CallError{Text: fmt.Sprintf("%s %q in %s: %v", verb, key, s, err), Causes: []error{err}}
	answer, ok := errors.AsType[*alicloud.Error](err)
	if !ok {
		return f
	}
	if answer.MaybeApplied && (o == s.dialect.put || o == s.dialect.batch) && answer.Action == o.action {
		f.Text += ": outcome unknown"
		f.Causes = append(f.Causes, sinks.ErrAmbiguous)
	}
	if !answer.MayPass() {
		f.Causes = append(f.Causes, sinks.ErrPermanent)
		if hint := s.dialect.hint(answer); hint != "" {
			f.Advice = hint
			f.Text += ": " + hint
		}
	}
	return f
}

// Advice says what a person can do about a permanent error.
func (d dialect) hint(e *alicloud.Error) string {
	is := func(prefixes ...string) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(e.Code, prefix) {
				return true
			}
		}
		return false
	}
	switch {
	case e.Status == 0:
		return "" // the credentials say it themselves
	case is(codeNoNamespace):
		return "create the namespace, or set create_namespace: true"
	case is("InvalidNameSpace.QuotaFull"):
		return "delete a namespace that is not used, name an existing one, or ask for a larger quota"
	case is("InvalidKey.ExceedsCapacity"):
		return "a namespace holds 1 GB: delete keys that are not read, or use another namespace"
	case is("InvalidTimeStamp"):
		return "set the clock of this machine: it may be 15 minutes off at most"
	case is("InvalidSecurityToken", "MissingSecurityToken"):
		return "renew the temporary keys under credentials (type: sts), or set the clock: they have expired or do " +
			"not belong together"
	case is("InvalidAccessKeyId"):
		return "check credentials.access_key_id, and site: an account of the China site (cn) does not exist on the " +
			"international one (intl)"
	case is("SignatureDoesNotMatch", "IncompleteSignature"):
		return "check credentials.access_key_secret"
	case is("Forbidden", "NoPermission", "Unauthorized"):
		return fmt.Sprintf("allow %s:%s on resource \"*\" in the RAM policy of these keys%s", d.product, e.Action,
			d.orElse())
	case is("InvalidAccount", "DcdnServiceNotFound"), strings.Contains(e.Code, "NotOpen"):
		return "open EdgeKV for this account in the console" + d.orElse()
	case is("InvalidAction", "InvalidVersion", "InvalidApi"),
		e.Code == "" && (e.Status < 400 || e.Status == 404 || e.Status == 405):
		return "check endpoint, product and site"
	case e.Status == 407:
		return "check proxy: it wants a user and a password"
	}
	return ""
}

// orElse is a way out for accounts that DCDN does not take any more.
func (d dialect) orElse() string {
	if d.product != "dcdn" {
		return ""
	}
	return "; EdgeKV of DCDN takes no new accounts: those use product: esa"
}

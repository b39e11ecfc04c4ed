package usage

import (
	"encoding/json"
	"time"
)

const (
	// resendAfter is how long a registration is not sent again: clients that live for
	// one request register each time.
	resendAfter = 10 * time.Minute
	// maxApplication bounds one registration.
	maxApplication = 16 << 10
	// instanceCost is the approximate memory of one without its strings, in bytes.
	instanceCost = 300
)

type instanceKey struct{ app, id string }

type instance struct {
	application []byte // JSON
	started     string
	sent        time.Time // zero: never
	due         bool
	minimal     bool // known by its metrics alone
}

func (i *instance) cost(k instanceKey) int {
	return instanceCost + len(i.application) + len(i.started) + len(k.app) + len(k.id)
}

// instances keeps registrations, one per instance, within a number of bytes. Those
// that have been sent are kept to recognise repetitions, and are dropped first.
type instances struct {
	max, used, idle int // bytes; idle: of those that are not due
	known           map[instanceKey]*instance
	due             map[instanceKey]*instance
}

func newInstances(most int) instances {
	return instances{max: most, known: map[instanceKey]*instance{}, due: map[instanceKey]*instance{}}
}

// add adds a registration, and reports whether there was memory for it.
func (s *instances) add(a application, now time.Time) bool { return s.put(a, now, false) }

// touch registers an instance that has sent metrics, unless it is registered already.
func (s *instances) touch(a application, now time.Time) {
	if i := s.known[instanceKey{a.AppName, a.InstanceID}]; i != nil {
		s.refresh(instanceKey{a.AppName, a.InstanceID}, i, now)
		return
	}
	s.put(a, now, true)
}

func (s *instances) put(a application, now time.Time, minimal bool) bool {
	k := instanceKey{a.AppName, a.InstanceID}
	before := s.known[k]
	if before != nil && !before.minimal {
		a.Started = before.started // a restart of the same instance need not be sent
	}
	text, err := json.Marshal(a)
	if err != nil || len(text) > maxApplication {
		return false
	}
	if before != nil && string(before.application) == string(text) {
		s.refresh(k, before, now)
		return true
	}
	next := &instance{application: text, started: a.Started, due: true, minimal: minimal}
	if before != nil {
		s.forget(k, before)
	}
	if s.used+next.cost(k) > s.max {
		// Only when it frees much, so that a flood does not do it each time.
		if s.idle < s.max/4 {
			return false
		}
		for k, i := range s.known {
			if !i.due {
				s.forget(k, i)
			}
		}
	}
	if s.used+next.cost(k) > s.max {
		return false
	}
	s.known[k], s.due[k] = next, next
	s.used += next.cost(k)
	return true
}

// refresh makes an instance due whose last report was long ago.
func (s *instances) refresh(k instanceKey, i *instance, now time.Time) {
	if !i.due && now.Sub(i.sent) >= resendAfter {
		s.makeDue(k, i)
	}
}

func (s *instances) makeDue(k instanceKey, i *instance) {
	i.due = true
	s.due[k] = i
	s.idle -= i.cost(k)
}

func (s *instances) forget(k instanceKey, i *instance) {
	s.used -= i.cost(k)
	if !i.due {
		s.idle -= i.cost(k)
	}
	delete(s.known, k)
	delete(s.due, k)
}

// take returns one that is due. It counts as sent from now on.
func (s *instances) take(now time.Time) (instanceKey, *instance, bool) {
	for k, i := range s.due {
		delete(s.due, k)
		i.due, i.sent = false, now
		s.idle += i.cost(k)
		return k, i, true
	}
	return instanceKey{}, nil, false
}

// restore makes one due again that was taken and not sent. It reports whether it, or
// a newer one of the same instance, is still there: else it was dropped meanwhile.
func (s *instances) restore(k instanceKey, i *instance) bool {
	if s.known[k] == i && !i.due {
		s.makeDue(k, i)
	}
	return s.known[k] != nil
}

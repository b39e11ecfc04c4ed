package usage

import (
	"encoding/json"
	"time"
)

const (
	// again is how long a registration that has been sent need not be sent
	// again: clients that live for one request register each time.
	again = 10 * time.Minute
	// maxApplication bounds one registration.
	maxApplication = 16 << 10
	// instanceCost is what one costs in memory beside its texts, about.
	instanceCost = 300
)

type instanceKey struct{ app, id string }

type instance struct {
	application []byte // as it is sent
	started     string
	sent        time.Time // zero: never
	due         bool
	minimal     bool // known by its metrics alone
}

func (i *instance) cost(k instanceKey) int {
	return instanceCost + len(i.application) + len(i.started) + len(k.app) + len(k.id)
}

// instances keeps who has registered, each once, within a number of bytes.
// Those that have been sent are kept to be recognised, and are dropped first.
type instances struct {
	max, used, idle int // bytes; idle: of those that are not due
	known           map[instanceKey]*instance
	due             map[instanceKey]*instance
}

func newInstances(most int) instances {
	return instances{max: most, known: map[instanceKey]*instance{}, due: map[instanceKey]*instance{}}
}

// add takes a registration, and reports whether there was memory for it.
func (s *instances) add(a application, now time.Time) bool { return s.put(a, now, false) }

// see notes who has sent metrics. What is known of it is kept.
func (s *instances) see(a application, now time.Time) {
	if i := s.known[instanceKey{a.AppName, a.InstanceID}]; i != nil {
		s.touch(instanceKey{a.AppName, a.InstanceID}, i, now)
		return
	}
	s.put(a, now, true)
}

func (s *instances) put(a application, now time.Time, minimal bool) bool {
	k := instanceKey{a.AppName, a.InstanceID}
	before := s.known[k]
	if before != nil && !before.minimal {
		a.Started = before.started // a restart of the same instance is not news
	}
	text, err := json.Marshal(a)
	if err != nil || len(text) > maxApplication {
		return false
	}
	if before != nil && string(before.application) == string(text) {
		s.touch(k, before, now)
		return true
	}
	next := &instance{application: text, started: a.Started, due: true, minimal: minimal}
	if before != nil {
		s.forget(k, before)
	}
	if s.used+next.cost(k) > s.max {
		// Not for each of a flood: only when it frees much.
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

// touch makes an instance due whose last report was long ago.
func (s *instances) touch(k instanceKey, i *instance, now time.Time) {
	if !i.due && now.Sub(i.sent) >= again {
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

// pop takes one that is due. It counts as sent from now on.
func (s *instances) pop(now time.Time) (instanceKey, *instance, bool) {
	for k, i := range s.due {
		delete(s.due, k)
		i.due, i.sent = false, now
		s.idle += i.cost(k)
		return k, i, true
	}
	return instanceKey{}, nil, false
}

// restore takes back one that was popped and not sent. It reports whether it is
// still known, or what has replaced it: else it was dropped meanwhile.
func (s *instances) restore(k instanceKey, i *instance) bool {
	if s.known[k] == i && !i.due {
		s.makeDue(k, i)
	}
	return s.known[k] != nil
}

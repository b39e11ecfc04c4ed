package publish

// Action is what a pass has done about one key.
type Action string

// Actions of a pass.
const (
	ActionUnchanged Action = "unchanged" // stored is what is wanted
	ActionPublished Action = "published" // new content was written
	ActionRepaired  Action = "repaired"  // content was written over what another process has stored
	ActionRewritten Action = "rewritten" // the stored content was written again: a heartbeat, or a higher seq
	ActionWaiting   Action = "waiting"   // a put is not visible yet
	// upstream has not confirmed definitions that are older than what is stored
	ActionUnconfirmed Action = "unconfirmed"
	ActionPinned      Action = "pinned" // a person holds what is stored
	ActionHeld        Action = "held"   // the guard holds the write
	ActionFailed      Action = "failed" // see the error
)

// consequences of an action for events, logs and the state of a key.
type consequences struct {
	kind   Kind // of the event, "" for none
	writes bool // the sink has got something
	// news: its changes are changes of flags for readers. A repair puts back what
	// readers should have had all the time.
	news    bool
	decided bool // the guard has decided about the content: what it held before does not count
}

var actionTable = map[Action]consequences{
	ActionUnchanged:   {news: true, decided: true},
	ActionPublished:   {kind: Published, writes: true, news: true, decided: true},
	ActionRepaired:    {kind: Repaired, writes: true, decided: true},
	ActionRewritten:   {writes: true, news: true, decided: true},
	ActionWaiting:     {},
	ActionUnconfirmed: {},
	ActionPinned:      {news: true, decided: true},
	ActionHeld:        {kind: Held},
	ActionFailed:      {},
}

// Writes reports whether the sink has got something.
func (a Action) Writes() bool { return actionTable[a].writes }

// String returns the word of an action, as reports have it.
func (a Action) String() string { return string(a) }

// String returns the word of a decision, for the log.
func (d decision) String() string {
	return [...]string{
		skip: "skip", read: "read", waitVisible: "wait until visible", pinned: "pinned", reassert: "reassert",
		write: "write", repair: "repair",
	}[d]
}

package publish

import "time"

// verifyFor is how long after a put a read may still show something older,
// for a sink whose reads may be stale at all (KV reads are cached; Cloudflare
// says 60 s and more). Until then an older read is no reason to write again.
const verifyFor = 2 * time.Minute

// seen is what a read of the key has shown.
type seen struct {
	known   bool // the key has been read, or written, by this process
	absent  bool
	foreign bool // something is there that flagcast did not write, or not whole
	digest  string
	seq     uint64
}

// written is the last put of this process.
type written struct {
	digest string
	seq    uint64
	at     time.Time
}

type action int

const (
	keep  action = iota // stored and wanted are the same
	read                // not known what is stored: read it first
	await               // the own put is not visible yet: look again later
	put                 // the content is new
	mend                // stored is missing, damaged or by another publisher
)

// plan decides what to do about one key whose reads may be stale for a while. It is the whole policy: equal content
// is never written, and what was put is given time to become visible.
//
//	known  stored is                    own put         then
//	no     -                            -               read
//	yes    the wanted digest            -               keep
//	yes    older than the own put       of wanted, new  await
//	yes    the own put                  of other        put (new content)
//	yes    anything else                -               mend; put at a first publish
func plan(want string, s seen, w written, stale time.Duration, now time.Time) action {
	switch {
	case !s.known:
		return read
	case !s.absent && !s.foreign && s.digest == want:
		return keep
	case w.digest == want && s.seq < w.seq && now.Sub(w.at) < stale:
		return await
	case w.seq == 0 && (s.absent || !s.foreign), w.digest != want:
		return put
	default:
		return mend
	}
}

package edgekv

import (
	"context"
	"net/url"
	"strings"

	"github.com/flagcast/flagcast/internal/plainjson"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// requestBytes is as much as the body of one call has: 2 x 1000 x 1000 bytes,
// for all keys of a batch together ("PutKv", "BatchPutKv", "PutDcdnKv",
// "BatchPutDcdnKv"). The pages do not say which bytes; those of the encoded body
// are the most that they can mean.
const requestBytes = 2_000_000

// PutBatch implements sinks.BatchPutter. The service does not say why it has
// not stored a key of a batch: such a key is put by itself, which shows it, and so
// is an object that fills a call alone.
func (s *Sink) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	errs := make([]error, len(objects))
	var alone []int
	var b batch
	send := func() {
		alone = append(alone, s.putBatch(ctx, objects, b, errs)...)
		b = batch{}
	}
	for i, o := range objects {
		if err := s.check(o); err != nil {
			errs[i] = s.notPut(s.dialect.put, o, err)
			continue
		}
		text := entry(o)
		size := len(url.QueryEscape(text))
		if !b.fits(size) {
			send()
		}
		if !b.fits(size) {
			alone = append(alone, i)
			continue
		}
		b.add(i, text, size)
	}
	send()
	rest := make([]sinks.Object, len(alone))
	for n, i := range alone {
		rest[n] = objects[i]
	}
	for n, err := range sinks.PutAll(ctx, noBatch{s}, rest) {
		errs[alone[n]] = err
	}
	return errs
}

// noBatch hides PutBatch.
type noBatch struct{ sinks.Sink }

// batch is one call as it grows.
type batch struct {
	objects []int // their places
	entries []string
	size    int // of the entries, encoded
}

// fits reports whether another entry fits: the body is the encoded form of
// KvList=[entry,entry].
func (b *batch) fits(size int) bool {
	return len("KvList=%5B%5D")+b.size+len(b.entries)*len("%2C")+size <= requestBytes
}

func (b *batch) add(object int, text string, size int) {
	b.objects, b.entries, b.size = append(b.objects, object), append(b.entries, text), b.size+size
}

// entry is one key of a batch, as the service takes it.
func entry(o sinks.Object) string {
	return string(plainjson.Must(struct{ Key, Value string }{string(o.Key), string(o.Body)}))
}

// putBatch sends one call and fills in the errors of its objects. It returns
// those that must be put by themselves.
func (s *Sink) putBatch(ctx context.Context, objects []sinks.Object, b batch, errs []error) (alone []int) {
	if len(b.objects) < 2 {
		return b.objects
	}
	var answer struct {
		RequestID   string
		SuccessKeys []string
	}
	call := alicloud.Call{
		Action: s.dialect.batch.action, Method: s.dialect.batch.method,
		Query: url.Values{"Namespace": {s.namespace}},
		Form:  url.Values{"KvList": {"[" + strings.Join(b.entries, ",") + "]"}},
	}
	err := s.intoNamespace(ctx, func() error { return s.client.Do(ctx, call, &answer) })
	switch {
	case isCode(err, codeValueTooLarge):
		return b.objects // it counts in another way, or means one of them
	case err == nil && answer.RequestID == "":
		err = notTheService(call.Action)
	}
	stored := map[string]bool{}
	for _, key := range answer.SuccessKeys {
		stored[key] = true
	}
	for _, i := range b.objects {
		switch {
		case err != nil:
			errs[i] = s.notPut(s.dialect.batch, objects[i], err)
		case !stored[string(objects[i].Key)]:
			alone = append(alone, i)
		}
	}
	return alone
}

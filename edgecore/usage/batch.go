package usage

import (
	"bytes"
	"time"

	"github.com/flagcast/flagcast/internal/plainjson"
)

// maxBody is the largest size of one report in bytes: Unleash refuses more than 100 kB.
const maxBody = 95 << 10

// item is one registration or one row of a report, with its partition.
type item struct {
	partition *partition
	json      []byte
	instance  *instance // nil: a row
	name      instanceKey
	row       row
}

// wireRow is a row in the JSON of POST /api/client/metrics/bulk.
type wireRow struct {
	FeatureName string            `json:"featureName"`
	AppName     string            `json:"appName"`
	Environment string            `json:"environment"`
	Timestamp   string            `json:"timestamp"`
	Yes         uint64            `json:"yes"`
	No          uint64            `json:"no"`
	Variants    map[string]uint64 `json:"variants,omitempty"`
}

// take removes and returns the items of the next report.
func (e *environment) take(now time.Time) (batch []item, lost loss) {
	e.mu.Lock()
	defer e.mu.Unlock()
	size := 64 // of the JSON around the lists
	for _, s := range []*partition{&e.backend, &e.frontend} {
		for size < maxBody {
			k, i, ok := s.instances.take(now)
			if !ok {
				break
			}
			if size += len(i.application) + 1; size > maxBody {
				s.instances.restore(k, i)
				return batch, lost
			}
			batch = append(batch, item{partition: s, json: i.application, instance: i, name: k})
		}
		for size < maxBody {
			r, ok := s.rows.take()
			if !ok {
				break
			}
			if s == &e.frontend {
				var over loss
				r, over = e.quota.clip(r)
				lost.evaluations += over.evaluations
				lost.variants += over.variants
				if r.largest() == 0 {
					continue
				}
			}
			text := e.encode(r)
			if size += len(text) + 1; size > maxBody {
				e.putBack(s, r)
				return batch, lost
			}
			batch = append(batch, item{partition: s, json: text, row: r})
		}
	}
	return batch, lost
}

func (e *environment) putBack(s *partition, r row) loss {
	if s == &e.frontend {
		e.quota.restore(r)
	}
	return s.rows.add(r)
}

func (e *environment) encode(r row) []byte {
	w := wireRow{
		FeatureName: r.flag, AppName: r.app, Environment: string(e.name),
		Timestamp: time.Unix(r.hour*3600, 0).UTC().Format(time.RFC3339), Yes: r.yes, No: r.no,
	}
	if len(r.variants) > 0 {
		w.Variants = map[string]uint64{}
	}
	for _, v := range r.variants {
		w.Variants[v.name] = v.count
	}
	return plainjson.Must(w)
}

// restore puts back what was not sent. Its memory may be in use meanwhile.
func (e *environment) restore(batch []item) (lost loss) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, i := range batch {
		if i.instance != nil {
			if !i.partition.instances.restore(i.name, i.instance) {
				lost.registrations++
			}
			continue
		}
		l := e.putBack(i.partition, i.row)
		lost.evaluations += l.evaluations
		lost.variants += l.variants
	}
	return lost
}

// body returns the JSON of a report.
func body(batch []item) []byte {
	var applications, rows [][]byte
	for _, i := range batch {
		if i.instance != nil {
			applications = append(applications, i.json)
		} else {
			rows = append(rows, i.json)
		}
	}
	var b bytes.Buffer
	b.WriteString(`{"applications":[`)
	b.Write(bytes.Join(applications, []byte(",")))
	b.WriteString(`],"metrics":[`)
	b.Write(bytes.Join(rows, []byte(",")))
	b.WriteString(`]}`)
	return b.Bytes()
}

// totals returns the sums of a batch, for metrics.
func totals(batch []item) (evaluated uint64, registered int) {
	for _, i := range batch {
		if i.instance != nil {
			registered++
		}
		evaluated += i.row.evaluations()
	}
	return evaluated, registered
}

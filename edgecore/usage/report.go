package usage

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/untrusted"
)

const (
	// maxName is the limit of Unleash's database for the name of an application or an
	// instance. A longer one makes it lose all reports of the same second.
	maxName = 255
	// maxCount is its limit for a count, with the same effect.
	maxCount = math.MaxInt32
	// oldest is the greatest age of a report; Unleash shows 48 hours by the hour.
	oldest = 48 * time.Hour
	// maxHops bounds the list of proxies that have forwarded a registration.
	maxHops = 16
	// maxStrategies and maxProjects bound the lists of a registration.
	maxStrategies, maxProjects = 100, 100
	// maxApplications bounds those of one body: a registration needs some 300 bytes of
	// memory, and may have 2 in the body. One with content has 200 bytes and more, so
	// that no body of 1 MiB has that many of them.
	maxApplications = 5000
)

// report is one body. Its strings are copies, which do not keep the body in memory.
type report struct {
	rows         []row
	applications []application
	seen         *application // the instance that sent metrics
	impact       int          // impact metrics, which are not forwarded

	// What Unleash could not store.
	invalid, invalidVariants uint64
	invalidApplications      int
}

func (r *report) evaluations() uint64 {
	sum := r.invalid
	for _, row := range r.rows {
		sum += row.evaluations()
	}
	return sum
}

// application is a registration in the JSON of POST /api/client/metrics/bulk. Without
// interval and started Unleash 8 refuses the whole body, with an empty 400.
type application struct {
	AppName         string   `json:"appName"`
	InstanceID      string   `json:"instanceId"`
	Environment     string   `json:"environment"`
	Interval        int64    `json:"interval"`
	Started         string   `json:"started"`
	Strategies      []string `json:"strategies,omitzero"` // nil keeps the value in Unleash, an empty list replaces it
	SDKVersion      string   `json:"sdkVersion,omitempty"`
	SDKType         string   `json:"sdkType,omitempty"`
	PlatformName    string   `json:"platformName,omitempty"`
	PlatformVersion string   `json:"platformVersion,omitempty"`
	Yggdrasil       string   `json:"yggdrasilVersion,omitempty"`
	SpecVersion     string   `json:"specVersion,omitempty"`
	Projects        []string `json:"projects,omitempty"`
	ConnectVia      []via    `json:"connectVia,omitempty"`
}

// via is a proxy that has forwarded a registration.
type via struct {
	AppName    string `json:"appName"`
	InstanceID string `json:"instanceId"`
}

func parseObject(body []byte) (gjson.Result, error) {
	if err := untrusted.CheckJSON(body, untrusted.RequestDepth); err != nil {
		return gjson.Result{}, fmt.Errorf("invalid body: %w", err)
	}
	root := gjson.ParseBytes(body)
	if !root.IsObject() {
		return gjson.Result{}, errors.New("the body must be an object")
	}
	return root, nil
}

// lengthOf returns the number of elements of a list without decoding it: an element
// of one byte needs 80 when it is decoded. It is 0 for other values.
func lengthOf(list gjson.Result) (n int) {
	if !list.IsArray() {
		return 0
	}
	list.ForEach(func(gjson.Result, gjson.Result) bool { n++; return true })
	return n
}

func readMetrics(body []byte, now time.Time) (report, error) {
	var r report
	root, err := parseObject(body)
	if err != nil {
		return r, err
	}
	app, err := readApp(root.Get("appName"))
	if err != nil {
		return r, err
	}
	r.impact = lengthOf(root.Get("impactMetrics"))
	bucket := root.Get("bucket")
	if !bucket.Exists() || bucket.Type == gjson.Null {
		return r, nil
	}
	if !bucket.IsObject() {
		return r, errors.New(`"bucket" must be an object`)
	}
	start, err := readTime(bucket.Get("start"))
	if err != nil {
		return r, fmt.Errorf(`"bucket.start" %w`, err)
	}
	stop, err := readTime(bucket.Get("stop"))
	if err != nil {
		return r, fmt.Errorf(`"bucket.stop" %w`, err)
	}
	toggles := bucket.Get("toggles")
	if !toggles.IsObject() {
		return r, errors.New(`"bucket.toggles" must be an object`)
	}
	hour := hourOf(stop, now)
	toggles.ForEach(func(name, counts gjson.Result) bool {
		err = r.readCounts(app, true, name.String(), hour, counts)
		return err == nil
	})
	if id, ok := clean(root.Get("instanceId").String()); ok {
		r.seen = &application{
			AppName: app, InstanceID: id, SDKVersion: optionalText(root.Get("sdkVersion")),
			Interval: max(int64(stop.Sub(start).Seconds()), 0), Started: timeText(start, now),
		}
	}
	return r, err
}

// readCounts adds a row. A row with a name that Unleash cannot store is counted as
// invalid, and the others are kept. storable reports whether Unleash can store app,
// which is a copy already: the rows of one application share it.
func (r *report) readCounts(app string, storable bool, flag string, hour int64, v gjson.Result) error {
	if !v.IsObject() {
		return fmt.Errorf("the counts of a flag must be an object")
	}
	yes, err := readCount(v.Get("yes"))
	if err != nil {
		return fmt.Errorf(`"yes" of a flag %w`, err)
	}
	no, err := readCount(v.Get("no"))
	if err != nil {
		return fmt.Errorf(`"no" of a flag %w`, err)
	}
	row := row{hour: hour, counts: counts{yes: yes, no: no}}
	list := v.Get("variants")
	if list.Exists() && list.Type != gjson.Null && !list.IsObject() {
		return errors.New(`"variants" of a flag must be an object`)
	}
	list.ForEach(func(name, count gjson.Result) bool {
		var n uint64
		if n, err = readCount(count); err != nil {
			err = fmt.Errorf("a count of a variant %w", err)
			return false
		}
		if text, ok := clean(name.String()); !ok {
			r.invalidVariants += n
		} else if n > 0 {
			row.variants = append(row.variants, variant{text, n})
		}
		return true
	})
	if err != nil {
		return err
	}
	flag, known := clean(flag)
	if !storable || !known {
		r.invalid += yes + no
		return nil
	}
	if yes+no > 0 || len(row.variants) > 0 {
		row.key = key{app, flag}
		r.rows = append(r.rows, row)
	}
	return nil
}

func readBulk(body []byte, now time.Time) (report, error) {
	var r report
	root, err := parseObject(body)
	if err != nil {
		return r, err
	}
	applications, rows := root.Get("applications"), root.Get("metrics")
	if !applications.IsArray() || !rows.IsArray() {
		return r, errors.New(`"applications" and "metrics" must be lists`)
	}
	r.impact = lengthOf(root.Get("impactMetrics"))
	if lengthOf(applications) > maxApplications {
		return r, fmt.Errorf(`"applications" has more than %d of them`, maxApplications)
	}
	applications.ForEach(func(_, v gjson.Result) bool {
		if !v.IsObject() {
			err = errors.New("an application must be an object")
			return false
		}
		r.readApplication(v, now)
		return true
	})
	if err != nil {
		return r, err
	}
	rows.ForEach(func(_, v gjson.Result) bool {
		hour := hourOf(now, now)
		if at := v.Get("timestamp"); at.Exists() {
			var t time.Time
			if t, err = readTime(at); err != nil {
				err = fmt.Errorf(`"timestamp" %w`, err)
				return false
			}
			hour = hourOf(t, now)
		}
		app, storable := clean(v.Get("appName").String())
		err = r.readCounts(app, storable, v.Get("featureName").String(), hour, v)
		return err == nil
	})
	return r, err
}

func readRegister(body []byte, now time.Time) (report, error) {
	var r report
	root, err := parseObject(body)
	if err != nil {
		return r, err
	}
	if _, err := readApp(root.Get("appName")); err != nil {
		return r, err
	}
	if v := root.Get("interval"); v.Type != gjson.Number && v.Type != gjson.String {
		return r, errors.New(`"interval" must be a number`)
	}
	if !root.Get("started").Exists() {
		return r, errors.New(`"started" is missing`)
	}
	if !root.Get("strategies").IsArray() {
		return r, errors.New(`"strategies" must be a list`)
	}
	r.readApplication(root, now)
	return r, nil
}

// readApplication adds a registration, in the form that Unleash accepts.
func (r *report) readApplication(v gjson.Result, now time.Time) {
	a := application{
		Interval: v.Get("interval").Int(), Started: timeText(now, now),
		SDKVersion: optionalText(v.Get("sdkVersion")), PlatformName: optionalText(v.Get("platformName")),
		PlatformVersion: optionalText(v.Get("platformVersion")),
		Yggdrasil:       optionalText(v.Get("yggdrasilVersion")), SpecVersion: optionalText(v.Get("specVersion")),
		Strategies: names(v.Get("strategies"), maxStrategies), Projects: names(v.Get("projects"), maxProjects),
	}
	if a.Strategies == nil && v.Get("strategies").IsArray() {
		a.Strategies = []string{}
	}
	a.Interval = min(max(a.Interval, 0), maxCount)
	if started, err := readTime(v.Get("started")); err == nil {
		a.Started = timeText(started, now)
	}
	if v.Get("sdkType").Str == "frontend" {
		a.SDKType = "frontend"
	}
	v.Get("connectVia").ForEach(func(_, v gjson.Result) bool {
		if hop := (via{optionalText(v.Get("appName")), optionalText(v.Get("instanceId"))}); hop.AppName != "" &&
			hop.InstanceID != "" {
			a.ConnectVia = append(a.ConnectVia, hop)
		}
		return len(a.ConnectVia) < maxHops
	})
	app, ok := clean(v.Get("appName").String())
	instance, known := clean(v.Get("instanceId").String())
	if !known {
		instance = "default"
	}
	if a.AppName, a.InstanceID = app, instance; !ok {
		r.invalidApplications++
		return
	}
	r.applications = append(r.applications, a)
}

// clean returns a copy of a name, or false if Unleash cannot store it.
func clean(name string) (string, bool) {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return "", false
	}
	return strings.Clone(name), true
}

// optionalText returns a string, "" for other types and for what cannot be stored.
func optionalText(v gjson.Result) string {
	if v.Type != gjson.String {
		return ""
	}
	text, _ := clean(v.Str)
	return text
}

func names(v gjson.Result, most int) []string {
	var list []string
	v.ForEach(func(_, v gjson.Result) bool {
		if text := optionalText(v); text != "" {
			list = append(list, text)
		}
		return len(list) < most
	})
	return list
}

func readApp(v gjson.Result) (string, error) {
	if v.Type != gjson.String && v.Type != gjson.Number {
		return "", errors.New(`"appName" must be a text`)
	}
	name, ok := clean(v.String())
	if !ok && v.Type == gjson.Number { // it is too long without an exponent
		name, ok = clean(strconv.FormatFloat(v.Num, 'g', -1, 64))
	}
	if !ok {
		return "", fmt.Errorf(`"appName" has to have 1 to %d characters, none of them a control character`, maxName)
	}
	return name, nil
}

// readCount reads a number like Unleash: rounded, also from a string, 0 if it is
// missing.
func readCount(v gjson.Result) (uint64, error) {
	number := v.Num
	switch v.Type {
	case gjson.Null:
		return 0, nil
	case gjson.Number:
	case gjson.String:
		var err error
		if number, err = strconv.ParseFloat(v.Str, 64); err != nil {
			return 0, errors.New("must be a number")
		}
	default:
		return 0, errors.New("must be a number")
	}
	if math.IsNaN(number) || number < 0 {
		return 0, errors.New("must be 0 or more")
	}
	return uint64(math.Round(min(number, maxCount))), nil
}

// readTime reads a string like edgecore.ReadTime, or milliseconds since 1970.
func readTime(v gjson.Result) (time.Time, error) {
	switch v.Type {
	case gjson.Number:
		return time.UnixMilli(v.Int()), nil
	case gjson.String:
		if t, ok := edgecore.ReadTime(v.Str); ok {
			return t, nil
		}
	}
	return time.Time{}, errors.New("must be a time, such as 2026-01-31T12:00:00Z")
}

// clampTime returns now for a time in the future or older than oldest.
func clampTime(t, now time.Time) time.Time {
	if t.After(now) || t.Before(now.Add(-oldest)) {
		return now
	}
	return t
}

// hourOf returns the hour that Unleash counts a report for, in hours since 1970.
func hourOf(t, now time.Time) int64 { return clampTime(t, now).Unix() / 3600 }

func timeText(t, now time.Time) string {
	if t.After(now) || t.Year() < 2000 {
		t = now
	}
	return t.UTC().Format(time.RFC3339)
}

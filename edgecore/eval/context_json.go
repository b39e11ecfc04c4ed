package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// MaxFields bounds the members of a context, and those of its properties: read,
// each takes a hundred bytes and more, written six.
const MaxFields = 1000

// ErrManyFields says that a context has more members than MaxFields.
var ErrManyFields = fmt.Errorf("invalid context: an object has more than %d members", MaxFields)

// ReadContext reads a context as Unleash's SDKs and its frontend API write it:
// a JSON object with fields and an object "properties" with further ones; the
// top level comes first (unleash-client, Node). Texts are taken as they are,
// numbers and booleans as JavaScript writes them; null is missing, lists and
// objects are not values. Time is set where there is a currentTime that
// edgecore.ReadTime reads; another one counts as not given.
func ReadContext(document []byte) (Context, error) {
	c := Context{Fields: map[string]string{}}
	if err := untrusted.CheckJSON(document, untrusted.RequestDepth); err != nil {
		return c, fmt.Errorf("invalid context: %w", err)
	}
	root := gjson.ParseBytes(document)
	if !root.IsObject() {
		return c, errors.New("the context is not a JSON object")
	}
	fields, err := members(root)
	if err != nil {
		return c, err
	}
	properties, err := members(fields["properties"])
	if err != nil {
		return c, err
	}
	for name, value := range properties {
		c.setField(name, value)
	}
	for name, value := range fields {
		c.setField(name, value)
	}
	c.SetCurrentTime()
	return c, nil
}

// members of an object; of several with one name the last one counts.
func members(object gjson.Result) (map[string]gjson.Result, error) {
	all := map[string]gjson.Result{}
	if !object.IsObject() {
		return all, nil
	}
	n := 0
	object.ForEach(func(k, v gjson.Result) bool {
		n++
		all[textOf(k)] = v
		return n <= MaxFields
	})
	if n > MaxFields {
		return nil, ErrManyFields
	}
	return all, nil
}

// textOf reads a text as encoding/json does: half a surrogate pair, and what is
// not UTF-8, becomes U+FFFD, and nothing but that.
func textOf(v gjson.Result) string {
	if utf8.ValidString(v.Str) && !strings.ContainsRune(v.Str, utf8.RuneError) {
		return v.Str
	}
	var text string
	_ = json.Unmarshal([]byte(v.Raw), &text) // it is valid
	return text
}

// SetCurrentTime takes the time from the field currentTime. It reports false for
// one that edgecore.ReadTime does not read: Time is left as it is then.
func (c *Context) SetCurrentTime() (ok bool) {
	text, given := c.Fields["currentTime"]
	if !given {
		return true
	}
	at, ok := edgecore.ReadTime(text)
	if ok {
		c.Time = at
	}
	return ok
}

func (c *Context) setField(name string, v gjson.Result) {
	switch v.Type {
	case gjson.String:
		c.Fields[name] = textOf(v)
	case gjson.Number:
		c.Fields[name] = numberText(v.Num)
	case gjson.True, gjson.False:
		c.Fields[name] = v.Raw
	}
}

// numberText writes a number as JavaScript's String does.
func numberText(n float64) string {
	switch {
	case n == 0:
		return "0" // and not "-0"
	case math.IsInf(n, 1):
		return "Infinity"
	case math.IsInf(n, -1):
		return "-Infinity"
	}
	if size := max(n, -n); size >= 1e-6 && size < 1e21 {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(n, 'e', -1, 64), "e")
	sign, digits := exponent[:1], strings.TrimLeft(exponent[1:], "0")
	return mantissa + "e" + sign + digits
}

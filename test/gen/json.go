package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object is a JSON object that keeps the order of its members, and may have
// several of one name.
type object []member

type member struct {
	key   string
	value any
}

// list is a JSON list.
type list []any

// raw is text that is written as it is.
type raw string

func (o *object) add(key string, value any) { *o = append(*o, member{key, value}) }

func encode(v any) []byte {
	var b bytes.Buffer
	write(&b, v)
	return b.Bytes()
}

func write(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, m.key)
			b.WriteByte(':')
			write(b, m.value)
		}
		b.WriteByte('}')
	case list:
		b.WriteByte('[')
		for i, one := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, one)
		}
		b.WriteByte(']')
	case raw:
		b.WriteString(string(v))
	case []string:
		all := make(list, len(v))
		for i := range v {
			all[i] = v[i]
		}
		write(b, all)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(fmt.Sprintf("gen: %T is not JSON value: %v", v, err))
		}
		b.Write(text)
	}
}

package strictyaml

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/flagcast/flagcast/internal/secret"
)

// secret fills a secret from a text. Whatever is there instead is masked too.
func (d *Decoder) secret(n *Node, v reflect.Value, f *field, label string) {
	d.src.hideBelow(n, f.name, everything)
	text, ok := d.Text(n, label, true)
	switch {
	case !ok:
		return
	case text == "" && n.Text != "":
		d.missing(n, label+" is empty: the variable that it names is", "", true)
		return
	case text == "":
		d.Fault(n, label+" is empty", "")
		return
	}
	if f.secret { // values of headers are often no secrets
		d.Short(secret.New(text), label)
	}
	if p := d.schema.setSecret(v, secret.New(text)); p != nil {
		d.Fault(n, label+" "+p.Message, p.Hint)
	}
}

// setSecret stores a secret, or returns what is wrong with it.
func (s *Schema) setSecret(v reflect.Value, value secret.Secret) *Problem {
	read := s.Secrets[v.Type()]
	if read == nil {
		v.Set(reflect.ValueOf(value))
		return nil
	}
	typed, p := read(value)
	if p == nil {
		v.Set(reflect.ValueOf(typed))
	}
	return p
}

// secretFile fills a secret from the file that the key name_file names: its
// whole text without the newline at the end, or for a list one secret a line.
func (d *Decoder) secretFile(e *Entry, f *field, where string) {
	label := Quoted(f.name+"_file") + In(where)
	path, ok := d.Text(e.Value, label, true)
	if !ok {
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	d.files = append(d.files, path)
	content, err := os.ReadFile(path)
	if err != nil {
		d.missing(e.Value, fmt.Sprintf("%s names %s, which cannot be read: %s", label, Quoted(e.Value.Text),
			Cause(err)),
			"a path that is not absolute starts at the folder of the configuration", true)
		return
	}
	text := strings.TrimRight(string(content), "\r\n")
	if strings.TrimSpace(text) == "" {
		d.missing(e.Value, fmt.Sprintf("%s names %s, which is empty", label, Quoted(e.Value.Text)), "", true)
		return
	}
	if f.value.Kind() != reflect.Slice {
		d.Short(secret.New(text), "the content of "+label)
		if p := d.schema.setSecret(f.value, secret.New(text)); p != nil {
			d.Fault(e.Value, fmt.Sprintf("the content of %s %s", label, p.Message), p.Hint)
		}
		return
	}
	list := reflect.MakeSlice(f.value.Type(), 0, 1)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		item := reflect.New(f.value.Type().Elem()).Elem()
		if p := d.schema.setSecret(item, secret.New(line)); p != nil {
			d.Fault(e.Value, fmt.Sprintf("line %d of %s %s", number, label, p.Message), p.Hint)
			continue
		}
		list = reflect.Append(list, item)
	}
	f.value.Set(list)
}

// Cause returns why a file cannot be read, without the path.
func Cause(err error) string {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return err.Error()
}

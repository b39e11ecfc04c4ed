package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/internal/secret"
)

// hideSecrets masks every value under a key that sounds like a secret's,
// whether the decoder comes across it or not.
func (d *decoder) hideSecrets(n *node) {
	for i := range n.entries {
		e := &n.entries[i]
		if secretName.MatchString(e.name) && !strings.HasSuffix(strings.ToLower(e.name), "file") {
			d.hideItems(e.value)
		}
		d.hideSecrets(e.value)
	}
	for _, item := range n.items {
		d.hideSecrets(item)
	}
}

// hideWebhooks masks the addresses of webhooks, which are credentials, in
// whatever form they have there.
func (d *decoder) hideWebhooks(root *node) {
	for _, name := range []string{"notify", "healthcheck"} {
		if e := root.get(name); e != nil {
			d.hideAddresses(e.value, true)
		}
	}
}

// hideAddresses masks what looks like an address below n; scalars that are one by
// their place are masked whatever they are.
func (d *decoder) hideAddresses(n *node, place bool) {
	if n.scalar() && (place || strings.Contains(n.text, "/")) && !reference(n.text) {
		d.src.hide(n.line, n.column, n.raw)
	}
	for _, item := range n.items {
		d.hideAddresses(item, place)
	}
	for i := range n.entries {
		e := &n.entries[i]
		d.hideAddresses(e.value, names(e.name, "url"))
	}
}

// hideItems masks a scalar, or the scalars of a list.
func (d *decoder) hideItems(n *node) {
	if n.scalar() && !reference(n.text) {
		d.src.hide(n.line, n.column, n.raw)
	}
	for _, item := range n.items {
		d.hideItems(item)
	}
}

// hideAll masks every scalar below n. Under an unknown key only those
// that could be a credential: long, and without spaces.
func (d *decoder) hideAll(n *node, longOnly bool) {
	const long = 16
	if !longOnly || len(n.text) >= long && !strings.Contains(n.text, " ") {
		if n.scalar() && !reference(n.text) {
			d.src.hide(n.line, n.column, n.raw)
		}
	}
	for i := range n.entries {
		d.hideAll(n.entries[i].value, longOnly)
	}
	for _, item := range n.items {
		d.hideAll(item, longOnly)
	}
}

// secret fills a secret.Secret or an edgecore.Token from a text. Whatever is
// there instead is masked too.
func (d *decoder) secret(n *node, v reflect.Value, f *field, label string) {
	d.hideAll(n, false)
	text, ok := d.text(n, label, true)
	switch {
	case !ok:
		return
	case text == "" && n.text != "":
		d.missing(n, label+" is empty: the variable that it names is", "", true)
		return
	case text == "":
		d.fault(n, label+" is empty", "")
		return
	}
	if f.secret { // values of headers are often no secrets
		d.noteShort(secret.New(text), label)
	}
	if p := setSecret(v, secret.New(text)); p != nil {
		d.fault(n, label+" "+p.message, p.hint)
	}
}

// noteShort has a warning given about a secret that is short.
func (d *decoder) noteShort(s secret.Secret, place string) {
	if s.IsShort() && !slices.Contains(d.short, place) {
		d.short = append(d.short, place)
	}
}

// setSecret stores a secret, or says what is wrong with it.
func setSecret(v reflect.Value, s secret.Secret) *problem {
	if v.Type() == reflect.TypeFor[secret.Secret]() {
		v.Set(reflect.ValueOf(s))
		return nil
	}
	token, message, hint := parseToken(s)
	if message != "" {
		return &problem{message, hint}
	}
	v.Set(reflect.ValueOf(token))
	return nil
}

// secretFile fills a secret from the file that the key name_file names: its
// whole text without the newline at the end, or for a list one secret a line.
func (d *decoder) secretFile(e *entry, f *field, where string) {
	label := quoted(f.name+"_file") + in(where)
	path, ok := d.text(e.value, label, true)
	if !ok {
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		d.missing(e.value, fmt.Sprintf("%s names %s, which cannot be read: %s", label, quoted(e.value.text), cause(err)),
			"a path that is not absolute starts at the folder of the configuration", true)
		return
	}
	text := strings.TrimRight(string(content), "\r\n")
	if strings.TrimSpace(text) == "" {
		d.missing(e.value, fmt.Sprintf("%s names %s, which is empty", label, quoted(e.value.text)), "", true)
		return
	}
	if f.value.Kind() != reflect.Slice {
		d.noteShort(secret.New(text), "the content of "+label)
		if p := setSecret(f.value, secret.New(text)); p != nil {
			d.fault(e.value, fmt.Sprintf("the content of %s %s", label, p.message), p.hint)
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
		if p := setSecret(item, secret.New(line)); p != nil {
			d.fault(e.value, fmt.Sprintf("line %d of %s %s", number, label, p.message), p.hint)
			continue
		}
		list = reflect.Append(list, item)
	}
	f.value.Set(list)
}

// cause is why a file cannot be read, without the path.
func cause(err error) string {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return err.Error()
}

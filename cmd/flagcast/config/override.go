package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// overrider puts flags and variables of Unleash Edge over the file.
type overrider struct {
	k     *checker
	c     *Config
	given map[string]given // by flag, or by variable where there is none
}

// given is a value and where it comes from.
type given struct{ value, origin string }

func (k *checker) override(c *Config, o Overrides) {
	v := &overrider{k: k, c: c, given: map[string]given{}}
	mode := "edge"
	if o.Offline {
		mode = "offline"
	}
	settings := slices.DeleteFunc(EdgeSettings(), func(s EdgeSetting) bool { return s.Mode != "" && s.Mode != mode })
	for i := range settings {
		s := &settings[i]
		if value, origin := overridden(o, s); origin != "" {
			v.given[s.name()] = given{value, origin}
		}
	}
	var unused []string // sentences, with the settings that each is about
	about := map[string][]string{}
	for i := range settings {
		s := &settings[i]
		g, ok := v.given[s.name()]
		switch {
		case !ok || isOff(g) && s.Value == "" && s.Flag != "":
		case s.apply != nil && (s.Value != "" || s.Flag == "" || v.on(g)):
			s.apply(v, g)
		case s.apply != nil: // a switch that makes no sense
		case s.refused:
			k.Add(strictyaml.Place{File: g.origin}, "this is not taken over from Unleash Edge", s.instead)
		case s.instead != "":
			if about[s.instead] == nil {
				unused = append(unused, s.instead)
			}
			about[s.instead] = append(about[s.instead],
				strings.TrimPrefix(strings.TrimPrefix(g.origin, "environment variable "), "flag "))
		}
	}
	for _, sentence := range unused {
		are := " is"
		if len(about[sentence]) > 1 {
			are = " are"
		}
		c.unused = append(c.unused, strings.Join(about[sentence], ", ")+are+" not used: "+sentence)
	}
}

// name is what a setting is called among those that are given.
func (s *EdgeSetting) name() string {
	if s.Flag == "" {
		return s.Variable
	}
	return s.Flag
}

// overridden returns the value of a flag, else of its variable, and a name for
// it; "" when there is neither. An empty variable counts as unset, since
// manifests cannot always leave one out.
func overridden(o Overrides, s *EdgeSetting) (value, origin string) {
	if flag := o.Flags[s.Flag]; flag != "" {
		return flag, "flag --" + s.Flag
	}
	if value, ok := o.Lookup(s.Variable); ok && strings.TrimSpace(value) != "" {
		return strings.TrimSpace(value), "environment variable " + s.Variable
	}
	return "", ""
}

// fault reports a value that cannot be taken over.
func (o *overrider) fault(g given, message, hint string) {
	o.k.Add(strictyaml.Place{File: g.origin}, message, hint)
}

// from notes where a setting comes from.
func (o *overrider) from(owner any, key string, g given) { o.k.Override(owner, key, g.origin) }

// on reads a switch.
func (o *overrider) on(g given) bool {
	if slices.Contains([]string{"true", "t", "yes", "y", "on", "1"}, strings.ToLower(g.value)) {
		return true
	}
	if !isOff(g) {
		o.fault(g, "this is neither true nor false", "")
	}
	return false
}

func isOff(g given) bool {
	return slices.Contains([]string{"false", "f", "no", "n", "off", "0"}, strings.ToLower(g.value))
}

// list splits at commas.
func (o *overrider) list(g given) []string {
	var list []string
	for text := range strings.SplitSeq(g.value, ",") {
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// seconds reads a whole number of them, at least least.
func (o *overrider) seconds(g given, least int) (time.Duration, bool) {
	n, err := strconv.Atoi(g.value)
	if err != nil || n < least || n > 1<<30 {
		o.fault(g, strictyaml.Quoted(g.value)+" is not a number of seconds",
			"write a whole number, at least "+strconv.Itoa(least))
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// duration takes over a number of seconds, at least one.
func duration(where func(*Config) *time.Duration) func(*overrider, given) {
	return func(o *overrider, g given) {
		if d, ok := o.seconds(g, 1); ok {
			*where(o.c) = d
		}
	}
}

// texts takes over a list.
func texts(where func(*Config) (owner any, key string, list *[]string)) func(*overrider, given) {
	return func(o *overrider, g given) {
		owner, key, list := where(o.c)
		*list = o.list(g)
		o.from(owner, key, g)
	}
}

// header takes over a header that upstream receives.
func header(name string) func(*overrider, given) {
	return func(o *overrider, g given) { o.setHeader(name, g.value) }
}

func (o *overrider) setHeader(name, value string) {
	if o.c.Upstream.Headers == nil {
		o.c.Upstream.Headers = map[string]secret.Secret{}
	}
	o.c.Upstream.Headers[name] = secret.New(value)
}

func (o *overrider) headers(g given) {
	for number, text := range o.list(g) {
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !ok || !headerName.MatchString(name) {
			o.fault(g, "header "+strconv.Itoa(number+1)+" is not of the form name:value",
				"write X-Api-Key:secret, several separated by commas")
			continue
		}
		o.setHeader(name, strings.TrimSpace(value))
	}
	o.from(&o.c.Upstream, "headers", g)
}

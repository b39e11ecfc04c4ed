package strictyaml

import (
	"regexp"
	"strings"
)

var (
	// tokenLike is an Unleash token; after the ":" of a URL is a "/".
	tokenLike = regexp.MustCompile(`[^\s:"'\[{(,]*:[^\s.:/"',]+\.[^\s"',\]}]+`)
	// userInfo is the user and the password in a URL.
	userInfo = regexp.MustCompile(`://[^\s/@"']+@`)
	// secretName is a key whose value is not for everybody, by its name.
	secretName = regexp.MustCompile(secretWords + `|^auth$`)
	// inComment is such a key in a comment, up to its value.
	inComment = regexp.MustCompile(`#.*?(?:` + secretWords + `)[^\s:]*\s*:`)
)

const secretWords = `(?i)token|secret|passw|private|api_?key|access_?key|authori[sz]ation|cookie`

// hideSecrets masks every value under a key that sounds like a secret's, and
// what looks like an address below the keys of addresses, whether the decoder
// comes across it or not.
func (s *source) hideSecrets(root *Node, addresses []string) {
	s.hideBelow(root, "", func(key string, _ *Node) bool {
		return secretName.MatchString(key) && !strings.HasSuffix(strings.ToLower(key), "file")
	})
	for _, name := range addresses {
		if e := root.Get(name); e != nil {
			s.hideBelow(e.Value, "url", func(key string, n *Node) bool {
				return names(key, "url") || strings.Contains(n.Text, "/")
			})
		}
	}
}

// hideBelow masks the scalars at n and below that are secret, but references to
// variables. key is that of the entry which has the scalar or its list.
func (s *source) hideBelow(n *Node, key string, secret func(key string, n *Node) bool) {
	if n.Scalar() && secret(key, n) && !reference(n.Text) {
		s.hide(n.Line, n.Column, n.raw)
	}
	for _, item := range n.Items {
		s.hideBelow(item, key, secret)
	}
	for i := range n.Entries {
		s.hideBelow(n.Entries[i].Value, n.Entries[i].Name, secret)
	}
}

func everything(string, *Node) bool { return true }

// credentialLike holds for a text that could be a credential: long, and without
// spaces.
func credentialLike(_ string, n *Node) bool {
	const long = 16
	return len(n.Text) >= long && !strings.Contains(n.Text, " ")
}

// hideUnparsed masks, in a text that could not be parsed, every value under a
// key that sounds like a secret's or is one of addresses: after it on its line,
// and on the lines that are indented deeper or are items of its list.
func (s *source) hideUnparsed(addresses []string) {
	pattern := secretName.String()
	if len(addresses) > 0 {
		pattern += `|^\s*["']?(` + strings.Join(addresses, "|") + `)\b`
	}
	secretLine := regexp.MustCompile(pattern)
	under := -1 // indentation of such a key
	for i, line := range s.lines {
		text := string(line)
		body := strings.TrimLeft(text, " \t")
		depth := len([]rune(text)) - len([]rune(body))
		if body == "" {
			continue
		}
		if under >= 0 && (depth > under || depth == under && strings.HasPrefix(body, "-")) {
			s.hidden[i+1] = append(s.hidden[i+1], span{depth, toEnd})
			continue
		}
		under = -1
		if at := secretLine.FindStringIndex(text); at != nil {
			// From the end of the word: "tokens: [" loses its "s".
			end := len([]rune(text[:at[1]]))
			if colon := strings.IndexByte(text[at[1]:], ':'); colon >= 0 {
				end += len([]rune(text[at[1]:at[1]+colon])) + 1
			}
			s.hidden[i+1] = append(s.hidden[i+1], span{end, toEnd})
			under = depth + len(body) - len(strings.TrimLeft(body, "- "))
		}
	}
}

// Mask removes what looks like a secret from a text that is quoted in a message.
func Mask(text string) string {
	return userInfo.ReplaceAllString(tokenLike.ReplaceAllString(text, redacted), "://"+redacted+"@")
}

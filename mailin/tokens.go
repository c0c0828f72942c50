package mailin

import (
	"slices"
	"strings"

	"letterlock/bridge"
)

// Bounds of the token of a reply address, in characters, and of the tokens that one mail may name.
const (
	minToken  = 20
	maxToken  = 60
	maxTokens = 50
)

// Tokens lists what looks like the token of a reply address, "reply+TOKEN@", in lower case, each once: first those that the mail is
// addressed to, then those that its In-Reply-To and References name, then those in its text. Whether one is ours only the Gateway knows, which has the key.
func Tokens(m *bridge.Mail) []string {
	var list []string
	for _, as := range [][]bridge.Address{m.To, m.Cc} {
		for _, a := range as {
			list = appendTokens(list, a.Addr)
		}
	}
	for _, s := range slices.Concat(m.Delivered, m.InReplyTo, m.References) {
		list = appendTokens(list, s)
	}
	for _, s := range []string{m.Reply, m.Quoted, m.Signature, m.HTML} {
		list = appendTokens(list, s)
	}
	return list
}

// appendTokens finds tokens in s in one pass.
func appendTokens(list []string, s string) []string {
	for len(list) < maxTokens {
		i := strings.IndexByte(s, '+')
		if i < 0 {
			return list
		}
		before := s[:i]
		s = s[i+1:]
		if len(before) < 5 || !strings.EqualFold(before[len(before)-5:], "reply") {
			continue
		}
		n := 0
		for n < len(s) && n <= maxToken && isTokenChar(s[n]) {
			n++
		}
		if n < minToken || n > maxToken || n == len(s) || s[n] != '@' {
			continue
		}
		if t := strings.ToLower(s[:n]); !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

func isTokenChar(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || '2' <= c && c <= '7' }

package sender

import (
	"errors"
	"strings"

	"letterlock/bridge"
)

// authResult is one statement of an Authentication-Results field (RFC 8601, section 2.2), such as "spf=pass smtp.mailfrom=example.org".
type authResult struct {
	method, result string
	properties     [][2]string
}

type authResults []authResult

var errResults = errors.New("the Authentication-Results field can't be read")

const (
	maxStatements = 50
	maxProperties = 20
)

// parseResults reads the statements of a field, without what comes before its first semicolon. Comments nest and quotes hide semicolons, so that
// whoever chooses a name in a comment or in quotes can't add a statement; where one does not end, nothing is believed.
func parseResults(s string) (authResults, error) {
	statements, err := splitStatements(s)
	if err != nil {
		return nil, err
	}
	var all authResults
	for _, words := range statements {
		if len(words) == 0 {
			continue
		}
		method, result, ok := strings.Cut(words[0], "=")
		if !ok {
			continue // "none", or a word that is nothing
		}
		method, _, _ = strings.Cut(method, "/")
		r := authResult{method: strings.ToLower(method), result: strings.ToLower(result)}
		for _, w := range words[1:] {
			if name, value, ok := strings.Cut(w, "="); ok && len(r.properties) < maxProperties {
				r.properties = append(r.properties, [2]string{strings.ToLower(name), value})
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// splitStatements splits at semicolons, and each statement at white space, except around "=". Comments are left out, quotes taken off.
func splitStatements(s string) ([][]string, error) {
	all := [][]string{nil}
	var word []byte
	end := func() {
		if len(word) > 0 {
			last := &all[len(all)-1]
			*last = append(*last, string(word))
			word = word[:0]
		}
	}
	depth, quoted, spaced := 0, false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == 0 || c >= 0x80 && depth == 0 && !quoted:
			return nil, errResults
		case c == '\\' && (quoted || depth > 0):
			if i++; i == len(s) {
				return nil, errResults
			}
			if quoted {
				word = append(word, s[i])
			}
		case quoted:
			if quoted = c != '"'; quoted {
				word = append(word, c)
			}
		case c == '(':
			if depth++; depth > 20 {
				return nil, errResults
			}
			spaced = true
		case c == ')':
			if depth--; depth < 0 {
				return nil, errResults
			}
		case depth > 0:
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			spaced = true
		case c == ';':
			end()
			spaced = false
			if all = append(all, nil); len(all) > maxStatements {
				return nil, errResults
			}
		default:
			if spaced && c != '=' && len(word) > 0 && word[len(word)-1] != '=' {
				end()
			}
			spaced = false
			if quoted = c == '"'; !quoted {
				word = append(word, c)
			}
		}
	}
	if quoted || depth != 0 {
		return nil, errResults
	}
	end()
	return all, nil
}

// one returns the only statement of a method; two of them are none.
func (l authResults) one(method string) (authResult, bool) {
	var found authResult
	n := 0
	for _, r := range l {
		if r.method == method {
			found = r
			n++
		}
	}
	return found, n == 1
}

func (r authResult) property(name string) string {
	for _, p := range r.properties {
		if p[0] == name {
			return p[1]
		}
	}
	return ""
}

// dmarcPass reports whether the author's domain passed DMARC.
func (l authResults) dmarcPass(author string) bool {
	r, ok := l.one("dmarc")
	if !ok || r.result != "pass" {
		return false
	}
	from, ok := plainDomain(r.property("header.from"))
	return ok && from == author
}

// Nameless stands for hosts whose Authentication-Results fields have no authserv-id, as Microsoft 365 writes them.
const Nameless = "-"

// trace are fields that hosts on the way put on top of a mail. An author writes others, too, so that what stands below those is the author's.
var trace = map[string]bool{
	"received": true, "return-path": true, "received-spf": true, "delivered-to": true, "envelope-to": true, "delivery-date": true,
	"arc-seal": true, "arc-message-signature": true, "arc-authentication-results": true,
}

// upstream returns what a trusted host says about a mail in the topmost Authentication-Results field. Above it may be trace fields only. The
// second result says where it comes from, or why nothing is believed; it is empty where nobody is trusted.
func (p *Prover) upstream(e bridge.Envelope, peer Peer, h *header) (authResults, string, bool) {
	trusted := p.Fronts
	if e.Route == bridge.RouteIMAP {
		trusted = p.Accounts[e.Peer]
	} else if peer.IP.IsValid() {
		trusted = nil // whoever it is, it is not ours
	}
	if len(trusted) == 0 {
		return nil, "", false
	}
	const none = "Authentication-Results: "
	if h.odd != "" {
		return nil, none + "not believed: " + h.odd, false
	}
	for _, f := range h.fields {
		if f.name != "authentication-results" {
			if trace[f.name] || strings.HasPrefix(f.name, "x-") {
				continue
			}
			break
		}
		id, rest := splitID(string(f.value()))
		for _, t := range trusted {
			if id == "" || !strings.EqualFold(id, t) {
				continue
			}
			results, err := parseResults(rest)
			if err != nil {
				return nil, none + "that of " + t + " can't be read", false
			}
			return results, none + "by " + t, true
		}
		return nil, none + "the topmost is not of a trusted host", false
	}
	return nil, none + "none of a trusted host on top of the mail", false
}

// splitID takes the authserv-id off a field's value. It is Nameless where the value begins with a statement, and empty where it can't be read.
func splitID(value string) (id, rest string) {
	if len(value) > maxFolded {
		return "", ""
	}
	first, rest, _ := strings.Cut(value, ";")
	parts, err := splitStatements(first)
	if err != nil {
		// A comment or quotes with a semicolon within: only statements have those.
		return Nameless, value
	}
	switch words := parts[0]; {
	case len(words) == 0:
		return "", ""
	case strings.Contains(words[0], "="):
		return Nameless, value
	case len(words) == 1 || len(words) == 2 && words[1] == "1":
		return words[0], rest
	}
	return "", ""
}

package sender

import (
	"slices"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
)

// again reports whether a mail could be one that its author sent to somebody else, and that a third sends to a reply address that leaked: nothing but
// signatures prove it, and those do not cover to whom it is.
func (ev *evidence) again(mail *bridge.Mail, claim bridge.Claim) bool {
	if ev.signed == nil || claim.Path == "" {
		return false
	}
	to := mailaddr.Normalize(claim.Path)
	for _, list := range []struct {
		name      string
		addresses []bridge.Address
	}{{"to", mail.To}, {"cc", mail.Cc}} {
		covered := false
		for _, s := range ev.signed {
			covered = covered || strings.EqualFold(s, list.name)
		}
		for _, a := range list.addresses {
			if covered && mailaddr.Normalize(a.Addr) == to {
				return false
			}
		}
	}
	return true
}

// signer is the method of a verdict about a mail that may be sent again, and what its reason begins with.
func (ev *evidence) signer() (method, by string) {
	switch ev.method {
	case MethodARC:
		return MethodARC, "ARC"
	case MethodUpstream:
		return MethodUpstream, "Authentication-Results"
	}
	return MethodDKIM, "DKIM"
}

// addressed returns which of To and Cc the signatures of the author's organization cover, for a mail that a host before us found proven: it does not say
// by which of them, so only what all cover counts. It returns nil where there are none, since then it was SPF that proved the author.
func (h *header) addressed(author string) []string {
	var covered []string
	for _, f := range h.fields {
		if f.name != "dkim-signature" {
			continue
		}
		tags, err := parseTags(string(f.value()))
		domain, ok := plainDomain(tags.value("d"))
		if err == nil && ok && !aligned(domain, author, false) {
			continue
		}
		if covered == nil {
			covered = []string{"to", "cc"}
		}
		_, part := tags.get("l")
		signed := tags.list("h")
		covered = slices.DeleteFunc(covered, func(name string) bool {
			n := max(1, h.count(name)) // one that is there once more is none of the signer's
			for _, s := range signed {
				if strings.EqualFold(s, name) {
					n--
				}
			}
			return n > 0 || part
		})
	}
	return covered
}

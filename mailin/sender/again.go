package sender

import (
	"slices"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
)

// again tells why a mail could be one that its author sent to somebody else, and that a third sends here because a reply address or a Message-ID of
// ours leaked: nothing but signatures prove it, and those do not cover what makes it a reply. It returns nothing if it can't be that.
func (ev *evidence) again(mail *bridge.Mail, claim bridge.Claim) string {
	switch {
	case ev.signed == nil:
	case claim.Path != "" && !ev.addressed(mail, claim.Path):
		return "the signed To and Cc don't name this reply address"
	case claim.Path == "" && claim.Address != "" && !ev.answers(mail):
		return "the fields that say which mail it answers (In-Reply-To, References) are not all signed"
	}
	return ""
}

// addressed reports whether what is signed names an address.
func (ev *evidence) addressed(mail *bridge.Mail, path string) bool {
	to := mailaddr.Normalize(path)
	names := func(a bridge.Address) bool { return mailaddr.Normalize(a.Addr) == to }
	return ev.covers("to") && slices.ContainsFunc(mail.To, names) || ev.covers("cc") && slices.ContainsFunc(mail.Cc, names)
}

// answers reports whether all is signed that a mail refers to. One field of two would not do: in either stands what may be ours.
func (ev *evidence) answers(mail *bridge.Mail) bool {
	return (len(mail.InReplyTo) == 0 || ev.covers("in-reply-to")) && (len(mail.References) == 0 || ev.covers("references"))
}

func (ev *evidence) covers(name string) bool {
	return slices.ContainsFunc(ev.signed, func(s string) bool { return strings.EqualFold(s, name) })
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

// covered returns which of the fields that make a mail a reply the signatures of the author's organization cover, for one that a host before us found
// proven: it does not say by which of them, so only what all cover counts. It returns nil where there are none, since then it was SPF that proved the author.
func (h *header) covered(author string) []string {
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
			covered = []string{"to", "cc", "in-reply-to", "references"}
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

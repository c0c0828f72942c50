package bridge

import (
	"encoding/base32"
	"strings"
)

// Issuer makes and recognises the tokens that leave in addresses, Message-IDs and links. A token is an ID and a keyed code
// over it, so a forged one is refused by arithmetic alone, before any look-up, and a stolen database holds none.
type Issuer struct {
	keys   Keyring
	domain string
	base   string
}

// The purposes of tokens. A token made for one never passes for another.
const (
	purposeReply     = "reply address"
	purposeBounce    = "reverse-path"
	purposeMessageID = "message-id"
	purposeLink      = "link"
	// purposeUnsubscribe is that of the links that turn mails off.
	purposeUnsubscribe = "unsubscribe"
)

const (
	codeOctets  = 10
	tokenLength = 42 // base32 of 16 + 10 octets, unpadded
)

// Local parts at our domain.
const (
	replyPrefix  = "reply+"
	bouncePrefix = "bounce+"
	noReplyLocal = "no-reply"
)

// tokenCoding is base32 in lower case: local parts are compared without case by some systems (RFC 5321, section 2.4).
var tokenCoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewIssuer returns an Issuer for a domain (in lower case) and the portal's base URL, without a slash at its end.
func NewIssuer(keys Keyring, domain, baseURL string) *Issuer {
	return &Issuer{keys: keys, domain: domain, base: baseURL}
}

func (i *Issuer) token(purpose string, id ID) string {
	var b [16 + codeOctets]byte
	copy(b[:], id[:])
	copy(b[16:], i.keys.Sign(purpose, id[:]))
	return tokenCoding.EncodeToString(b[:])
}

func (i *Issuer) open(purpose, token string) (ID, bool) {
	if len(token) != tokenLength {
		return ID{}, false
	}
	token = strings.ToLower(token)
	var b [16 + codeOctets]byte
	if _, err := tokenCoding.Decode(b[:], []byte(token)); err != nil {
		return ID{}, false
	}
	if tokenCoding.EncodeToString(b[:]) != token {
		return ID{}, false // the last letter holds two bits more than there are
	}
	var id ID
	copy(id[:], b[:])
	return id, i.keys.Verify(purpose, id[:], b[16:])
}

// ReplyAddress returns the addr-spec of a reply address: its local part has 48 octets.
func (i *Issuer) ReplyAddress(id ID) string {
	return replyPrefix + i.token(purposeReply, id) + "@" + i.domain
}

// ReversePath returns the envelope sender of a delivery, to which its DSNs come back.
func (i *Issuer) ReversePath(delivery ID) string {
	return bouncePrefix + i.token(purposeBounce, delivery) + "@" + i.domain
}

// OpenEnvelopeID returns the delivery whose envelope id (RFC 3461, section 4.4) this is, if we made it. It is the token of the reverse-path.
func (i *Issuer) OpenEnvelopeID(id string) (ID, bool) { return i.open(purposeBounce, id) }

// MessageID returns the Message-ID of a delivery, without angle brackets. It is the same at each attempt and shows no host.
func (i *Issuer) MessageID(delivery ID) string {
	return i.token(purposeMessageID, delivery) + "@" + i.domain
}

// OpenMessageID returns the delivery whose Message-ID this is, if we made it.
func (i *Issuer) OpenMessageID(messageID string) (ID, bool) {
	local, domain, ok := strings.Cut(messageID, "@")
	if !ok || !strings.EqualFold(domain, i.domain) {
		return ID{}, false
	}
	return i.open(purposeMessageID, local)
}

// Link returns the URL that a notice for this delivery carries. It signs nobody in.
func (i *Issuer) Link(delivery ID) string {
	return i.base + "/m/" + i.token(purposeLink, delivery)
}

// OpenLink returns the delivery that a link's token names, if we made it.
func (i *Issuer) OpenLink(token string) (ID, bool) { return i.open(purposeLink, token) }

// place is what an address of ours stands for.
type place int

const (
	elsewhere place = iota // not ours, or forged
	atReply
	atBounce
	atNoReply
	atAdmins
	atInbox
)

// locate tells what a normalised addr-spec stands for, and for reply and bounce addresses which one. It looks nothing up.
func (g *Gateway) locate(address string) (place, ID) {
	if g.inbox[address] {
		return atInbox, ID{}
	}
	at := strings.LastIndexByte(address, '@')
	if at < 0 || address[at+1:] != g.issuer.domain {
		return elsewhere, ID{}
	}
	local := address[:at]
	if token, ok := strings.CutPrefix(local, replyPrefix); ok {
		if id, ok := g.issuer.open(purposeReply, token); ok {
			return atReply, id
		}
		return elsewhere, ID{}
	}
	if token, ok := strings.CutPrefix(local, bouncePrefix); ok {
		if id, ok := g.issuer.open(purposeBounce, token); ok {
			return atBounce, id
		}
		return elsewhere, ID{}
	}
	switch local {
	case noReplyLocal:
		return atNoReply, ID{}
	case "postmaster", "abuse":
		return atAdmins, ID{}
	}
	return elsewhere, ID{}
}

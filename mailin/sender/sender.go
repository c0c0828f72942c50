// Package sender judges who really sent a mail.
//
// A mail's From field is a claim that anybody can write. A [Judge] looks at the mail, at the envelope and at the SMTP client
// that brought it, and says what is proven. The gate in package bridge acts on nothing else: a verdict carries an
// address only if the author is proven, so that a judge that knows nothing lets nothing in.
//
// There are two judges. A [Prover] wants a proof: DMARC (RFC 7489, RFC 9091) over DKIM (RFC 6376) and SPF (RFC 7208), or the word of a
// trusted host that had the mail before us, in a chain of ARC seals (RFC 8617) or in an Authentication-Results field (RFC 8601). It asks
// DNS through a [Resolver] that it is given, and answers VerdictTemporary rather than guess. [AddressPolicy] takes From at its word.
//
// Both refuse a From field that is not one address, plainly written. What this package reads it reads strictly: where two programs may
// see different things, nothing is believed.
//
// It must not know threads, people or what becomes of the mail.
package sender

import (
	"context"
	"net/netip"

	"letterlock/bridge"
)

// Peer is the SMTP client that handed the mail over. It is zero for mail from an IMAP mailbox, where nothing is known of it.
type Peer struct {
	IP   netip.Addr // not IPv4-mapped; invalid where unknown
	Helo string     // the name in HELO or EHLO, as claimed
	TLS  bool       // the session was encrypted
}

// Judge says who sent a mail. Raw is the mail as received, with CRLF line endings; mail is the same as it was parsed. Neither is
// changed or kept. Claim is the author that the forward-path or the references belong to; its Address is empty where there is none.
//
// It answers VerdictTemporary where asking again later may tell more (a DNS server that does not answer), also when ctx ends. It
// may be used by several goroutines at once.
type Judge interface {
	Judge(ctx context.Context, e bridge.Envelope, p Peer, raw []byte, mail *bridge.Mail, claim bridge.Claim) bridge.Verdict
}

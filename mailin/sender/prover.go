package sender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"blitiri.com.ar/go/spf"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
)

// The Method of a Prover's verdict: what proved the author, or would have to.
const (
	MethodFrom     = "from"                   // the From field alone was looked at, and it is not one plain mailbox
	MethodDMARC    = "dmarc"                  // aligned, and the domain has a policy
	MethodDKIM     = "dkim"                   // aligned, and the domain has no policy
	MethodSPF      = "spf"                    // likewise
	MethodARC      = "arc"                    // a trusted forwarder saw it pass
	MethodUpstream = "authentication-results" // a trusted mail server that had it before us saw it pass
	MethodNone     = "none"                   // nothing was asked
)

// Resolver answers questions to DNS. Its errors are *net.DNSError: IsNotFound for what is certainly not there, temporary for what may be. A
// *resolver.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
}

// Config is what a Prover needs. Resolver must be set. Domains are compared as host names, in any case.
type Config struct {
	Resolver Resolver

	// Strict holds whatever is not proven. Otherwise mail is refused where its author's domain asks for that (p=reject) and SPF is known.
	Strict bool
	// Allow are domains without a policy, or with p=none, whose authors are believed if nothing speaks against them and they write to their own reply
	// address. Not with Strict.
	Allow []string
	// Sealers are forwarders whose ARC seals are believed (RFC 8617).
	Sealers []string
	// Fronts are authserv-ids (RFC 8601, section 2.5) of mail servers in front of ours, believed where the SMTP client is not known because it is such a
	// server. They must take such fields off mail that comes with them. Nameless stands for fields without one.
	Fronts []string
	// Accounts are the same for IMAP accounts, by the name of the account.
	Accounts map[string][]string

	Timeout time.Duration    // for all questions about one mail; default 20 seconds (RFC 7208, section 4.6.4)
	Now     func() time.Time // default time.Now
}

// Prover believes in an author only who is proven: by DMARC (RFC 7489), or where the author's domain has no policy by a DKIM signature
// (RFC 6376) or by SPF (RFC 7208) for the same organization.
type Prover struct {
	Config
	allow, sealers map[string]bool
	big            chan struct{} // one element while a large text is verified
}

var _ Judge = (*Prover)(nil)

// NewProver returns a Prover, or an error that names what is wrong.
func NewProver(c Config) (*Prover, error) {
	if c.Resolver == nil {
		return nil, errors.New("to prove senders takes a resolver")
	}
	if c.Strict && len(c.Allow) > 0 {
		return nil, errors.New("strict allows no domain without a proof")
	}
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Prover{Config: c, big: make(chan struct{}, 1)}
	var err error
	if p.allow, err = domainSet(c.Allow); err != nil {
		return nil, err
	}
	p.sealers, err = domainSet(c.Sealers)
	return p, err
}

// ValidDomains returns an error that names the first of some domains that is none.
func ValidDomains(list []string) error {
	_, err := domainSet(list)
	return err
}

func domainSet(list []string) (map[string]bool, error) {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		_, domain, _ := mailaddr.Split(mailaddr.Normalize("x@" + s))
		plain, ok := plainDomain(domain)
		if !ok {
			return nil, fmt.Errorf("%q is not a domain", s)
		}
		set[plain] = true
	}
	return set, nil
}

// Judge implements Judge.
func (p *Prover) Judge(ctx context.Context, e bridge.Envelope, peer Peer, raw []byte, mail *bridge.Mail, claim bridge.Claim) bridge.Verdict {
	return p.verdict(p.examine(ctx, e, peer, raw, mail), mail, claim)
}

// ForOneMail returns a Judge for several recipients of one mail, which all have the same envelope but for the forward-path. What does not depend on the
// recipient is found out once. It is for one goroutine.
func (p *Prover) ForOneMail() Judge { return &oneMail{prover: p} }

// ForOneMail returns a judge for several recipients of one mail in a row: j itself, unless it knows how to spare itself work.
func ForOneMail(j Judge) Judge {
	if m, ok := j.(interface{ ForOneMail() Judge }); ok {
		return m.ForOneMail()
	}
	return j
}

type oneMail struct {
	prover   *Prover
	mail     *bridge.Mail
	evidence evidence
}

// Judge implements Judge.
func (o *oneMail) Judge(ctx context.Context, e bridge.Envelope, peer Peer, raw []byte, mail *bridge.Mail, claim bridge.Claim) bridge.Verdict {
	if o.mail == nil || o.mail != mail {
		o.mail, o.evidence = mail, o.prover.examine(ctx, e, peer, raw, mail)
	}
	return o.prover.verdict(o.evidence, mail, claim)
}

// evidence is what is known of a mail, whomever it is to.
type evidence struct {
	moot   string // why nothing was asked
	flaw   error  // of the From field
	author string
	policy policy
	method string   // what proves the author; empty if nothing does
	signed []string // what the signature covers, if that alone proves the author; nil if something else does
	spf    spfResult
	unsure bool // something may be known later
	notes  []string
}

// examine finds out what proves the author of a mail.
func (p *Prover) examine(ctx context.Context, e bridge.Envelope, peer Peer, raw []byte, mail *bridge.Mail) evidence {
	var ev evidence
	switch {
	case mail != nil && mail.Kind != bridge.KindMessage && mail.Kind != "":
		// Reports prove themselves by what they return, and machines' answers go to no conversation.
		ev.moot = "from: not asked, since it is a " + string(mail.Kind) + " and no message"
		return ev
	case e.Route == bridge.RouteSMTP && e.ReversePath == "":
		ev.moot = "from: not asked, since the reverse-path is null, which no person's mail has"
		return ev
	}
	h := readHeader(raw)
	if ev.author, ev.flaw = author(raw, mail); ev.flaw == nil && h.hidden != "" {
		ev.flaw = errors.New(h.hidden)
	}
	if ev.flaw != nil {
		return ev
	}
	_, domain, _ := mailaddr.Split(ev.author)
	domain, ok := plainDomain(domain)
	if !ok {
		ev.flaw = errors.New("the domain of From is none that mail has")
		return ev
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	p.gather(ctx, &ev, e, peer, raw, &h, domain)
	return ev
}

// gather asks what costs least first, and no more once the author is proven.
func (p *Prover) gather(ctx context.Context, ev *evidence, e bridge.Envelope, peer Peer, raw []byte, h *header, domain string) {
	var err error
	if ev.policy, err = p.policy(ctx, domain); err != nil {
		ev.unsure = true
		ev.note("DMARC: " + errTemporary.Error())
		ev.policy.strictDKIM, ev.policy.strictSPF = true, true // it may say so
	} else {
		ev.note("DMARC: " + ev.policy.String())
	}
	proven := func(method string) {
		ev.method = method
		if ev.policy.found {
			ev.method = MethodDMARC
		}
	}
	signatures := p.dkim(ctx, raw, h, domain, ev.policy.strictDKIM)
	ev.notes = append(ev.notes, signatures.notes...)
	if signatures.domain != "" {
		proven(MethodDKIM)
		ev.signed = signatures.signed
	}
	ev.unsure = ev.unsure || signatures.err != nil

	results, note, believed := p.upstream(e, peer, h)
	ev.note(note)
	switch {
	case believed:
		ev.spf = results.spf()
	case e.Route == bridge.RouteSMTP:
		ev.spf = p.spf(ctx, e, peer)
	default:
		ev.note("SPF: not known, since the mail came to a mailbox")
	}
	ev.note(ev.spf.note)
	ev.unsure = ev.unsure || ev.spf.err != nil
	if ev.spf.result == spf.Pass && ev.spf.domain != "" {
		if aligned(ev.spf.domain, domain, ev.policy.strictSPF) {
			proven(MethodSPF)
			ev.signed = nil // the host is the domain's, so it is no old letter that somebody sends again
		} else {
			ev.note("SPF: " + ev.spf.domain + " is not the author's domain")
		}
	}
	if ev.method != "" {
		return
	}
	if believed && results.dmarcPass(domain) {
		ev.method, ev.signed = MethodUpstream, h.covered(domain)
		return
	}
	chain := p.arc(ctx, raw, h, domain)
	ev.note(chain.note)
	ev.unsure = ev.unsure || chain.err != nil
	if chain.passed {
		ev.method, ev.signed = MethodARC, chain.signed
	}
}

func (ev *evidence) note(s string) {
	if s != "" {
		ev.notes = append(ev.notes, s)
	}
}

// spf returns what a trusted host says of SPF.
func (l authResults) spf() spfResult {
	r, ok := l.one("spf")
	if !ok {
		return spfResult{}
	}
	s := spfResult{known: true, result: spf.Result(r.result)}
	from := r.property("smtp.mailfrom")
	s.domain, _ = plainDomain(from[strings.LastIndexByte(from, '@')+1:])
	switch s.result {
	case spf.Pass, spf.Fail, spf.SoftFail, spf.Neutral, spf.None, spf.PermError:
		s.note = "SPF: " + string(s.result) + " for " + s.domain + ", it says"
	default: // it did not know either
		return spfResult{}
	}
	return s
}

// verdict decides about one recipient's part.
func (p *Prover) verdict(ev evidence, mail *bridge.Mail, claim bridge.Claim) bridge.Verdict {
	v := bridge.Verdict{Result: bridge.VerdictFail, Method: ev.method, Reasons: ev.notes}
	old := ev.again(mail, claim)
	switch {
	case ev.moot != "":
		return bridge.Verdict{Result: bridge.VerdictNone, Method: MethodNone, Reasons: []string{ev.moot}}
	case ev.flaw != nil:
		return bridge.Verdict{Result: bridge.VerdictReject, Method: MethodFrom, Reasons: []string{"from: " + ev.flaw.Error()}}
	case old != "":
		by := ""
		v.Method, by = ev.signer()
		v.Reasons = append(v.Reasons[:len(v.Reasons):len(v.Reasons)], by+": "+old+", so it may be an old letter that somebody sends again")
		return v
	case ev.method != "":
		v.Result, v.Address = bridge.VerdictPass, ev.author
		return v
	case ev.unsure:
		v.Result, v.Method = bridge.VerdictTemporary, MethodNone
		return v
	}
	v.Method = MethodDMARC
	switch {
	case ev.policy.found && ev.policy.wish == wishReject && !ev.policy.partly && !p.Strict && ev.spf.known:
		v.Result = bridge.VerdictReject
		return v
	case ev.policy.found && ev.policy.wish != wishNone:
		return v
	case p.allowed(ev, claim):
		v.Result, v.Method, v.Address = bridge.VerdictPass, MethodAddress, ev.author
		v.Reasons = append(v.Reasons[:len(v.Reasons):len(v.Reasons)], "address: nothing proves the author, and the configuration allows that domain where reply address and From agree")
		return v
	}
	v.Result, v.Method = bridge.VerdictNone, MethodNone
	if ev.spf.result == spf.Fail {
		v.Result, v.Method = bridge.VerdictFail, MethodSPF
	}
	return v
}

// allowed reports whether a mail of which nothing is proven is taken at its word.
func (p *Prover) allowed(ev evidence, claim bridge.Claim) bool {
	_, domain, _ := mailaddr.Split(ev.author)
	return p.allow[domain] && claim.Address != "" && mailaddr.Normalize(claim.Address) == ev.author && ev.spf.result != spf.Fail
}

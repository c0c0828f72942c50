package sender

import (
	"context"
	"errors"
	"net"
	"strings"
	"unicode"
	"unicode/utf8"

	"blitiri.com.ar/go/spf"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
)

// spfResult is what SPF says about the host that brought a mail.
type spfResult struct {
	known  bool // it was asked, here or by a trusted host
	result spf.Result
	domain string // of the reverse-path; empty if that is null
	note   string // what to tell; empty if nothing
	err    error  // temporary
}

// spf asks whether the client may send mail of the reverse-path's domain (RFC 7208).
//
// For a null reverse-path the HELO name is asked for (section 2.4), but proves nothing: it is nobody's address, and a host may call itself
// as it likes in a domain that says nothing of its hosts.
func (p *Prover) spf(ctx context.Context, e bridge.Envelope, peer Peer) spfResult {
	if !peer.IP.IsValid() {
		return spfResult{note: "SPF: not asked, since the client is not known"}
	}
	path, ok := plainPath(e.ReversePath)
	if !ok {
		return spfResult{known: true, result: spf.None, note: "SPF: not asked, since the reverse-path is not one plain address"}
	}
	r := spfResult{known: true}
	helo, heloOK := plainDomain(strings.TrimSuffix(peer.Helo, "."))
	if !heloOK {
		helo = "unknown.invalid"
	}
	sender := path
	if path == "" {
		if !heloOK {
			return spfResult{known: true, result: spf.None, note: "SPF: not asked, since the reverse-path is null and HELO is no host name"}
		}
		sender = "postmaster@" + helo
	} else {
		r.domain = path[strings.LastIndexByte(path, '@')+1:]
	}
	// Reverse-path domains come in any case and compare in lower case.
	var err error
	r.result, err = checkSPF(ctx, p.Resolver, peer.IP.AsSlice(), helo, sender)
	switch {
	case r.result == spf.TempError:
		r.err = errTemporary
	case r.result == spf.Pass && errors.Is(err, spf.ErrMatchedAll):
		// "+all", or a record without limits that includes one: whoever asks passes, so it says nothing.
		r.result = spf.Neutral
		r.note = "SPF: the record of " + sender[strings.LastIndexByte(sender, '@')+1:] + " lets everybody send, which proves nothing"
	}
	if r.note == "" {
		of := "HELO, since the reverse-path is null"
		if r.domain != "" {
			of = r.domain
		}
		r.note = "SPF: " + string(r.result) + " for " + of
	}
	return r
}

// checkSPF is the library's check with our resolver.
func checkSPF(ctx context.Context, r Resolver, ip net.IP, helo, sender string) (spf.Result, error) {
	return spf.CheckHostWithSender(ip, helo, sender, spf.WithContext(ctx), spf.WithResolver(r))
}

// plainPath returns a reverse-path whose local part is a dot-atom and whose domain is plain, in lower case. The null one is itself. Quoted local
// parts may have an "@" within that programs cut at, and routes another domain in front.
//
// Both may have letters of any script (RFC 6531). The domain then is in the form that DNS has, and the local part matches nothing that a record names by
// a macro, since no name in DNS has such letters (RFC 8616).
func plainPath(path string) (string, bool) {
	if path == "" {
		return "", true
	}
	local, domain, ok := strings.Cut(path, "@")
	if !ok || local == "" || len(local) > 64 || !utf8.ValidString(path) {
		return "", false
	}
	for _, c := range local {
		other := c > 0x7f && !unicode.In(c, unicode.L, unicode.M, unicode.N)
		if other || c <= ' ' || c == 0x7f || strings.ContainsRune(`"(),:;<>[\]%`, c) {
			return "", false
		}
	}
	if strings.ContainsFunc(domain, func(c rune) bool { return c > 0x7f }) {
		_, domain, _ = mailaddr.Split(mailaddr.Normalize("x@" + domain))
	}
	domain, ok = plainDomain(domain)
	return local + "@" + domain, ok
}

func isNotFound(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

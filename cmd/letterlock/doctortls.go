package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/mailout/mtasts"
)

// dial connects to a host by the addresses that our DNS servers know.
func (p *patient) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	d := net.Dialer{Timeout: tryTimeout}
	if net.ParseIP(host) != nil || loopbackHost(host) {
		return d.DialContext(ctx, network, address)
	}
	ips, err := p.names.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	var last error
	for _, ip := range ips {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(ip.IP.String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

// checkServed looks at the certificates that people and mail servers are shown, whoever shows them: this gateway or what stands in front of it.
func checkServed(ctx context.Context, p *patient) []finding {
	if p.names == nil {
		return nil
	}
	var found []finding
	if f, tell := p.checkHTTPS(ctx); tell {
		found = append(found, f)
	}
	if f, tell := p.checkSTARTTLS(ctx); tell {
		found = append(found, f)
	}
	return found
}

func (p *patient) checkHTTPS(ctx context.Context) (finding, bool) {
	u, err := url.Parse(p.config.BaseURL)
	if err != nil || u.Scheme != "https" {
		return finding{}, false // plain HTTP is for this machine alone
	}
	port := u.Port()
	setDefault(&port, "443")
	address := net.JoinHostPort(u.Hostname(), port)
	conn, err := p.dial(ctx, "tcp", address)
	if err != nil {
		return finding{
			About: address, State: stateWarning, What: "the portal was not reached: " + err.Error(),
			Advice: "if people reach it and only this machine does not, all is well; else look at base_url, at the name's address and at what serves it",
		}, true
	}
	defer conn.Close()
	return p.checkChain(ctx, address, u.Hostname(), conn), true
}

// checkChain makes a handshake, and looks at the certificate as a browser would.
func (p *patient) checkChain(ctx context.Context, about, host string, conn net.Conn) finding {
	client := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: p.roots, Time: p.now, MinVersion: tls.VersionTLS12})
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	if err := client.HandshakeContext(ctx); err != nil {
		return fault(about, err, certificateAdvice(err, host))
	}
	return p.checkLeaf(about, client.ConnectionState().PeerCertificates[0])
}

func (p *patient) checkLeaf(about string, leaf *x509.Certificate) finding {
	until := leaf.NotAfter.Format(time.DateOnly)
	if leaf.NotAfter.Sub(p.now()) < certificateNotice {
		return finding{About: about, State: stateWarning, What: "its certificate runs out on " + until, Advice: "renew it"}
	}
	return good(about, "its certificate is for that name, and good until %s", until)
}

func certificateAdvice(err error, host string) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &name):
		return "get a certificate for " + host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew it; if it is new, look at this machine's clock"
	case errors.As(err, &unknown):
		return "get one from an authority that everybody trusts, and serve the whole chain; acme.domains does both"
	}
	return "look at what serves TLS there"
}

// checkSTARTTLS asks this gateway's own door for mail for its certificate, if it is open.
func (p *patient) checkSTARTTLS(ctx context.Context) (finding, bool) {
	c := p.config.SMTP
	if c.Listen == "" || strings.HasPrefix(c.Listen, "unix:") || len(c.ProxyProtocol) > 0 {
		return finding{}, false
	}
	about := "smtp " + c.Hostname
	if c.TLSCert == "" && len(p.config.ACME.Domains) == 0 {
		return finding{
			About: about, State: stateWarning, What: "mail comes in without TLS",
			Advice: "set smtp.tls_cert and smtp.tls_key, or acme.domains; unless a server on this machine takes it and hands it over",
		}, true
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return finding{}, false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	conn, err := p.dial(ctx, "tcp", net.JoinHostPort(host, port))
	if errors.Is(err, syscall.ECONNREFUSED) {
		return good(about, "its certificate was not asked for: the gateway does not run"), true
	}
	if err != nil {
		return fault(about, err, "look at smtp.listen"), true
	}
	defer conn.Close()
	return p.askCertificate(about, c.Hostname, conn), true
}

// askCertificate begins TLS with a mail server. Who delivers mail rarely asks for more than a certificate, so that one which nobody vouches for is a warning.
func (p *patient) askCertificate(about, host string, conn net.Conn) finding {
	_ = conn.SetDeadline(time.Now().Add(tryTimeout))
	config := &tls.Config{ServerName: host, RootCAs: p.roots, Time: p.now, MinVersion: tls.VersionTLS12}
	client, err := smtp.NewClientStartTLS(conn, config)
	if err == nil {
		err = client.Noop() // the handshake is made with the first command
	}
	if err != nil {
		f := fault(about, err, certificateAdvice(err, host))
		if check := (*tls.CertificateVerificationError)(nil); errors.As(err, &check) {
			f.State, f.Advice = stateWarning, f.Advice+"; most servers deliver mail all the same, but none that goes by MTA-STS"
		}
		return f
	}
	defer client.Close()
	if s, ok := client.TLSConnectionState(); ok && len(s.PeerCertificates) > 0 {
		return p.checkLeaf(about, s.PeerCertificates[0])
	}
	return fault(about, errors.New("it shows no certificate"), "look at smtp.tls_cert")
}

// nothingKept is a keeper of MTA-STS policies that forgets: here the policy is fetched, whatever was known.
type nothingKept struct{}

// STSPolicy implements mtasts.Keeper.
func (nothingKept) STSPolicy(context.Context, string, time.Time) (bridge.STSPolicy, error) {
	return bridge.STSPolicy{}, bridge.ErrNotFound
}

// SetSTSPolicy implements mtasts.Keeper.
func (nothingKept) SetSTSPolicy(context.Context, bridge.STSPolicy) error { return nil }

// checkSTS looks at the MTA-STS policy (RFC 8461) of the domain of reply addresses, if it announces one: a wrong one keeps mail away.
func checkSTS(ctx context.Context, p *patient) []finding {
	if p.names == nil {
		return nil
	}
	records, err := p.names.LookupTXT(ctx, "_mta-sts."+p.domain)
	if err != nil && !resolver.IsNotFound(err) {
		return []finding{unknown("_mta-sts."+p.domain, err)}
	}
	if _, announced := mtasts.ParseRecord(records); !announced {
		if len(records) > 0 {
			f := fault(p.domain, errors.New("what it has at _mta-sts is no record of MTA-STS, or more than one"), "replace it")
			f.Publish = []dnsRecord{txtRecord("_mta-sts."+p.domain, "v=STSv1; id="+p.now().UTC().Format("20060102150405"))}
			return []finding{f}
		}
		return []finding{good(p.domain, "it announces no MTA-STS policy: who writes to it may do so without TLS")}
	}
	transport := &http.Transport{
		DialContext: p.dial, TLSClientConfig: &tls.Config{RootCAs: p.roots, Time: p.now, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}
	client := mtasts.New(mtasts.Config{Texts: p.names, Keeper: nothingKept{}, HTTP: transport, Now: p.now})
	defer client.Close()
	is, err := client.Find(ctx, p.domain)
	if err != nil {
		return []finding{unknown(p.domain, err)}
	}
	where := "https://mta-sts." + p.domain + "/.well-known/mta-sts.txt"
	if is.Policy.Mode == "" {
		return []finding{fault(p.domain, fmt.Errorf("it announces an MTA-STS policy that can't be had (%s)", is.Fault), "look at "+where+", or take the record away")}
	}
	return []finding{p.checkMatches(ctx, is.Policy, where)}
}

// checkMatches looks whether a policy names the domain's mail exchangers.
func (p *patient) checkMatches(ctx context.Context, policy mtasts.Policy, where string) finding {
	list, err := p.names.LookupMX(ctx, p.domain)
	if err != nil && !resolver.IsNotFound(err) {
		return unknown(p.domain, err)
	}
	if policy.Mode == mtasts.None {
		return good(p.domain, "its MTA-STS policy is none")
	}
	for _, mx := range list {
		host := strings.TrimSuffix(mx.Host, ".")
		if policy.Matches(host) {
			continue
		}
		f := fault(p.domain, fmt.Errorf("its MTA-STS policy (%s) does not name %s, where its mail goes", policy.Mode, host),
			fmt.Sprintf(`add "mx: %s" to %s, and give the record another id`, host, where))
		if policy.Mode == mtasts.Testing {
			f.State = stateWarning
		}
		return f
	}
	return good(p.domain, "its MTA-STS policy is %s, and names where its mail goes", policy.Mode)
}

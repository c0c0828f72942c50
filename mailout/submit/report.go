package submit

import (
	"context"
	"crypto/tls"
	"net/http"

	"letterlock/bridge"
	"letterlock/mailout/compose"
)

// SendReport brings a report of how TLS went to one of its recipient's exchangers, once, whatever TLS proves there: what is wrong with it is what
// the report is about, so policies are not kept to, and the session is not counted (RFC 8460, section 3). It is for nothing else. Its error is an *Error.
func (d *Direct) SendReport(ctx context.Context, m compose.Mail) error {
	domain := hostName(bridge.DomainOf(m.Recipient))
	e, err := d.exchangers(ctx, domain)
	if err != nil {
		return err
	}
	c, err := (&attempt{d: d, e: e, anyhow: true}).first(ctx)
	if err != nil {
		return err
	}
	defer c.quit()
	if _, fault := c.send(ctx, m); fault != nil {
		return fault
	}
	return nil
}

// reportDemand is what a host must prove before a report goes there: nothing.
func reportDemand(h host) demand {
	return demand{policy: policyNone, name: h.name, uncounted: true, prove: func(c *tls.Config) proof { return named(c, h.name) }}
}

// count counts one session with a host of which something is wanted.
func (d *Direct) count(want demand, domain, host, result string) {
	if !want.uncounted {
		d.results.add(domain, host, want.policy, result)
	}
}

// Web is the way to the web servers of recipients' domains: through the same resolver, and to no address that mail would not go to. It closes each
// connection, and can be used until Close.
func (d *Direct) Web() http.RoundTripper { return d.web }

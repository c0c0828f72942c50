// Package smtpd is the door for mail that comes by SMTP (RFC 5321): it takes mail for our own addresses and for nothing else.
//
// It speaks LMTP (RFC 2033) and XFORWARD with mail servers that stand in front of it, and with everybody SMTP: STARTTLS (RFC 3207), SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), PIPELINING (RFC 2920) and enhanced status
// codes (RFC 2034). What can be refused is refused in the session, with a reason that the sender can act on, so that no mail
// about mail has to be sent later. A 250 after the end of the data means that the mail is durably recorded.
//
// go-smtp holds the conversation. Below it stands a [conn] that hands it one strictly formed line at a time: bare CR and bare LF never
// get through, neither in commands nor in mails, so that no two programs can disagree where a mail ends. The goroutines are one for each
// listener and one for each connection.
//
// It must not know what a thread is, how a mail is read or who its author is: it asks a [Gateway], a Parse function and a
// [sender.Judge].
package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
	"letterlock/mailin/sender"
)

// Gateway decides what becomes of mail. A *bridge.Gateway is one.
type Gateway interface {
	// CheckRecipient returns nil, or one of the sentinels in replies.go, for a forward-path, and who would have to be the author of
	// a mail to it; the zero Claim where Author has to be asked.
	CheckRecipient(ctx context.Context, forwardPath string) (bridge.Claim, error)
	// NoteRefusal records that a forward-path was refused.
	NoteRefusal(ctx context.Context, e bridge.Envelope, reason error)
	// Author says who would have to have written a mail.
	Author(ctx context.Context, e bridge.Envelope, m *bridge.Mail) (bridge.Claim, error)
	// Receive records a mail durably. Taking the same mail again changes nothing.
	Receive(ctx context.Context, e bridge.Envelope, m *bridge.Mail, v bridge.Verdict) (bridge.Received, error)
	// Refusal is a sentence for the sender, in one line of ASCII.
	Refusal(err error) string
	// Domain is that of the addresses that mail comes to; Config.Domain may be a host in it.
	Domain() string
}

var _ Gateway = (*bridge.Gateway)(nil)

// Config is what a Server needs. Gateway, Parse, Judge, Domain and one listener must be set; zero limits take the defaults.
type Config struct {
	Gateway Gateway
	Parse   func(raw []byte) *bridge.Mail // reads one mail; it keeps raw
	Judge   sender.Judge

	// Listeners are open already, and closed by Run. One that yields *tls.Conn speaks TLS from the first octet; one that
	// speaks the PROXY protocol reports the client in RemoteAddr.
	Listeners []net.Listener
	// LMTP are listeners that speak LMTP (RFC 2033), for a mail server in front of this one: one reply for each recipient after the mail. Only Unix
	// sockets, this machine and Forwarders are let in there.
	LMTP []net.Listener
	// Forwarders are networks of mail servers in front. What they say about their clients in XFORWARD is believed; if they say nothing, the client
	// of a mail is not known. So are all who come through LMTP or a Unix socket. The limits for one address or network don't hold for them.
	Forwarders []netip.Prefix
	Domain     string      // this host's name in the greeting and in Received fields
	TLS        *tls.Config // for STARTTLS, which is not offered without it

	MaxSize       int64 // octets of one mail; default 50 MiB
	MaxRecipients int   // of one mail; default 100
	MaxRefused    int   // recipients refused in one session before it is closed; default 20
	MaxFaults     int   // commands that are none in one session before it is closed; default 20
	MaxConns      int   // connections at once; default 500
	MaxNetConns   int   // connections at once from one network (IPv4 /24, IPv6 /64, and four times as many from a /48); default 100
	MaxBig        int   // mails over 256 KiB in memory at once; default 4. With what they are parsed into, each may take about three times MaxSize

	Pace   Pace           // how much one address may do within a minute; no bounds if zero
	Exempt []netip.Prefix // networks for which Pace does not hold

	BigPatience    time.Duration // how long a mail over 256 KiB may come in slower than 64 KiB a second while others wait; default 20 seconds
	CommandTimeout time.Duration // for the next command line; default 5 minutes (RFC 5321, section 4.5.3.2.7)
	BlockTimeout   time.Duration // for the next piece of data; default 3 minutes
	DataTimeout    time.Duration // for the whole of one mail; default 15 minutes
	SessionTimeout time.Duration // for the whole of one connection; default 1 hour
	Grace          time.Duration // for transactions that are under way when Run is to end; default 30 seconds

	Now func() time.Time // default time.Now
	Log *slog.Logger     // discarded if nil

	// AfterReceive, if set, is called when all recipients of a mail are committed and before that is answered. Crash tests use it.
	AfterReceive func()
}

// smallMail is the size up to which a mail may come without waiting for a place among the big ones.
const smallMail = 256 << 10

// Server takes mail by SMTP.
type Server struct{ Config }

// New returns a Server, or an error that names the setting that is wrong.
func New(c Config) (*Server, error) {
	if c.Gateway == nil || c.Parse == nil || c.Judge == nil {
		return nil, errors.New("an SMTP server needs a gateway, a parser and a judge")
	}
	if len(c.Listeners)+len(c.LMTP) == 0 {
		return nil, errors.New("an SMTP server needs a listener")
	}
	if err := mailaddr.Valid("postmaster@" + c.Domain); err != nil {
		return nil, errors.New("domain \"" + c.Domain + "\" is not a domain name")
	}
	defaults(&c.MaxSize, 50<<20)
	defaults(&c.MaxRecipients, 100)
	defaults(&c.MaxRefused, 20)
	defaults(&c.MaxFaults, 20)
	defaults(&c.MaxConns, 500)
	defaults(&c.MaxNetConns, 100)
	defaults(&c.MaxBig, 4)
	defaults(&c.BigPatience, 20*time.Second)
	defaults(&c.CommandTimeout, 5*time.Minute)
	defaults(&c.BlockTimeout, 3*time.Minute)
	defaults(&c.DataTimeout, 15*time.Minute)
	defaults(&c.SessionTimeout, time.Hour)
	defaults(&c.Grace, 30*time.Second)
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS12)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{c}, nil
}

// defaults sets what is zero or below.
func defaults[T int | int64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

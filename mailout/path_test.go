package mailout_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailout/submit"
	"letterlock/mailout/submit/relaytest"
)

// needing prepares as bridge does where the mode would let a copy go.
func needing(need bridge.Need) func(bridge.Delivery) (bridge.Outgoing, error) {
	return func(d bridge.Delivery) (bridge.Outgoing, error) {
		if !need.MetBy(d.Path) {
			o := noticeFor(d)
			o.Why = need.Lack(d.Path)
			return o, nil
		}
		o := copyFor(d)
		o.Need = need
		return o, nil
	}
}

func TestNoticeGoesAtOnceWhereTheWayIsTooWeak(t *testing.T) {
	good, pool := relaytest.Certificate(t, "127.0.0.1")
	wrong, _ := relaytest.Certificate(t, "other.example")
	lies := func(o smtp.MailOptions) error {
		if o.RequireTLS {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 30}, Message: "REQUIRETLS support required"}
		}
		return nil
	}
	for _, tt := range []struct {
		name   string
		server relaytest.Config
		need   bridge.Need
		form   bridge.Form
		path   bridge.Path
	}{
		{"in clear", relaytest.Config{}, bridge.NeedTLS, bridge.FormNotice, bridge.PathClear},
		{"in clear, which is enough", relaytest.Config{}, bridge.NeedAny, bridge.FormCopy, bridge.PathClear},
		{"unproven", relaytest.Config{Certificate: wrong}, bridge.NeedTLS, bridge.FormNotice, bridge.PathEncrypted},
		{"proven", relaytest.Config{Certificate: good}, bridge.NeedTLS, bridge.FormCopy, bridge.PathTLS},
		{"proven, which is not enough", relaytest.Config{Certificate: good}, bridge.NeedVerified, bridge.FormNotice, bridge.PathTLS},
		{"verified", relaytest.Config{Certificate: good, RequireTLS: true}, bridge.NeedVerified, bridge.FormCopy, bridge.PathVerified},
		{"verified, it says, and takes it back", relaytest.Config{Certificate: good, RequireTLS: true, OnOptions: lies}, bridge.NeedVerified, bridge.FormNotice, bridge.PathTLS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := relaytest.Start(t, tt.server)
			r, err := submit.NewRelay(submit.RelayConfig{
				Address: server.Addr, Security: submit.TLSOpportunistic, TLS: &tls.Config{RootCAs: pool}, LocalName: "gateway.example", CommandTimeout: 5 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close() })
			b := newBox()
			b.prepare = needing(tt.need)
			ids := b.add(10, bridge.DeliverMessage, 5)
			run(t, b, r, nil)
			for _, id := range ids {
				d := b.await(t, id, bridge.Relayed, 1)
				if d.Form != tt.form || d.Path != tt.path || d.Attempts != 1 || (d.Why != "") != (tt.form == bridge.FormNotice) {
					t.Errorf("got a %s on a path %q after %d attempts (%s), want a %s on %q at once", d.Form, d.Path, d.Attempts, d.Why, tt.form, tt.path)
				}
			}
			for _, m := range server.Mails() {
				if bytes.Contains(m.Data, []byte("Secret")) != (tt.form == bridge.FormCopy) {
					t.Errorf("what left is no %s:\n%s", tt.form, m.Data)
				}
				if m.Mail.RequireTLS != (tt.form == bridge.FormCopy && tt.need == bridge.NeedVerified) {
					t.Errorf("REQUIRETLS was asked for: %v", m.Mail.RequireTLS)
				}
			}
		})
	}
}

// If whoever decides were wrong about the connection, the octets would still not leave.
func TestCopyIsNotOfferedWhateverWasDecided(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	b.prepare = func(d bridge.Delivery) (bridge.Outgoing, error) {
		o := copyFor(d)
		o.Need = bridge.NeedTLS
		return o, nil
	}
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	run(t, b, relayTo(t, server.Addr, 2), nil)
	if d := b.await(t, id, bridge.Deferred, 1); d.Diagnostic == "" {
		t.Error("nobody is told why")
	}
	if n := len(server.Mails()); n != 0 {
		t.Errorf("%d mails left", n)
	}
	b.mu.Lock()
	b.prepare = func(bridge.Delivery) (bridge.Outgoing, error) { return bridge.Outgoing{}, errors.New("over") }
	b.mu.Unlock()
}

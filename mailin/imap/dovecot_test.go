package imap

import (
	"testing"

	"letterlock/mailin/imap/dovecottest"
)

// dovecot is a real server.
type dovecot struct{ *dovecottest.Server }

func newDovecot(t *testing.T) dovecot { return dovecot{dovecottest.Start(t)} }

func (d dovecot) account() Account {
	return Account{Name: "ann", Addr: d.Addr, Security: Plain, Username: "ann", Password: "secret"}
}

func (d dovecot) deliver(t testing.TB, raw string) { d.Deliver(t, raw) }
func (d dovecot) up(t *testing.T)                  { d.Up(t) }
func (d dovecot) down(t *testing.T)                { d.Down(t) }
func (d dovecot) renumber(t *testing.T)            { d.Renumber(t) }

func TestDovecot(t *testing.T) {
	dovecottest.Need(t)
	scenarios(t, func(t *testing.T) server { return newDovecot(t) })
}

// The same over TLS, in both ways.
func TestDovecotTLS(t *testing.T) {
	dovecottest.Need(t)
	d := newDovecot(t)
	for _, security := range []Security{TLS, StartTLS} {
		o := newOffice()
		a := d.account()
		a.Security = security
		if security == TLS {
			a.Addr = d.TLSAddr
		}
		stop := start(t, o, nil, a)
		if security == TLS {
			d.deliver(t, letter("one"))
		}
		o.awaitMails(t, "one")
		stop()
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package submit

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"letterlock/mailout/compose"
	"letterlock/mailout/submit/relaytest"
)

// pipelining greets as a server that takes several commands at once.
func (p *peer) pipelining() {
	p.say("220 hi")
	p.expect("EHLO")
	p.say("250-hi\r\n250-PIPELINING\r\n250 DSN")
}

// three reads the commands of one mail, all of them before it answers any, as nobody could who waits for replies.
func (p *peer) three() bool {
	return p.expect("MAIL FROM:<") && p.expect("RCPT TO:<") && p.expect("DATA")
}

func (p *peer) text() bool {
	for p.next() {
		if p.line == "." {
			return true
		}
	}
	return false
}

// TestPipelining: what a mail begins with is said at once, and each reply counts for what it is a reply to, however they come.
func TestPipelining(t *testing.T) {
	const good = "250 ok\r\n250-2.1.5 so\r\n250 2.1.5 be it\r\n354 go\r\n"
	for _, tt := range []struct {
		name string
		play func(p *peer) // what the first connection says to the first mail; it takes a second one if it can
		// Of the two mails, one after the other:
		first, second string // empty: taken
		connections   int
	}{
		{"all in one piece", func(p *peer) { p.write(good); p.text(); p.say("250 taken") }, "", "", 1},
		{"octet by octet", func(p *peer) {
			for _, c := range good {
				p.write(string(c))
			}
			p.text()
			p.say("250 taken")
		}, "", "", 1},
		{"the sender is refused", func(p *peer) { p.write("550 5.7.1 not you\r\n503 no\r\n503 no\r\n") }, "550 5.7.1 at mail", "", 1},
		{"the recipient is refused", func(p *peer) {
			p.write("250 ok\r\n550 5.1.1 nobody\r\n554 no recipient\r\n")
			p.expect("RSET")
			p.say("250 ok")
			p.expect("EHLO")
			p.say("250-hi\r\n250-PIPELINING\r\n250 DSN")
		}, "550 5.1.1 at rcpt", "", 1},
		{"the recipient is refused, and the rest a little later", func(p *peer) {
			p.write("250 ok\r\n450 4.2.1 gr")
			p.write("eylisted\r\n50")
			p.write("3 no recipient\r\n")
			p.expect("RSET")
			p.say("250 ok")
			p.expect("EHLO")
			p.say("250-hi\r\n250-PIPELINING\r\n250 DSN")
		}, "450 4.2.1 at rcpt", "", 1},
		{"the recipient is refused, and the text is wanted", func(p *peer) { p.write("250 ok\r\n550 5.1.1 nobody\r\n354 go\r\n"); p.text() }, "550 5.1.1 at rcpt", "", 2},
		{"the text is refused", func(p *peer) {
			p.write("250 ok\r\n250 ok\r\n451 4.3.0 not now\r\n")
			p.expect("RSET")
			p.say("250 ok")
			p.expect("EHLO")
			p.say("250-hi\r\n250-PIPELINING\r\n250 DSN")
		}, "451 4.3.0 at data", "", 1},
		{"a parameter is refused", func(p *peer) {
			p.write("555 5.5.4 what is RET\r\n503 no\r\n503 no\r\n")
			p.expect("MAIL FROM:<")
			p.say("250 ok")
			p.expect("RCPT TO:<")
			p.say("250 ok")
			p.expect("DATA")
			p.say("354 go")
			p.text()
			p.say("250 taken")
		}, "", "", 1},
		{"a reply too much", func(p *peer) { p.write(good + "250 taken\r\n"); p.text() }, "0 at content", "", 2},
		{"a reply too few", func(p *peer) { p.write("250 ok\r\n354 go\r\n"); p.Close() }, "354 at rcpt", "", 2},
		{"it closes half-way", func(p *peer) { p.write("250 ok\r\n250"); p.Close() }, "0 at rcpt", "", 2},
		{"it goes away in good form", func(p *peer) { p.write("421 4.3.2 bye\r\n"); p.Close() }, "421 4.3.2 at mail", "", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			connections := make(chan int, 10)
			addr := script(t, func(p *peer) {
				connections <- 1
				p.pipelining()
				if len(connections) == 1 {
					if !p.three() {
						t.Errorf("it said %q before it was answered", p.line)
						return
					}
					tt.play(p)
				}
				for p.next() && strings.HasPrefix(p.line, "MAIL") {
					p.held = true
					if !p.three() {
						t.Errorf("it said %q before it was answered", p.line)
						return
					}
					p.write(good)
					p.text()
					p.say("250 taken")
				}
				if p.line == "QUIT" {
					p.say("221 bye")
				}
			})
			r := newRelay(t, addr, nil)
			for i, want := range []string{tt.first, tt.second} {
				_, err := r.Send(context.Background(), letter(i+1))
				got := ""
				if err != nil {
					e := asError(t, err)
					got = strings.Join(strings.Fields(fmt.Sprintf("%d %s at %s", e.Code, e.Enhanced, e.Stage)), " ")
				}
				if got != want {
					t.Errorf("mail %d: got %q (%v), want %q", i+1, got, err, want)
				}
			}
			if n := len(connections); n != tt.connections {
				t.Errorf("%d connections, want %d", n, tt.connections)
			}
		})
	}
}

// TestPipeliningIsAsBefore: what arrives by it is what arrives without, DSN parameters included.
func TestPipeliningIsAsBefore(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{SMTPUTF8: true})
	r := newRelay(t, server.Addr, nil)
	bounce := letter(1)
	bounce.ReversePath = ""
	wide := letter(2)
	wide.Recipient, wide.UTF8 = "ünn@example.org", true
	for _, m := range []compose.Mail{bounce, wide} {
		if _, err := r.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	got := server.Await(t, 2)
	if got[0].From != "" || len(got[0].Rcpt.Notify) != 1 || got[0].Rcpt.Notify[0] != "NEVER" || string(got[0].Data) != string(bounce.Data) {
		t.Errorf("got %+v", got[0])
	}
	if got[1].To != "ünn@example.org" || !got[1].Mail.UTF8 || len(got[1].Rcpt.Notify) != 2 || got[1].Mail.EnvelopeID != envelopeID(wide) {
		t.Errorf("got %+v", got[1])
	}
}

// TestPipeliningSaysNothingMore: of a recipient that would be two commands nothing is said, as without it.
func TestPipeliningSaysNothingMore(t *testing.T) {
	said := make(chan string, 10)
	server := relaytest.Start(t, relaytest.Config{OnRcpt: func(_ int, to string) error { said <- to; return nil }})
	r := newRelay(t, server.Addr, nil)
	bad := letter(1)
	bad.Recipient = "ann@example.org>\r\nRCPT TO:<eve@example.net"
	if _, err := r.Send(t.Context(), bad); err == nil {
		t.Error("it was sent")
	}
	if _, err := r.Send(t.Context(), letter(2)); err != nil {
		t.Fatal(err)
	}
	if to, want := <-said, letter(2).Recipient; to != want || len(said) != 0 {
		t.Errorf("the server heard of %q and %d more, want %q alone", to, len(said), want)
	}
}

package bridge_test

import (
	"errors"
	"strings"
	"testing"

	"letterlock/bridge"
)

// sentTo returns what last left for a person.
func (w *world) sentTo(p bridge.Person) bridge.Outgoing {
	w.t.Helper()
	var sent bridge.Outgoing
	for _, o := range w.outgoing() {
		if o.Delivery.Person == p.ID {
			sent = o
		}
	}
	if sent.ReversePath == "" {
		w.t.Fatalf("nothing that could come back left for %s", p.Address)
	}
	return sent
}

// delivery looks a delivery up as staff see it.
func (w *world) delivery(id bridge.ID) bridge.Delivery {
	w.t.Helper()
	v, err := w.g.ReadThread(w.t.Context(), w.operator, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	for _, d := range v.Deliveries {
		if d.ID == id {
			return d
		}
	}
	w.t.Fatal("the delivery is gone")
	return bridge.Delivery{}
}

// bounce is a report about whatever its address or the returned Message-IDs say.
func (w *world) bounce(class, status, diagnostic string, returned ...string) *bridge.Mail {
	m := w.mail("mailer-daemon@mail.example.org", "It could not be delivered.")
	m.Kind, m.AutoSubmitted, m.ReportedID = bridge.KindBounce, true, returned
	m.Report = []bridge.ReportedRecipient{{Recipient: "ann@example.org", Action: "failed", Status: status, Class: class, Diagnostic: diagnostic}}
	return m
}

// other changes the last letter of a token's code.
func other(s string) string {
	at := strings.IndexByte(s, '@')
	c := byte('a')
	if s[at-1] == c {
		c = 'b'
	}
	return s[:at-1] + string(c) + s[at:]
}

func TestForgedBouncesChangeNothing(t *testing.T) {
	w := newWorld(t)
	sent := w.sentTo(w.inside)
	before := w.delivery(sent.Delivery.ID)
	if before.State != bridge.Relayed {
		t.Fatalf("it is %s, not relayed", before.State)
	}
	smtp := func(to string) bridge.Envelope { return bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: to} }
	for name, c := range map[string]struct {
		to string
		m  *bridge.Mail
	}{
		"nothing of ours":                      {w.replyAddress(w.second), w.bounce("permanent", "5.1.1", "550 no such mailbox")},
		"a foreign Message-ID":                 {w.replyAddress(w.second), w.bounce("permanent", "5.1.1", "550 no such mailbox", "x@example.org")},
		"a Message-ID with a letter changed":   {w.replyAddress(w.second), w.bounce("permanent", "5.1.1", "550 no such mailbox", other(sent.MessageID))},
		"many guesses":                         {w.replyAddress(w.second), w.bounce("permanent", "5.1.1", "550 no such mailbox", strings.Split(strings.Repeat(strings.Repeat("b", 42)+"@example.com ", 500), " ")...)},
		"a reverse-path with a letter changed": {other(sent.ReversePath), w.bounce("permanent", "5.1.1", "550 no such mailbox")},
	} {
		w.receiveAs(smtp(c.to), c.m, bridge.Verdict{})
		if got := w.delivery(sent.Delivery.ID); got.State != before.State || got.Diagnostic != before.Diagnostic {
			t.Errorf("%s: it is %s now, %q", name, got.State, got.Diagnostic)
		}
	}
	if _, err := w.g.CheckRecipient(t.Context(), other(sent.ReversePath)); !errors.Is(err, bridge.ErrUnknownRcpt) {
		t.Errorf("a forged reverse-path at the door: got %v, want ErrUnknownRcpt", err)
	}
	// Only a bounce says that a mail did not arrive.
	for _, kind := range []bridge.MailKind{bridge.KindReceipt, bridge.KindComplaint, bridge.KindAutoReply, bridge.KindMessage} {
		m := w.bounce("permanent", "5.1.1", "550 no such mailbox", sent.MessageID)
		m.Kind = kind
		if _, err := w.g.Receive(t.Context(), smtp(sent.ReversePath), m, bridge.Verdict{}); err != nil {
			t.Errorf("a %s: %v", kind, err)
		}
		if got := w.delivery(sent.Delivery.ID); got.State != bridge.Relayed {
			t.Errorf("after a %s to the bounce address: %s, want relayed", kind, got.State)
		}
	}
}

func TestBouncesTellWhatBecameOfTheMail(t *testing.T) {
	w := newWorld(t)
	sent := w.sentTo(w.inside)
	byAddress := bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: sent.ReversePath}

	// It waits somewhere: it has left all the same, and may still fail.
	w.receiveAs(byAddress, w.bounce("temporary", "4.2.2", "452 4.2.2 mailbox full\r\nX-Injected: yes"), bridge.Verdict{})
	got := w.delivery(sent.Delivery.ID)
	if want := "delayed: 4.2.2 452 4.2.2 mailbox full X-Injected: yes"; got.State != bridge.Relayed || got.Diagnostic != want {
		t.Errorf("after a delay: %s, %q, want relayed, %q", got.State, got.Diagnostic, want)
	}
	arrived := w.bounce("success", "2.0.0", "")
	arrived.Report[0].Action = "delivered"
	w.receiveAs(byAddress, arrived, bridge.Verdict{})
	if got := w.delivery(sent.Delivery.ID); got.State != bridge.Relayed {
		t.Errorf("after a notice of success: %s, want relayed", got.State)
	}

	// It came back, told by the Message-ID of the mail in the report, to whichever address of ours.
	r := w.receiveAs(bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: w.replyAddress(w.second)}, w.bounce("permanent", "5.1.1", "550 no such mailbox", "x@example.org", sent.MessageID), bridge.Verdict{})
	if r.Disposition != bridge.Reported {
		t.Errorf("the bounce is %s, want a report", r.Disposition)
	}
	got = w.delivery(sent.Delivery.ID)
	if want := "came back: 5.1.1 550 no such mailbox"; got.State != bridge.Failed || got.Diagnostic != want {
		t.Errorf("after it came back: %s, %q, want failed, %q", got.State, got.Diagnostic, want)
	}

	// What failed stays so, whatever is said later.
	w.receiveAs(byAddress, w.bounce("temporary", "4.4.1", "timed out"), bridge.Verdict{})
	if late := w.delivery(sent.Delivery.ID); late.State != bridge.Failed || late.Diagnostic != got.Diagnostic {
		t.Errorf("after a late delay: %s, %q", late.State, late.Diagnostic)
	}
}

// Whatever a machine says, by whichever way and to whichever address, it becomes an event: nobody reads it as a message and no mail answers it.
func TestMachinesAreNotAnswered(t *testing.T) {
	w := newWorld(t)
	sent := w.sentTo(w.inside)
	reply := w.replyAddress(w.inside)
	before := len(w.texts(w.operator))
	for _, mode := range []bridge.Mode{bridge.ModeConvenience, bridge.ModeSecure} {
		w.must(w.g.SetMode(t.Context(), w.operator, mode))
		w.outgoing()
		for _, to := range []string{reply, sent.ReversePath} {
			for _, route := range []bridge.Route{bridge.RouteSMTP, bridge.RouteIMAP} {
				for _, from := range []string{"", "ann@example.org"} {
					for _, kind := range []bridge.MailKind{bridge.KindAutoReply, bridge.KindBounce, bridge.KindComplaint, bridge.KindReceipt} {
						m := w.mail("ann@example.org", "I am away.")
						m.Kind, m.AutoSubmitted = kind, true
						r := w.receiveAs(bridge.Envelope{Route: route, ReversePath: from, ForwardPath: to}, withTo(m, to), pass("ann@example.org"))
						want := bridge.Reported
						if kind == bridge.KindAutoReply {
							want = bridge.AutoReplied
						}
						if r.Disposition != want {
							t.Errorf("%s: a %s from <%s> over %s is %s: %q", mode, kind, from, route, r.Disposition, r.Reasons)
						}
					}
				}
			}
		}
		for _, o := range w.outgoing() {
			t.Errorf("%s: it caused a mail to %s", mode, o.Recipient.Addr)
		}
	}
	if after := len(w.texts(w.operator)); after != before {
		t.Errorf("%d messages in the conversation, want %d", after, before)
	}
}

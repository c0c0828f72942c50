package bridge_test

import (
	"errors"
	"testing"
	"time"

	"letterlock/bridge"
)

// Several mails arrive at once, out of one mailbox: each gets its own disposition, in their order, and the same one twice is known within them.
func TestSeveralArriveTogether(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	e := bridge.Envelope{Route: bridge.RouteIMAP, Peer: "office"}
	var mails []bridge.Arrival
	for _, text := range []string{"One.", "Two.", "Three."} {
		mails = append(mails, bridge.Arrival{Envelope: e, Mail: withTo(w.mail("ann@example.org", text), to), Verdict: pass("ann@example.org")})
	}
	stranger := withTo(w.mail("mallory@example.net", "Let me in."), to)
	mails = append(mails, mails[1], bridge.Arrival{Envelope: e, Mail: stranger, Verdict: pass("mallory@example.net")})
	before := len(w.texts(bridge.AsPerson(w.staff.ID)))
	got, err := w.g.ReceiveAll(t.Context(), mails)
	w.must(err)
	for i, want := range []bridge.Disposition{bridge.Appended, bridge.Appended, bridge.Appended, bridge.Duplicate, bridge.Held} {
		if got[i].Disposition != want {
			t.Errorf("mail %d: got %s (%q), want %s", i+1, got[i].Disposition, got[i].Reasons, want)
		}
	}
	if got[3].Original != got[1].ID {
		t.Errorf("the copy is one of %v, want %v", got[3].Original, got[1].ID)
	}
	texts := w.texts(bridge.AsPerson(w.staff.ID))[before:]
	if len(texts) != 3 || texts[0] != "One." || texts[1] != "Two." || texts[2] != "Three." {
		t.Errorf("the conversation goes on with %q", texts)
	}
}

// One of several can't be taken at this moment: then none is, nor does any count for its author's pace, and each alone tells which it was.
func TestOneOfSeveralFails(t *testing.T) {
	w := newWorld(t)
	list, err := w.g.ClaimDeliveries(t.Context(), "one", time.Minute, 1)
	w.must(err)
	sent, err := w.g.Prepare(t.Context(), "one", list[0])
	w.must(err)
	report := w.mail("mailer-daemon@example.org", "")
	report.Kind = bridge.KindBounce
	report.Report = []bridge.ReportedRecipient{{Recipient: sent.Recipient.Addr, Status: "5.1.1", Class: "permanent"}}
	reply := bridge.Arrival{
		Envelope: bridge.Envelope{Route: bridge.RouteIMAP, Peer: "office", ForwardPath: w.replyAddress(w.inside)},
		Mail:     w.mail("ann@example.org", "One."), Verdict: pass("ann@example.org"),
	}
	// The report overtakes the record that its mail left, so it is to come again.
	tooSoon := bridge.Arrival{Envelope: bridge.Envelope{Route: bridge.RouteIMAP, Peer: "office", ForwardPath: sent.ReversePath}, Mail: report}
	for range 100 { // more often than one contact may write
		if _, err := w.g.ReceiveAll(t.Context(), []bridge.Arrival{reply, tooSoon}); !errors.Is(err, bridge.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
	}
	if n := w.sees(bridge.AsPerson(w.staff.ID), "One."); n != 0 {
		t.Errorf("the mail beside it is there %d times, want none", n)
	}
	if r := w.receiveAs(reply.Envelope, reply.Mail, reply.Verdict); r.Disposition != bridge.Appended {
		t.Errorf("alone: got %s (%q), want appended", r.Disposition, r.Reasons)
	}
}

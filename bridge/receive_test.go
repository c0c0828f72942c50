package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
)

func stringsReader(s string) io.Reader { return strings.NewReader(s) }

func asSuppression(err error, s **bridge.Suppression) bool { return errors.As(err, s) }

// texts returns what a person sees in the thread.
func (w *world) texts(a bridge.Actor) []string {
	w.t.Helper()
	v, err := w.g.ReadThread(w.t.Context(), a, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	var list []string
	for _, m := range v.Messages {
		list = append(list, m.Text)
	}
	return list
}

func (w *world) sees(a bridge.Actor, text string) int {
	w.t.Helper()
	n := 0
	for _, t := range w.texts(a) {
		if strings.Contains(t, text) {
			n++
		}
	}
	return n
}

func TestReplyIsAppendedOnce(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	m := w.mail("ann@example.org", "Thank you!")

	first := w.receive(m, to)
	if first.Disposition != bridge.Appended || first.Thread != w.thread.ID {
		t.Fatalf("got %s in %v (%q), want appended in %v", first.Disposition, first.Thread, first.Reasons, w.thread.ID)
	}
	again := w.receive(m, strings.ToUpper(to))
	if again.Disposition != bridge.Duplicate || again.Original != first.ID {
		t.Errorf("the second time: got %s of %v, want a duplicate of %v", again.Disposition, again.Original, first.ID)
	}
	imap := w.receiveAs(bridge.Envelope{Route: bridge.RouteIMAP, Peer: "office"}, withTo(m, to), pass("ann@example.org"))
	if imap.Disposition != bridge.Duplicate {
		t.Errorf("through the mailbox: got %s, want a duplicate", imap.Disposition)
	}
	if n := w.sees(bridge.AsPerson(w.second.ID), "Thank you!"); n != 1 {
		t.Errorf("Ben sees it %d times, want once", n)
	}
}

func withTo(m *bridge.Mail, to string) *bridge.Mail {
	c := *m
	c.To = []bridge.Address{{Addr: to}}
	return &c
}

func TestSameMessageIDIsNotTheSameMail(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	one, two := w.mail("ann@example.org", "Yes."), w.mail("ann@example.org", "No.")
	two.MessageID = one.MessageID
	for _, m := range []*bridge.Mail{one, two} {
		if r := w.receive(m, to); r.Disposition != bridge.Appended {
			t.Errorf("%q: got %s, want appended", m.Reply, r.Disposition)
		}
	}
}

func TestManyCopiesAtOnceAreAppendedOnce(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	m := w.mail("ann@example.org", "Only once.")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := w.g.Receive(context.Background(), bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "ann@example.org", ForwardPath: to}, m, pass("ann@example.org")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.sees(w.operator, "Only once."); n != 1 {
		t.Errorf("it is in the thread %d times, want once", n)
	}
}

func TestMessageIDFindsTheThread(t *testing.T) {
	w := newWorld(t)
	w.replyAddress(w.inside)
	_, err := w.g.Post(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "One more thing."})
	w.must(err)
	var sent bridge.Outgoing
	for _, o := range w.outgoing() {
		if o.Delivery.Person == w.inside.ID {
			sent = o
		}
	}
	m := w.mail("ann@example.org", "Found by its reference.")
	m.InReplyTo = []string{"forged@example.com", sent.MessageID}
	if r := w.receive(m, "office@example.com"); r.Disposition != bridge.Appended || r.Thread != w.thread.ID {
		t.Errorf("got %s (%q), want appended to the thread", r.Disposition, r.Reasons)
	}
	// The same reference from somebody else passes no gate.
	m = w.mail("cleo@example.org", "Found by a stolen reference.")
	m.References = []string{sent.MessageID}
	if r := w.receive(m, "office@example.com"); r.Disposition != bridge.Held {
		t.Errorf("from somebody else: got %s, want held", r.Disposition)
	}
}

func TestTheGate(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		prepare func(w *world, m *bridge.Mail, v *bridge.Verdict, e *bridge.Envelope)
		want    bridge.Disposition
		refusal error
	}{
		{"a stranger with the real address", func(_ *world, m *bridge.Mail, v *bridge.Verdict, _ *bridge.Envelope) {
			m.From[0].Addr, *v = "mallory@example.net", pass("mallory@example.net")
		}, bridge.Held, nil},
		{"another participant's address", func(_ *world, m *bridge.Mail, v *bridge.Verdict, _ *bridge.Envelope) {
			m.From[0].Addr, *v = "ben@example.org", pass("ben@example.org")
		}, bridge.Held, nil},
		{"nothing proven", func(_ *world, _ *bridge.Mail, v *bridge.Verdict, _ *bridge.Envelope) {
			*v = bridge.Verdict{Result: bridge.VerdictNone}
		}, bridge.Held, nil},
		{"a failed proof", func(_ *world, _ *bridge.Mail, v *bridge.Verdict, _ *bridge.Envelope) {
			*v = bridge.Verdict{Result: bridge.VerdictFail, Address: "ann@example.org"}
		}, bridge.Held, nil},
		{"made to deceive", func(_ *world, _ *bridge.Mail, v *bridge.Verdict, _ *bridge.Envelope) {
			*v = bridge.Verdict{Result: bridge.VerdictReject, Reasons: []string{"DMARC: example.org asks for p=reject"}}
		}, bridge.Refused, bridge.ErrForbidden},
		{"two authors", func(_ *world, m *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) {
			m.From = append(m.From, bridge.Address{Addr: "mallory@example.net"})
		}, bridge.Refused, bridge.ErrForbidden},
		{"no author", func(_ *world, m *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) { m.From = nil }, bridge.Refused, bridge.ErrForbidden},
		{"a mailing list", func(_ *world, m *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) { m.List = true }, bridge.Held, nil},
		{"over a bound", func(_ *world, m *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) { m.OverBound = "1,001 parts" }, bridge.Held, nil},
		{"an auto-reply", func(_ *world, m *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) { m.Kind = bridge.KindAutoReply }, bridge.AutoReplied, nil},
		{"a null reverse-path", func(_ *world, _ *bridge.Mail, _ *bridge.Verdict, e *bridge.Envelope) { e.ReversePath = "" }, bridge.AutoReplied, nil},
		{"a bounce", func(_ *world, m *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) { m.Kind = bridge.KindBounce }, bridge.Reported, nil},
		{"a complaint", func(_ *world, m *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) { m.Kind = bridge.KindComplaint }, bridge.Reported, nil},
		{"a forged token", func(_ *world, _ *bridge.Mail, _ *bridge.Verdict, e *bridge.Envelope) {
			e.ForwardPath = "reply+" + strings.Repeat("a", 42) + "@example.com"
		}, bridge.Refused, bridge.ErrUnknownRcpt},
		{"secure mode", func(w *world, _ *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) {
			w.must(w.g.SetMode(ctx, w.operator, bridge.ModeSecure))
		}, bridge.Refused, bridge.ErrRepliesOff},
		{"a secure thread", func(w *world, _ *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) {
			w.must(w.g.SetThreadMode(ctx, w.operator, w.thread.ID, bridge.ModeSecure))
		}, bridge.Refused, bridge.ErrRepliesOff},
		{"a secure contact", func(w *world, _ *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) {
			w.must(w.g.SetContactMode(ctx, w.operator, w.inside.ID, bridge.ModeSecure))
		}, bridge.Refused, bridge.ErrRepliesOff},
		{"a participant who was removed", func(w *world, _ *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) {
			w.must(w.g.RemoveParticipant(ctx, w.operator, w.thread.ID, w.inside.ID))
		}, bridge.Refused, bridge.ErrRevokedRcpt},
		{"a disabled person", func(w *world, _ *bridge.Mail, _ *bridge.Verdict, _ *bridge.Envelope) {
			w.must(w.g.SetDisabled(ctx, w.operator, w.inside.ID, true))
		}, bridge.Refused, bridge.ErrRevokedRcpt},
		{"an answer to a notice", func(_ *world, _ *bridge.Mail, _ *bridge.Verdict, e *bridge.Envelope) {
			e.ForwardPath = "no-reply@example.com"
		}, bridge.Refused, bridge.ErrRepliesOff},
		{"the participant", func(*world, *bridge.Mail, *bridge.Verdict, *bridge.Envelope) {}, bridge.Appended, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			to := w.replyAddress(w.inside)
			m := w.mail("ann@example.org", "CANARY")
			v := pass("ann@example.org")
			e := bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "ann@example.org", ForwardPath: to}
			c.prepare(w, m, &v, &e)
			r := w.receiveAs(e, m, v)
			if r.Disposition != c.want || !errors.Is(r.Refusal, c.refusal) {
				t.Errorf("got %s, %v (%q), want %s, %v", r.Disposition, r.Refusal, r.Reasons, c.want, c.refusal)
			}
			if len(r.Reasons) == 0 {
				t.Error("it has no reason")
			}
			shown := w.sees(w.operator, "CANARY") > 0
			if want := c.want == bridge.Appended; shown != want {
				t.Errorf("in the thread: %v, want %v", shown, want)
			}
			// What is refused at RCPT is refused here, and the other way round.
			_, atRCPT := w.g.CheckRecipient(ctx, e.ForwardPath)
			for _, early := range []error{bridge.ErrUnknownRcpt, bridge.ErrRevokedRcpt, bridge.ErrRepliesOff} {
				if errors.Is(c.refusal, early) && !strings.HasPrefix(e.ForwardPath, "no-reply@") && !errors.Is(atRCPT, early) {
					t.Errorf("at RCPT: %v, want %v", atRCPT, early)
				}
			}
			list, _, err := w.g.ListReceived(ctx, w.operator, bridge.ReceivedQuery{})
			w.must(err)
			if len(list) != 1 || list[0].Disposition != c.want {
				t.Errorf("the log has %d mails, want this one as %s", len(list), c.want)
			}
		})
	}
}

func TestInbox(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.SetMode(t.Context(), w.operator, bridge.ModeConvenience))
	if r := w.receive(w.mail("cleo@example.org", "A new matter."), "office@example.com"); r.Disposition != bridge.NewThread {
		t.Errorf("from a contact: got %s (%q), want a new thread", r.Disposition, r.Reasons)
	}
	if r := w.receive(w.mail("nobody@example.net", "Hello."), "office@example.com"); r.Disposition != bridge.Held {
		t.Errorf("from nobody known: got %s, want held", r.Disposition)
	}
	if r := w.receive(w.mail("marlene@example.com", "Hello."), "office@example.com"); r.Disposition != bridge.Held {
		t.Errorf("from staff: got %s, want held", r.Disposition)
	}
	w.must(w.g.SetMode(t.Context(), w.operator, bridge.ModeSecure))
	if r := w.receive(w.mail("cleo@example.org", "Another."), "office@example.com"); !errors.Is(r.Refusal, bridge.ErrRepliesOff) {
		t.Errorf("in secure mode: got %s, %v, want it refused", r.Disposition, r.Refusal)
	}
}

func TestLargeMail(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	m := w.mail("ann@example.org", "The scans.")
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	m.Attachments = []bridge.MailPart{{Filename: "scan.tif", ContentType: "image/tiff", Content: content}, {Filename: "../small.txt", Content: []byte("small")}}
	m.Raw = append(m.Raw, content...)
	if r := w.receive(m, to); r.Disposition != bridge.Appended {
		t.Fatalf("got %s (%q)", r.Disposition, r.Reasons)
	}
	v, err := w.g.ReadThread(t.Context(), bridge.AsPerson(w.inside.ID), bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	last := v.Messages[len(v.Messages)-1]
	if len(last.Attachments) != 2 || last.Attachments[1].Filename != "small.txt" {
		t.Fatalf("attachments: %+v", last.Attachments)
	}
	_, r, err := w.g.OpenAttachment(t.Context(), bridge.AsPerson(w.inside.ID), last.Attachments[0].ID)
	w.must(err)
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the attachment has %d octets (%v), want %d", len(got), err, len(content))
	}
}

func TestBouncesAreBelievedByWhatWeSigned(t *testing.T) {
	w := newWorld(t)
	var sent bridge.Outgoing
	for _, o := range w.outgoing() {
		if o.Delivery.Person == w.inside.ID {
			sent = o
		}
	}
	bounce := w.mail("mailer-daemon@mail.example.org", "")
	bounce.Kind = bridge.KindBounce
	bounce.Report = []bridge.ReportedRecipient{{Recipient: "ann@example.org", Action: "failed", Status: "5.1.1", Class: "permanent"}}
	state := func() bridge.DeliveryState {
		v, err := w.g.ReadThread(t.Context(), w.operator, bridge.ThreadRead{Thread: w.thread.ID})
		w.must(err)
		for _, d := range v.Deliveries {
			if d.ID == sent.Delivery.ID {
				return d.State
			}
		}
		return ""
	}
	// It names Ann, but nothing that only our mail to her carried.
	bounce.ReportedID = []string{strings.Repeat("a", 42) + "@example.com"}
	w.receiveAs(bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: w.replyAddress(w.second)}, bounce, bridge.Verdict{})
	if got := state(); got != bridge.Relayed {
		t.Errorf("after a forged bounce: %s, want relayed", got)
	}
	w.receiveAs(bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: sent.ReversePath}, bounce, bridge.Verdict{})
	if got := state(); got != bridge.Failed {
		t.Errorf("after the real one: %s, want failed", got)
	}
}

func TestReleaseHeld(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	m := w.mail("ann.at.work@example.net", "From my other address.")
	r := w.receive(m, to)
	if r.Disposition != bridge.Held {
		t.Fatalf("got %s, want held", r.Disposition)
	}
	if n := w.sees(bridge.AsPerson(w.staff.ID), "other address"); n != 0 {
		t.Fatal("a held mail is in the thread")
	}
	v, err := w.g.OpenHeld(t.Context(), bridge.AsPerson(w.staff.ID), r.ID)
	w.must(err)
	raw, err := io.ReadAll(v.Raw)
	w.must(errors.Join(err, v.Raw.Close()))
	if !bytes.Equal(raw, m.Raw) || v.Person == nil || v.Person.ID != w.inside.ID {
		t.Errorf("the held mail is %q for %v", raw, v.Person)
	}
	msg, err := w.g.ReleaseHeld(t.Context(), bridge.AsPerson(w.staff.ID), r.ID, m)
	w.must(err)
	if !msg.Author.IsZero() || !strings.Contains(msg.AuthorName, "ann.at.work@example.net") || !strings.Contains(msg.AuthorName, "Marlene Voss") {
		t.Errorf("its author is %v, %q: want the claimed address and who released it", msg.Author, msg.AuthorName)
	}
	if _, err := w.g.ReleaseHeld(t.Context(), bridge.AsPerson(w.staff.ID), r.ID, m); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("a second release: %v, want a conflict", err)
	}
	if again := w.receive(m, to); again.Disposition != bridge.Duplicate {
		t.Errorf("the same mail again: %s, want a duplicate", again.Disposition)
	}
}

func TestIMAPRefusalIsAnsweredOnceADay(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	w.must(w.g.SetMode(t.Context(), w.operator, bridge.ModeSecure))
	w.outgoing()
	answers := func(m *bridge.Mail) int {
		w.receiveAs(bridge.Envelope{Route: bridge.RouteIMAP, ReversePath: m.From[0].Addr}, withTo(m, to), pass(m.From[0].Addr))
		n := 0
		for _, o := range w.outgoing() {
			if o.Delivery.Kind == bridge.DeliverAnswer {
				if o.Recipient.Addr != "ann@example.org" || o.ReversePath != "" || strings.Contains(o.Reason, "results") {
					t.Errorf("the answer goes to %s from <%s>: %s", o.Recipient.Addr, o.ReversePath, o.Reason)
				}
				n++
			}
		}
		return n
	}
	if n := answers(w.mail("ann@example.org", "Hello?")); n != 1 {
		t.Errorf("%d answers to the first, want 1", n)
	}
	if n := answers(w.mail("ann@example.org", "Hello again?")); n != 0 {
		t.Errorf("%d answers to the second, want none", n)
	}
	w.clock.forward(25 * time.Hour)
	// Whoever is named by a mail that is not theirs hears nothing of it, wherever it goes.
	for _, path := range []string{to, "no-reply@example.com"} {
		forged := withTo(w.mail("ann@example.org", "Not by Ann."), path)
		r := w.receiveAs(bridge.Envelope{Route: bridge.RouteIMAP, ReversePath: "ann@example.org"}, forged, bridge.Verdict{Result: bridge.VerdictReject, Reasons: []string{"x"}})
		if out := w.outgoing(); r.Disposition != bridge.Refused || len(out) != 0 {
			t.Errorf("a forged mail to %s is %s, and %d mails leave", path, r.Disposition, len(out))
		}
	}
	list := w.mail("ann@example.org", "To the list.")
	list.List = true
	if n := answers(list); n != 0 {
		t.Errorf("%d answers to a list, want none", n)
	}
	if n := answers(w.mail("mallory@example.net", "Hello?")); n != 0 {
		t.Errorf("%d answers to a stranger, want none", n)
	}
	if n := answers(w.mail("ann@example.org", "Next day.")); n != 1 {
		t.Errorf("%d answers the next day, want 1", n)
	}
}

func TestUndecidedSenderIsDeferred(t *testing.T) {
	w := newWorld(t)
	_, err := w.g.Receive(t.Context(), bridge.Envelope{ForwardPath: w.replyAddress(w.inside)}, w.mail("ann@example.org", "x"), bridge.Verdict{Result: bridge.VerdictTemporary})
	if !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	list, _, err := w.g.ListReceived(t.Context(), w.operator, bridge.ReceivedQuery{})
	w.must(err)
	if len(list) != 0 {
		t.Errorf("%d mails are recorded, want none", len(list))
	}
}

func TestStaffDontReplyByEmail(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	if r := w.receive(w.mail("ann@example.org", "One question."), to); r.Disposition != bridge.Appended {
		t.Fatalf("Ann's reply is %s", r.Disposition)
	}
	var notice bridge.Outgoing
	for _, o := range w.outgoing() {
		if o.Delivery.Person == w.staff.ID {
			notice = o
		}
	}
	// Marlene forwards her notice to a colleague, and the office gets a copy.
	m := w.mail("marlene@example.com", "Tom, can you take this difficult one?")
	m.InReplyTo = []string{notice.MessageID}
	r := w.receive(m, "office@example.com")
	if r.Disposition != bridge.Held {
		t.Errorf("got %s (%q), want held", r.Disposition, r.Reasons)
	}
	if n := w.sees(bridge.AsPerson(w.inside.ID), "difficult"); n != 0 {
		t.Errorf("Ann sees it")
	}
	// Who releases it takes it upon themself: it is not shown as a customer called Marlene.
	msg, err := w.g.ReleaseHeld(t.Context(), bridge.AsPerson(w.colleague.ID), r.ID, m)
	w.must(err)
	if !msg.Author.IsZero() || !strings.Contains(msg.AuthorName, "released by Tom Hale") {
		t.Errorf("it is shown as by %v %q", msg.Author, msg.AuthorName)
	}
}

func TestContactsDontSeeAddresses(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	nameless := w.contact("", "private.person@example.net")
	_, err := w.g.AddParticipant(ctx, w.operator, w.thread.ID, bridge.Recipient{ID: nameless.ID}, bridge.Once{})
	w.must(err)
	_, err = w.g.Post(ctx, bridge.AsPerson(nameless.ID), bridge.Post{Thread: w.thread.ID, Text: "I have no name."})
	w.must(err)
	clerk := try(w, func() (bridge.Person, error) {
		return w.g.AddStaff(ctx, w.operator, "", "clerk@intranet.example.com", bridge.RoleStaff, "")
	})
	_, err = w.g.Post(ctx, bridge.AsPerson(clerk.ID), bridge.Post{Thread: w.thread.ID, Text: "Nor have I."})
	w.must(err)
	to := w.replyAddress(w.inside)
	m := w.mail("stranger@example.net", "I'm her brother.")
	r := w.receiveAs(bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "stranger@example.net", ForwardPath: to}, m, bridge.Verdict{Result: bridge.VerdictFail})
	_, err = w.g.ReleaseHeld(ctx, bridge.AsPerson(clerk.ID), r.ID, m)
	w.must(err)

	authors := func(a bridge.Actor) string {
		v, err := w.g.ReadThread(ctx, a, bridge.ThreadRead{Thread: w.thread.ID})
		w.must(err)
		var names []string
		for _, m := range v.Messages {
			names = append(names, m.AuthorName)
		}
		return strings.Join(names, "; ")
	}
	for who, want := range map[string]bool{"inside": false, "staff": true} {
		got := authors(w.actor(who))
		for _, address := range []string{"private.person@", "clerk@", "stranger@"} {
			if strings.Contains(got, address) != want {
				t.Errorf("%s sees %q", who, got)
			}
		}
	}
	if got := authors(w.actor("inside")); !strings.Contains(got, "s•••@example.net") || !strings.Contains(got, "(released by") {
		t.Errorf("Ann sees %q", got)
	}
	if got := authors(bridge.AsPerson(nameless.ID)); !strings.Contains(got, "private.person@example.net") {
		t.Errorf("the one without a name sees %q", got)
	}
}

func TestNobodyCanUseUpAMailInAdvance(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	waiting := func() int {
		return try(w, func() (int, error) { return w.g.CountWaiting(t.Context(), w.operator) })
	}
	envelope := bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "mallory@example.net", ForwardPath: to}
	for text, spoil := range map[string]func(*bridge.Mail) (bridge.Verdict, bridge.Envelope){
		"I withdraw my consent.": func(m *bridge.Mail) (bridge.Verdict, bridge.Envelope) {
			m.Kind = bridge.KindAutoReply // Auto-Submitted is not part of what makes a mail the same
			return bridge.Verdict{Result: bridge.VerdictFail}, envelope
		},
		"Please call me.": func(*bridge.Mail) (bridge.Verdict, bridge.Envelope) {
			e := envelope
			e.ReversePath = ""
			return pass("ann@example.org"), e
		},
		"Not on Monday.": func(*bridge.Mail) (bridge.Verdict, bridge.Envelope) {
			return bridge.Verdict{Result: bridge.VerdictNone}, envelope
		},
	} {
		m := w.mail("ann@example.org", text)
		before := *m
		v, e := spoil(&before)
		first := w.receiveAs(e, &before, v)
		if first.Disposition == bridge.Appended {
			t.Fatalf("%s: the spoilt copy was appended", text)
		}
		if r := w.receiveAs(e, &before, v); r.Disposition != bridge.Duplicate || r.Original != first.ID {
			t.Errorf("%s: the spoilt copy again is %s, want a duplicate", text, r.Disposition)
		}
		real := w.receive(m, to)
		if real.Disposition != bridge.Appended {
			t.Errorf("%s: her own copy is %s (%q), want appended", text, real.Disposition, real.Reasons)
		}
		for _, again := range []bridge.Received{w.receive(m, to), w.receiveAs(e, &before, v)} {
			if again.Disposition != bridge.Duplicate {
				t.Errorf("%s: once more it is %s, want a duplicate", text, again.Disposition)
			}
		}
		if n := w.sees(w.operator, text); n != 1 {
			t.Errorf("%s: it is in the thread %d times, want once", text, n)
		}
	}
	if n := waiting(); n != 0 {
		t.Errorf("%d mails wait for staff, though they are in the thread", n)
	}

	// What staff released is in the thread, however it comes again.
	m := w.mail("ann@example.org", "Let in by hand.")
	held := w.receiveAs(envelope, m, bridge.Verdict{Result: bridge.VerdictNone})
	_, err := w.g.ReleaseHeld(t.Context(), bridge.AsPerson(w.staff.ID), held.ID, m)
	w.must(err)
	if r := w.receive(m, to); r.Disposition != bridge.Duplicate {
		t.Errorf("after its release the mail is %s, want a duplicate", r.Disposition)
	}
}

// Whoever judges a sender is told by which reply address a mail goes, since an old letter that is sent again does not name it.
func TestAClaimNamesItsReplyAddress(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	c, err := w.g.CheckRecipient(t.Context(), to)
	if err != nil || c.Path != to || c.Address != "ann@example.org" {
		t.Errorf("at RCPT: got %+v, %v", c, err)
	}
	mail := w.mail("ann@example.org", "Hello.")
	for _, e := range []bridge.Envelope{{Route: bridge.RouteSMTP, ForwardPath: to}, {Route: bridge.RouteIMAP}} {
		m := *mail
		if e.Route == bridge.RouteIMAP {
			m.Delivered = []string{to}
		}
		if c, err = w.g.Author(t.Context(), e, &m); err != nil || c.Path != to || c.Address != "ann@example.org" {
			t.Errorf("%s: got %+v, %v", e.Route, c, err)
		}
	}
	if c, err = w.g.Author(t.Context(), bridge.Envelope{Route: bridge.RouteIMAP}, mail); err != nil || c.Path != "" {
		t.Errorf("to nobody in particular: got %+v, %v", c, err)
	}
}

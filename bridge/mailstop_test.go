package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// postAndPrepare writes to everybody in the conversation and returns what may leave for a person, or why nothing may.
func (w *world) postAndPrepare(p bridge.Person) (bridge.Outgoing, error) {
	w.t.Helper()
	ctx := w.t.Context()
	w.outgoing() // what waits already
	_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "A word."})
	w.must(err)
	list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 100)
	w.must(err)
	for _, d := range list {
		if d.Person == p.ID {
			return w.g.Prepare(ctx, "worker", d)
		}
	}
	w.t.Fatalf("no delivery to %s", p.Address)
	return bridge.Outgoing{}, nil
}

func TestAddressThatIsRefusedGetsNoMoreMail(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	out, err := w.postAndPrepare(w.inside)
	w.must(err)
	w.must(w.g.RecordBounced(ctx, "worker", out.Delivery.ID, "550 5.1.1 no such user"))
	if d := w.delivery(out.Delivery.ID); d.State != bridge.Failed || d.Diagnostic != "550 5.1.1 no such user" {
		t.Errorf("got %s, %q", d.State, d.Diagnostic)
	}

	_, err = w.postAndPrepare(w.inside)
	var s *bridge.Suppression
	if !errors.As(err, &s) || !strings.Contains(s.Reason, "refused for good") || !strings.Contains(s.Reason, "no such user") {
		t.Fatalf("the next mail: %v, want a suppression that says why", err)
	}
	if _, err := w.postAndPrepare(w.second); err != nil {
		t.Errorf("mail to somebody else: %v", err)
	}

	// A code leaves all the same: the person asks for it at this moment, and could not sign in without.
	w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: w.inside.Address, Browser: strings.Repeat("b", 32)}))
	codes := 0
	for _, o := range w.outgoing() {
		if o.Delivery.Kind == bridge.DeliverCode {
			codes++
		}
	}
	if codes != 1 {
		t.Errorf("%d codes left, want 1", codes)
	}

	// The person learns of it, and may say that the address works again.
	stop, err := w.g.MailStop(ctx, bridge.AsPerson(w.inside.ID), w.inside.ID)
	w.must(err)
	if stop.Cause != bridge.StoppedByBounce || stop.Said != "550 5.1.1 no such user" || stop.Delivery != out.Delivery.ID {
		t.Errorf("got %+v", stop)
	}
	w.must(w.g.ClearMailStop(ctx, bridge.AsPerson(w.inside.ID), w.inside.ID))
	w.must(w.g.ClearMailStop(ctx, bridge.AsPerson(w.inside.ID), w.inside.ID))
	if _, err := w.postAndPrepare(w.inside); err != nil {
		t.Errorf("mail after it was cleared: %v", err)
	}
	for _, action := range []string{"mail.stop", "mail.clear"} {
		if list, _, err := w.g.ListAudit(ctx, w.operator, action, bridge.Cursor{}, 0); err != nil || len(list) != 1 || list[0].Person != w.inside.ID {
			t.Errorf("%s is audited as %+v, %v", action, list, err)
		}
	}
}

func TestReportsStopMail(t *testing.T) {
	for name, c := range map[string]struct {
		kind                      bridge.MailKind
		class, status, diagnostic string
		stops                     bridge.StopCause
	}{
		"no such mailbox":         {bridge.KindBounce, "permanent", "5.1.1", "smtp; 550 5.1.1 unknown", bridge.StoppedByBounce},
		"disabled":                {bridge.KindBounce, "permanent", "5.2.1", "", bridge.StoppedByBounce},
		"a domain without mail":   {bridge.KindBounce, "permanent", "5.1.10", "", bridge.StoppedByBounce},
		"an old server's words":   {bridge.KindBounce, "permanent", "5.0.0", "smtp; 550 unknown user", bridge.StoppedByBounce},
		"words without a code":    {bridge.KindBounce, "permanent", "5.0.0", "it could not be delivered", ""},
		"refused by policy":       {bridge.KindBounce, "permanent", "5.7.1", "550 5.7.1 blocked", ""},
		"too large":               {bridge.KindBounce, "permanent", "5.3.4", "552 too large", ""},
		"full":                    {bridge.KindBounce, "permanent", "5.2.2", "552 over quota", ""},
		"given up on the way":     {bridge.KindBounce, "permanent", "5.4.7", "delivery time expired", ""},
		"waits on the way":        {bridge.KindBounce, "temporary", "4.1.1", "450 greylisted", ""},
		"reported as unwanted":    {bridge.KindComplaint, "", "", "", bridge.StoppedByComplaint},
		"read":                    {bridge.KindReceipt, "", "", "", ""},
		"somebody is on holidays": {bridge.KindAutoReply, "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			sent := w.sentTo(w.inside)
			m := w.bounce(c.class, c.status, c.diagnostic)
			if m.Kind = c.kind; c.kind != bridge.KindBounce {
				m.Report = nil
			}
			w.receiveAs(bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: sent.ReversePath}, m, bridge.Verdict{})
			stop, err := w.g.MailStop(t.Context(), w.operator, w.inside.ID)
			if c.stops == "" {
				if !errors.Is(err, bridge.ErrNotFound) {
					t.Errorf("mail is stopped: %+v, %v", stop, err)
				}
				return
			}
			w.must(err)
			if stop.Cause != c.stops || stop.Delivery != sent.Delivery.ID {
				t.Errorf("got %+v, want %s", stop, c.stops)
			}
		})
	}
}

// A report that went astray, to a mailbox that is polled, still names the envelope.
func TestReportIsFoundByItsEnvelope(t *testing.T) {
	w := newWorld(t)
	sent := w.sentTo(w.inside)
	token := sent.ReversePath[len("bounce+"):strings.IndexByte(sent.ReversePath, '@')]
	for _, c := range []struct {
		envelope string
		want     bridge.DeliveryState
	}{
		{sent.Delivery.ID.String(), bridge.Relayed}, // anybody can write an id
		{other(sent.ReversePath)[len("bounce+"):strings.IndexByte(sent.ReversePath, '@')], bridge.Relayed},
		{strings.ToUpper(token), bridge.Failed},
	} {
		m := w.bounce("permanent", "5.4.7", "expired")
		m.ReportedEnvelope = c.envelope
		w.receiveAs(bridge.Envelope{Route: bridge.RouteIMAP, ForwardPath: w.replyAddress(w.second)}, m, bridge.Verdict{})
		if got := w.delivery(sent.Delivery.ID); got.State != c.want {
			t.Errorf("after a report about %q: %s, want %s", c.envelope, got.State, c.want)
		}
	}
}

func TestHoldRetryAndCancel(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := w.deferred()
	w.must(w.g.HoldDelivery(ctx, w.operator, id))
	w.clock.forward(72 * time.Hour)
	list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 100)
	w.must(err)
	for _, d := range list {
		if d.ID == id {
			t.Fatal("what is on hold was claimed")
		}
	}
	// What a worker has claimed is held too, if it has not left before that.
	if len(list) < 2 {
		t.Fatalf("claimed %d, want more", len(list))
	}
	for _, d := range list[:2] {
		w.must(w.g.HoldDelivery(ctx, w.operator, d.ID))
	}
	if _, err := w.g.Prepare(ctx, "worker", list[0]); !errors.Is(err, bridge.ErrLeaseLost) {
		t.Errorf("prepare what is on hold: %v, want ErrLeaseLost", err)
	}
	if err := w.g.RecordDeferred(ctx, "worker", list[0].ID, time.Now(), "451 later"); !errors.Is(err, bridge.ErrLeaseLost) || w.delivery(list[0].ID).State != bridge.OnHold {
		t.Errorf("defer what is on hold: %v, it is %s", err, w.delivery(list[0].ID).State)
	}
	w.must(w.g.RecordRelayed(ctx, "worker", list[1].ID, bridge.Departure{Form: bridge.FormNotice, Said: "250 ok"})) // it was out already
	w.must(w.g.CancelDelivery(ctx, w.operator, list[0].ID))
	w.must(w.g.RetryDelivery(ctx, w.operator, id))
	list, err = w.g.ClaimDeliveries(ctx, "worker", time.Minute, 100)
	w.must(err)
	if len(list) != 1 || list[0].ID != id {
		t.Fatalf("claimed %+v, want what was let go", list)
	}
	w.must(w.g.RecordDeferred(ctx, "worker", id, time.Now(), "451 later"))
	w.must(w.g.CancelDelivery(ctx, w.operator, id))
	if err := w.g.HoldDelivery(ctx, w.operator, id); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("hold what was cancelled: %v, want ErrConflict", err)
	}
	// What was not sent on purpose can still be sent, should an admin think better of it.
	w.must(w.g.RetryDelivery(ctx, w.operator, id))
	counts, err := w.g.CountDeliveries(ctx, w.operator)
	w.must(err)
	if counts[bridge.Queued] == 0 || counts[bridge.OnHold] != 0 {
		t.Errorf("got %v", counts)
	}
}

// stopped stops mail to a person, and returns their ID.
func (w *world) stopped(p bridge.Person) bridge.ID {
	w.t.Helper()
	out, err := w.postAndPrepare(p)
	if err == nil {
		err = w.g.RecordBounced(w.t.Context(), "worker", out.Delivery.ID, "550 5.1.1 no such user")
	}
	var s *bridge.Suppression
	if err != nil && !errors.As(err, &s) {
		w.t.Fatal(err)
	}
	return p.ID
}

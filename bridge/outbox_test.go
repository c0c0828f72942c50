package bridge_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestModeIsDecidedWhenItLeaves(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.outgoing()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.must(w.g.SetContactMode(ctx, w.operator, w.second.ID, bridge.ModeSecure))
	_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "CANARY", HTML: "<p>CANARY</p>"})
	w.must(err)
	list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 10)
	w.must(err)
	// Eve is disabled; what would go to her is another test's.
	list = slices.DeleteFunc(list, func(d bridge.Delivery) bool { return d.Person != w.inside.ID && d.Person != w.second.ID })
	if len(list) != 2 {
		t.Fatalf("%d deliveries, want one for Ann and one for Ben", len(list))
	}
	for _, d := range list {
		o, err := w.g.Prepare(ctx, "worker", d)
		w.must(err)
		want := bridge.FormCopy
		if d.Person == w.second.ID {
			want = bridge.FormNotice
		}
		if o.Form != want || (o.Text == "CANARY") != (want == bridge.FormCopy) {
			t.Errorf("for %s: a %s with text %q, want a %s", o.Recipient.Addr, o.Form, o.Text, want)
		}
	}
	// While both wait, an admin switches to secure.
	w.must(w.g.SetMode(ctx, bridge.AsPerson(w.admin.ID), bridge.ModeSecure))
	for _, d := range list {
		o, err := w.g.Prepare(ctx, "worker", d)
		w.must(err)
		if o.Form != bridge.FormNotice || o.Text+o.HTML+o.Subject+o.Author+o.ReplyTo != "" || len(o.Attachments)+len(o.References) > 0 {
			t.Errorf("after the switch %s gets a %s: %+v", o.Recipient.Addr, o.Form, o)
		}
		if o.Recipient.Name != "" || strings.Contains(o.From.Name, "Voss") {
			t.Errorf("the notice names people: to %q, from %q", o.Recipient.Name, o.From.Name)
		}
	}
}

func TestLeases(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	claim := func(worker string) []bridge.Delivery {
		list, err := w.g.ClaimDeliveries(ctx, worker, time.Minute, 100)
		w.must(err)
		return list
	}
	first := claim("one")
	if len(first) == 0 {
		t.Fatal("nothing to claim")
	}
	if again := claim("two"); len(again) != 0 {
		t.Fatalf("two workers hold %d deliveries", len(again))
	}
	// The first worker is gone, its lease runs out, and the second takes over.
	w.clock.forward(2 * time.Minute)
	if n := len(claim("two")); n != len(first) {
		t.Fatalf("after the lease ran out %d can be claimed, want %d", n, len(first))
	}
	if _, err := w.g.Prepare(ctx, "one", first[0]); !errors.Is(err, bridge.ErrLeaseLost) {
		t.Errorf("the first worker prepares: %v, want ErrLeaseLost", err)
	}
	if err := w.g.RecordFailed(ctx, "one", first[0].ID, "550"); !errors.Is(err, bridge.ErrLeaseLost) {
		t.Errorf("the first worker records a failure: %v, want ErrLeaseLost", err)
	}
	// But if it had sent the mail, that is what counts.
	w.must(w.g.RecordRelayed(ctx, "one", first[0].ID, bridge.Departure{Form: bridge.FormNotice, Said: "250"}))
	if _, err := w.g.Prepare(ctx, "two", first[0]); !errors.Is(err, bridge.ErrLeaseLost) {
		t.Errorf("the second worker prepares what is out: %v, want ErrLeaseLost", err)
	}
	// A worker that begins again gets its own back.
	w.must(w.g.ReleaseLeases(ctx, "two"))
	if n := len(claim("two")); n != len(first)-1 {
		t.Errorf("after a restart %d can be claimed, want %d", n, len(first)-1)
	}
}

func TestSuppressed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.outgoing()
	_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "One more."})
	w.must(err)
	w.must(w.g.SetDisabled(ctx, w.operator, w.inside.ID, true))
	w.must(w.g.RemoveParticipant(ctx, w.operator, w.thread.ID, w.second.ID))
	if out := w.outgoing(); len(out) != 0 {
		t.Errorf("%d mails left, want none", len(out))
	}
	counts, err := w.g.CountDeliveries(ctx, w.operator)
	w.must(err)
	if counts[bridge.Suppressed] < 2 || counts[bridge.Queued] != 0 {
		t.Errorf("counts: %v, want both suppressed", counts)
	}
}

func TestCodesLeaveFirstAndAreErased(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: "ann@example.org", Browser: strings.Repeat("b", 32), Network: "192.0.2.1"}))
	list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 1)
	w.must(err)
	if len(list) != 1 || list[0].Kind != bridge.DeliverCode {
		t.Fatalf("claimed %+v, want the code first", list)
	}
	w.must(w.g.RecordRelayed(ctx, "worker", list[0].ID, bridge.Departure{Form: bridge.FormNotice, Said: "250"}))
	all, _, err := w.g.ListDeliveries(ctx, w.operator, bridge.DeliveryQuery{})
	w.must(err)
	for _, d := range all {
		if d.Payload != "" {
			t.Errorf("%s delivery shows %q", d.Kind, d.Payload)
		}
	}
}

func TestSignInByCode(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	browser, other := strings.Repeat("b", 32), strings.Repeat("o", 32)
	ask := func(address, browser string) string {
		w.t.Helper()
		w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: address, Browser: browser, Network: "192.0.2.1"}))
		for _, o := range w.outgoing() {
			if o.Delivery.Kind == bridge.DeliverCode {
				return o.Code
			}
		}
		return ""
	}
	code := ask("Ann@Example.ORG", browser)
	if len(code) != 8 {
		t.Fatalf("the code is %q", code)
	}
	for _, c := range []struct{ browser, code string }{{other, code}, {browser, "00000000"}, {browser, ""}, {browser, strings.Repeat("1", 1000)}} {
		if _, err := w.g.SignInWithCode(ctx, c.browser, c.code, "192.0.2.1"); !errors.Is(err, bridge.ErrWrongCode) {
			t.Errorf("code %.10q: %v, want ErrWrongCode", c.code, err)
		}
	}
	in, err := w.g.SignInWithCode(ctx, browser, code[:4]+" "+code[4:], "192.0.2.1")
	w.must(err)
	if in.Person.ID != w.inside.ID {
		t.Errorf("signed in as %s", in.Person.Address)
	}
	if _, err := w.g.SignInWithCode(ctx, browser, code, "192.0.2.1"); !errors.Is(err, bridge.ErrWrongCode) {
		t.Errorf("a second use: %v, want ErrWrongCode", err)
	}
	// Five wrong ones, and the right one is worth nothing.
	code = ask("ann@example.org", browser)
	for range 5 {
		_, _ = w.g.SignInWithCode(ctx, browser, "99999999", "192.0.2.1")
	}
	if _, err := w.g.SignInWithCode(ctx, browser, code, "192.0.2.1"); !errors.Is(err, bridge.ErrTooMany) {
		t.Errorf("after five wrong ones: %v, want ErrTooMany", err)
	}
	// Too late.
	code = ask("ann@example.org", browser)
	w.clock.forward(11 * time.Minute)
	if _, err := w.g.SignInWithCode(ctx, browser, code, "192.0.2.1"); !errors.Is(err, bridge.ErrWrongCode) {
		t.Errorf("after eleven minutes: %v, want ErrWrongCode", err)
	}
	// Nobody and somebody disabled get the same answer, and no mail.
	for _, address := range []string{"nobody@example.net", "eve@example.org"} {
		if got := ask(address, browser); got != "" {
			t.Errorf("%s got a code", address)
		}
	}
	// Asked too often.
	err = nil
	for range 10 {
		err = w.g.RequestCode(ctx, bridge.CodeRequest{Address: "ben@example.org", Browser: browser, Network: "192.0.2.1"})
	}
	if !errors.Is(err, bridge.ErrTooMany) {
		t.Errorf("asked ten times: %v, want ErrTooMany", err)
	}
}

func TestSignInByPassword(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const pass = "plain sailing at dawn"
	w.must(w.g.SetPassword(ctx, bridge.AsPerson(w.inside.ID), w.inside.ID, bridge.Proof{CodeAt: w.clock.now()}, pass))
	in, err := w.g.SignInWithPassword(ctx, "Ann@example.org", pass, "192.0.2.1", "")
	w.must(err)
	if _, err := w.g.SessionPerson(ctx, in.Person.ID, in.At); err != nil {
		t.Errorf("the session: %v", err)
	}
	for _, c := range []struct{ address, pass string }{{"ann@example.org", "wrong"}, {"ben@example.org", pass}, {"nobody@example.net", pass}, {"eve@example.org", pass}} {
		if _, err := w.g.SignInWithPassword(ctx, c.address, c.pass, "192.0.2.1", ""); !errors.Is(err, bridge.ErrWrongCode) {
			t.Errorf("%s: %v, want ErrWrongCode", c.address, err)
		}
	}
	if err := w.g.SetPassword(ctx, bridge.AsPerson(w.inside.ID), w.inside.ID, bridge.Proof{Password: "wrong"}, pass+"!"); !errors.Is(err, bridge.ErrWrongCode) {
		t.Errorf("changing it with a wrong old one: %v", err)
	}
	w.must(w.g.SetPassword(ctx, bridge.AsPerson(w.inside.ID), w.inside.ID, bridge.Proof{Password: pass}, pass+"!"))
	if _, err := w.g.SessionPerson(ctx, in.Person.ID, in.At); !errors.Is(err, bridge.ErrSignedOut) {
		t.Errorf("the old session after the change: %v, want ErrSignedOut", err)
	}
	err = nil
	for range 12 {
		_, err = w.g.SignInWithPassword(ctx, "ann@example.org", "wrong", "192.0.2.1", "")
	}
	if !errors.Is(err, bridge.ErrTooMany) {
		t.Errorf("after a dozen wrong ones: %v, want ErrTooMany", err)
	}
}

func TestReceiptsAndUnread(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ann := bridge.AsPerson(w.inside.ID)
	unread := func(a bridge.Actor) int {
		page, err := w.g.ListThreads(ctx, a, bridge.ThreadList{})
		w.must(err)
		for _, r := range page.Threads {
			if r.ID == w.thread.ID {
				return r.Unread
			}
		}
		t.Fatal("the thread is not listed")
		return 0
	}
	if n := unread(ann); n != 1 {
		t.Errorf("Ann has %d unread, want 1: the note is none of hers", n)
	}
	v, err := w.g.OpenThread(ctx, ann, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	if len(v.Messages) != 1 || len(v.Deliveries)+len(v.Receipts) != 0 || v.Thread.Seq != 0 {
		t.Errorf("Ann sees %d messages, %d deliveries, %d receipts", len(v.Messages), len(v.Deliveries), len(v.Receipts))
	}
	for _, p := range v.Participants {
		if p.Address != "" && p.Person != w.inside.ID {
			t.Errorf("Ann sees the address %s", p.Address)
		}
	}
	if n := unread(ann); n != 0 {
		t.Errorf("after opening it Ann has %d unread", n)
	}
	staff, err := w.g.OpenThread(ctx, bridge.AsPerson(w.staff.ID), bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	if len(staff.Receipts) != 1 || staff.Receipts[0].Person != w.inside.ID {
		t.Errorf("receipts: %+v, want one of Ann", staff.Receipts)
	}
	_, err = w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: "Thanks."})
	w.must(err)
	if n := unread(bridge.AsPerson(w.second.ID)); n != 2 {
		t.Errorf("Ben has %d unread, want 2", n)
	}
	if n := unread(bridge.AsPerson(w.colleague.ID)); n != 3 {
		t.Errorf("a colleague who never looked has %d unread, want all 3", n)
	}
}

func TestClosedThreadOpensWhenACustomerAnswers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.g.CloseThread(ctx, w.operator, w.thread.ID))
	_, err := w.g.Post(ctx, bridge.AsPerson(w.inside.ID), bridge.Post{Thread: w.thread.ID, Text: "Wait!"})
	w.must(err)
	v, err := w.g.ReadThread(ctx, w.operator, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	if v.Thread.Status != bridge.Open || !v.Thread.Awaiting {
		t.Errorf("the thread is %s, awaiting %v", v.Thread.Status, v.Thread.Awaiting)
	}
}

func TestOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	start := bridge.ThreadStart{Subject: "Invoice", Text: "Here.", Contacts: []bridge.Recipient{{Address: "new@example.net"}}, Once: bridge.Once{Key: "k1", Request: [32]byte{1}}}
	key := w.actor("staff key")
	one, m1, err := w.g.StartThread(ctx, key, start)
	w.must(err)
	two, m2, err := w.g.StartThread(ctx, key, start)
	w.must(err)
	if one.ID != two.ID || m1.ID != m2.ID {
		t.Errorf("the repeated request made another thread")
	}
	start.Once.Request = [32]byte{2}
	if _, _, err := w.g.StartThread(ctx, key, start); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("another request with the same key: %v, want a conflict", err)
	}
	// Keys are each program's own.
	if other, _, err := w.g.StartThread(ctx, w.actor("admin key"), start); err != nil || other.ID == one.ID {
		t.Errorf("another program's key: %v, %v", other.ID, err)
	}
}

func TestLastAdminStays(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if err := w.g.SetRole(ctx, w.operator, w.admin.ID, bridge.RoleStaff); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("taking the role: %v, want a conflict", err)
	}
	if err := w.g.SetDisabled(ctx, w.operator, w.admin.ID, true); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("disabling: %v, want a conflict", err)
	}
}

func TestRetryLeavesAloneWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	ctx, admin := t.Context(), bridge.AsPerson(w.admin.ID)
	w.outgoing()
	id := w.deferred()
	w.outgoing()
	w.clock.forward(2 * time.Hour)
	list, err := w.g.ClaimDeliveries(ctx, "one", time.Minute, 10)
	w.must(err)
	if len(list) != 1 || list[0].ID != id {
		t.Fatalf("%d deliveries are due, want the one", len(list))
	}
	if err := w.g.RetryDelivery(ctx, admin, id); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("while it is being sent: %v, want ErrConflict", err)
	}
	if two, err := w.g.ClaimDeliveries(ctx, "two", time.Minute, 10); err != nil || len(two) != 0 {
		t.Errorf("a second worker gets %d deliveries, %v", len(two), err)
	}
	w.must(w.g.RecordDeferred(ctx, "one", id, time.Now().Add(9*time.Hour), "451 later"))
	w.must(w.g.RetryDelivery(ctx, admin, id))
	if two, err := w.g.ClaimDeliveries(ctx, "two", time.Minute, 10); err != nil || len(two) != 1 {
		t.Errorf("afterwards a worker gets %d deliveries, %v", len(two), err)
	}
}

func TestReportOvertakesTheRecord(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	list, err := w.g.ClaimDeliveries(ctx, "one", time.Minute, 1)
	w.must(err)
	sent, err := w.g.Prepare(ctx, "one", list[0])
	w.must(err)
	report := w.mail("mailer-daemon@example.org", "")
	report.Kind = bridge.KindBounce
	report.Report = []bridge.ReportedRecipient{{Recipient: sent.Recipient.Addr, Status: "5.1.1", Class: "permanent"}}
	to := bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: sent.ReversePath}
	// The relay has said 250 and found at once that it can't deliver. We have not recorded the 250 yet.
	if r, err := w.g.Receive(ctx, to, report, bridge.Verdict{}); !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("before the record: got %s, %v, want ErrUnavailable", r.Disposition, err)
	}
	w.must(w.g.RecordRelayed(ctx, "one", sent.Delivery.ID, bridge.Departure{Form: sent.Form, Said: "250 OK"}))
	if r := w.receiveAs(to, report, bridge.Verdict{}); r.Disposition != bridge.Reported {
		t.Errorf("after the record: got %s, want a report", r.Disposition)
	}
	v, err := w.g.ReadThread(ctx, w.operator, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	for _, d := range v.Deliveries {
		if d.ID == sent.Delivery.ID && d.State != bridge.Failed {
			t.Errorf("the delivery is %s, want failed", d.State)
		}
	}
}

func TestCopiesOfCustomersWordsAreNotTheOrganizations(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	nameless := w.contact("", "private.person@example.net")
	_, err := w.g.AddParticipant(ctx, w.operator, w.thread.ID, bridge.Recipient{ID: nameless.ID}, bridge.Once{})
	w.must(err)
	w.must(w.g.Rename(ctx, bridge.AsPerson(w.second.ID), w.second.ID, "harbour CLINIC", ""))
	clerk := try(w, func() (bridge.Person, error) {
		return w.g.AddStaff(ctx, w.operator, "", "clerk@intranet.example.com", bridge.RoleStaff, "")
	})
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	to := w.replyAddress(w.inside)
	forged := w.mail("stranger@example.net", "Pay into my account.")
	held := w.receiveAs(bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "stranger@example.net", ForwardPath: to}, forged, bridge.Verdict{Result: bridge.VerdictFail})
	w.outgoing()

	for who, want := range map[string]struct {
		write func() error
		from  string
	}{
		"without a name": {func() error {
			_, err := w.g.Post(ctx, bridge.AsPerson(nameless.ID), bridge.Post{Thread: w.thread.ID, Text: "Me."})
			return err
		}, "p•••@example.net via Harbour Clinic"},
		"named like the organization": {func() error {
			_, err := w.g.Post(ctx, bridge.AsPerson(w.second.ID), bridge.Post{Thread: w.thread.ID, Text: "Us."})
			return err
		}, "b•••@example.org via Harbour Clinic"},
		"released": {func() error {
			_, err := w.g.ReleaseHeld(ctx, bridge.AsPerson(w.colleague.ID), held.ID, forged)
			return err
		}, "s•••@example.net (released by Tom Hale) via Harbour Clinic"},
		"staff without a name": {func() error {
			_, err := w.g.Post(ctx, bridge.AsPerson(clerk.ID), bridge.Post{Thread: w.thread.ID, Text: "We."})
			return err
		}, "Harbour Clinic"},
	} {
		w.must(want.write())
		for _, o := range w.outgoing() {
			if o.Delivery.Person == w.inside.ID && o.From.Name != want.from {
				t.Errorf("%s: Ann's copy is from %q, want %q", who, o.From.Name, want.from)
			}
		}
	}
}

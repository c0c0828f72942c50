package bridge_test

import (
	"bytes"
	"encoding/base32"
	"errors"
	"strings"
	"sync"
	"testing"

	"letterlock/bridge"
)

const unsubscribeAt = "https://portal.example.com/u/"

// linkIn returns the token in the link that turns a mail's kind off.
func linkIn(t *testing.T, o bridge.Outgoing) string {
	t.Helper()
	token, ok := strings.CutPrefix(o.Unsubscribe, unsubscribeAt)
	if !ok || len(token) != 42 {
		t.Fatalf("a %s has the link %q", o.Delivery.Kind, o.Unsubscribe)
	}
	return token
}

// toldTwice returns two notices of different messages to somebody who has signed in before.
func (w *world) toldTwice(p bridge.Person) (one, other bridge.Outgoing) {
	w.t.Helper()
	w.signIn(p)
	var got []bridge.Outgoing
	for range 2 {
		w.post(w.staff, "Please come by.")
		got = append(got, to(p, w.outgoing())...)
		w.open(p)
	}
	if len(got) != 2 {
		w.t.Fatalf("%d notices, want 2", len(got))
	}
	return got[0], got[1]
}

func TestOneRequestTurnsMailsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	one, other := w.toldTwice(w.inside)
	if one.Unsubscribe != other.Unsubscribe {
		t.Errorf("two notices to one person have different links: %s, %s", one.Unsubscribe, other.Unsubscribe)
	}
	token := linkIn(t, one)
	hers, _ := w.toldTwice(w.second)
	if linkIn(t, hers) == token {
		t.Error("two people have one link")
	}

	// Looking changes nothing, however often.
	for range 3 {
		v, err := w.g.LookUnsubscribe(ctx, token)
		w.must(err)
		if v.Off || v.Staff || v.Masked != "a•••@example.org" {
			t.Errorf("the page shows %+v", v)
		}
	}
	if got := w.chosen(w.inside); got.Notify != bridge.NotifyEach || !got.OffAt.IsZero() {
		t.Fatalf("looking left %+v", got)
	}

	// One request is enough, and a second one changes nothing.
	v, err := w.g.Unsubscribe(ctx, token, "192.0.2.1")
	w.must(err)
	if !v.Off || v.Masked != "a•••@example.org" {
		t.Errorf("got %+v", v)
	}
	first := w.chosen(w.inside)
	if first.Notify != bridge.NotifyNone || first.OffAt.IsZero() {
		t.Errorf("it left %+v", first)
	}
	for range 100 {
		_, err := w.g.Unsubscribe(ctx, strings.ToUpper(token), "192.0.2.1")
		w.must(err)
	}
	if again := w.chosen(w.inside); again != first {
		t.Errorf("again it left %+v, not %+v", again, first)
	}
	log, _, err := w.g.ListAudit(ctx, w.operator, "mail.unsubscribe", bridge.Cursor{}, 0)
	w.must(err)
	if len(log) != 1 || log[0].Person != w.inside.ID || log[0].Actor != "anonymous" || log[0].Detail != "each → none, by the link in a mail" {
		t.Errorf("the audit log has %+v", log)
	}
	w.post(w.staff, "Are you well?")
	if out := w.outgoing(); len(to(w.inside, out)) != 0 || len(to(w.second, out)) != 1 {
		t.Errorf("got %d and %d mails, want 0 and 1", len(to(w.inside, out)), len(to(w.second, out)))
	}

	// Signed in, she turns them on again; the old link still turns them off.
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyEach})
	if got := w.chosen(w.inside); !got.OffAt.IsZero() {
		t.Errorf("turned on again it is still said when it was turned off: %v", got.OffAt)
	}
	_, err = w.g.Unsubscribe(ctx, token, "192.0.2.1")
	w.must(err)
	if got := w.chosen(w.inside); got.Notify != bridge.NotifyNone {
		t.Error("the link worked once only")
	}
}

// The token is random but for its code: nothing of the person is in it, and it opens nothing else.
func TestUnsubscribeTokenTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	notice, _ := w.toldTwice(w.inside)
	token := linkIn(t, notice)
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(token))
	w.must(err)
	if bytes.Contains(raw, w.inside.ID[:6]) || bytes.Contains(raw, w.thread.ID[:6]) || bytes.Contains(raw, notice.Delivery.ID[:6]) {
		t.Error("it tells whom or what it is about, or when that was made")
	}
	if _, err := w.g.LookLink(ctx, token); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("as the link of a notice: %v", err)
	}
	if err := w.g.RequestCode(ctx, bridge.CodeRequest{Link: token, Browser: strings.Repeat("b", 32)}); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("it asks for a code: %v", err)
	}
	for name, forged := range map[string]string{
		"nothing":                 "",
		"the link of the notice":  notice.Link[strings.LastIndexByte(notice.Link, '/')+1:],
		"its Message-ID":          notice.MessageID[:42],
		"another last letter":     token[:41] + string(flip(token[41])),
		"cut":                     token[:41],
		"longer":                  token + "a",
		"someone's made up":       strings.Repeat("a", 42),
		"endless":                 strings.Repeat("a", 1<<20),
		"with a line end":         token[:41] + "\n",
		"with something unlikely": strings.Repeat("\x00", 42),
	} {
		if _, err := w.g.LookUnsubscribe(ctx, forged); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("%s: looked at: %v, want ErrNotFound", name, err)
		}
		if _, err := w.g.Unsubscribe(ctx, forged, "192.0.2.1"); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	if got := w.chosen(w.inside); got.Notify != bridge.NotifyEach {
		t.Errorf("one of them turned mails off: %+v", got)
	}
}

// flip returns another letter of the tokens' alphabet, that differs in a bit that counts.
func flip(c byte) byte {
	if c < 'q' {
		return 'z'
	}
	return 'a'
}

func TestWhatHasALinkThatTurnsItOff(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	ctx := t.Context()
	has := map[bridge.DeliveryKind]bool{}
	note := func(all []bridge.Outgoing) {
		for _, o := range all {
			has[o.Delivery.Kind] = has[o.Delivery.Kind] || o.Unsubscribe != ""
			if o.First && o.Form == bridge.FormNotice && o.Unsubscribe != "" {
				t.Errorf("a first notice has the link %s", o.Unsubscribe)
			}
		}
	}
	w.post(w.staff, "To somebody new.")
	note(to(w.inside, w.outgoing()))
	if has[bridge.DeliverMessage] {
		t.Error("a first notice can be turned off")
	}
	w.signIn(w.inside)
	w.open(w.inside)
	w.post(w.staff, "To somebody known.")
	note(w.outgoing())
	w.clock.forward(20 * day)
	w.must(w.g.Remind(ctx))
	note(w.outgoing())
	w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: w.inside.Address, Browser: strings.Repeat("b", 32)}))
	w.must(w.g.NoteSignIn(ctx, bridge.AsPerson(w.inside.ID), "", ""))
	w.must(w.g.SendSample(ctx, bridge.AsPerson(w.admin.ID), "notice", "en", "News", "{link}"))
	w.held()
	w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily})
	w.clock.forward(25 * 60 * 60 * 1e9)
	w.must(w.g.SendDigests(ctx))
	note(w.outgoing())
	for kind, want := range map[bridge.DeliveryKind]bool{
		bridge.DeliverMessage: true, bridge.DeliverReminder: true, bridge.DeliverUnopened: true, bridge.DeliverDigest: true,
		bridge.DeliverDevice: false, bridge.DeliverAlert: false, bridge.DeliverSample: false,
	} {
		if got, left := has[kind]; !left || got != want {
			t.Errorf("%s: it left: %v; with a link: %v, want %v", kind, left, got, want)
		}
	}

	// A copy has one, also the first one.
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.post(w.staff, "With all that is in it.")
	for _, o := range w.outgoing() {
		if o.Form != bridge.FormCopy || o.Unsubscribe == "" {
			t.Errorf("a %s to %s has the link %q", o.Form, o.Recipient.Addr, o.Unsubscribe)
		}
	}
	// Without https there is none.
	plain := w.asConfig(func(c *bridge.Config) { c.BaseURL = "http://portal.example.com" })
	plain.post(w.staff, "In the clear.")
	for _, o := range plain.outgoing() {
		if o.Unsubscribe != "" {
			t.Errorf("without https, the link %q", o.Unsubscribe)
		}
	}
}

func TestUnsubscribingTooOften(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	notice, _ := w.toldTwice(w.inside)
	token := linkIn(t, notice)
	var err error
	for range 30 {
		if _, err = w.g.Unsubscribe(ctx, token, "192.0.2.1"); err != nil {
			break
		}
		w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyEach})
	}
	if !errors.Is(err, bridge.ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
}

// All servers of a provider ask at once.
func TestUnsubscribingAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	notice, _ := w.toldTwice(w.inside)
	token := linkIn(t, notice)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if v, err := w.g.Unsubscribe(t.Context(), token, "192.0.2.1"); err != nil || !v.Off {
				t.Errorf("got %+v, %v", v, err)
			}
		})
	}
	all.Wait()
	log, _, err := w.g.ListAudit(t.Context(), w.operator, "mail.unsubscribe", bridge.Cursor{}, 0)
	w.must(err)
	if len(log) != 1 {
		t.Errorf("the audit log has it %d times", len(log))
	}
}

func FuzzOpenUnsubscribe(f *testing.F) {
	i := bridge.NewIssuer(testKeys("one"), "example.com", "https://portal.example.com")
	other := bridge.NewIssuer(testKeys("two"), "example.com", "https://portal.example.com")
	f.Add(strings.TrimPrefix(other.UnsubscribeURL(bridge.NewID()), unsubscribeAt))
	f.Add(strings.TrimPrefix(i.Link(bridge.NewID()), "https://portal.example.com/m/"))
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := i.OpenUnsubscribe(s); ok {
			t.Errorf("%q opens as %v", s, id)
		}
	})
}

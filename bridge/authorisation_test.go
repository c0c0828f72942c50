package bridge_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/rules"
	"letterlock/bridge/wording"
)

// The outcomes that a permission can have.
const (
	ok        = "ok"
	signedOut = "signed out"
	forbidden = "forbidden"
	notFound  = "not found"
)

func outcome(err error) string {
	switch {
	case err == nil:
		return ok
	case errors.Is(err, bridge.ErrSignedOut):
		return signedOut
	case errors.Is(err, bridge.ErrForbidden):
		return forbidden
	case errors.Is(err, bridge.ErrNotFound):
		return notFound
	}
	return err.Error()
}

// actorNames are the columns of the table below.
var actorNames = []string{"anonymous", "inside", "outside", "staff", "admin", "staff key", "admin key", "operator", "left", "disabled customer", "disabled staff", "revoked key"}

// want spells the outcomes for the first nine actors; the rest can do nothing at all, anywhere.
type want struct {
	inside, outside, staff, admin, staffKey, adminKey string
}

var (
	everybody     = want{ok, ok, ok, ok, ok, ok}
	insiders      = want{ok, notFound, ok, ok, ok, ok}
	staffOnly     = want{forbidden, forbidden, ok, ok, ok, ok}
	adminsOnly    = want{forbidden, forbidden, forbidden, ok, forbidden, ok}
	persons       = want{ok, ok, ok, ok, forbidden, forbidden}
	organizations = want{ok, ok, ok, ok, ok, ok}
)

// TestAuthorisation calls every method that takes an actor as every kind of actor.
func TestAuthorisation(t *testing.T) {
	ctx := context.Background()
	type call func(w *world, a bridge.Actor) error
	table := map[string]struct {
		want want
		call call
	}{
		"StartThread (naming a contact)": {staffOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.StartThread(ctx, a, bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.inside.ID}}})
			return err
		}},
		"StartThread (to the organization)": {want{ok, ok, invalidContacts, invalidContacts, invalidContacts, invalidContacts}, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.StartThread(ctx, a, bridge.ThreadStart{Subject: "s", Text: "t"})
			if errors.Is(err, bridge.ErrInvalid) {
				return errors.New(invalidContacts)
			}
			return err
		}},
		"Post": {insiders, func(w *world, a bridge.Actor) error {
			_, err := w.g.Post(ctx, a, bridge.Post{Thread: w.thread.ID, Text: "t"})
			return err
		}},
		"Post (a note)": {want{forbidden, notFound, ok, ok, ok, ok}, func(w *world, a bridge.Actor) error {
			_, err := w.g.Post(ctx, a, bridge.Post{Thread: w.thread.ID, Text: "t", Note: true})
			return err
		}},
		"PreviewMessage": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.PreviewMessage(ctx, a, w.message)
			return err
		}},
		"ContentRules": {adminsOnly, func(w *world, a bridge.Actor) error { _, err := w.g.ContentRules(ctx, a); return err }},
		"SetContentRules": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetContentRules(ctx, a, []string{"card"}, []rules.Rule{{Kind: rules.Words, Name: "n", Values: []string{"v"}}})
		}},
		"SetKnownRules": {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.SetKnownRules(ctx, a, []string{"card"}) }},
		"AddContentRule": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.AddContentRule(ctx, a, rules.Rule{Kind: rules.Words, Name: "n", Values: []string{"v"}})
			return err
		}},
		"RemoveContentRule": {adminsOnly, func(w *world, a bridge.Actor) error {
			r, err := w.g.AddContentRule(ctx, w.operator, rules.Rule{Kind: rules.Words, Name: "n", Values: []string{"v"}})
			w.must(err)
			return w.g.RemoveContentRule(ctx, a, r.ID)
		}},
		"TryContentRules": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.TryContentRules(ctx, a, "s", "t")
			return err
		}},
		"Preview": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.Preview(ctx, a, bridge.Draft{Thread: w.thread.ID, Text: "t"})
			return err
		}},
		"OpenThread": {insiders, func(w *world, a bridge.Actor) error {
			_, err := w.g.OpenThread(ctx, a, bridge.ThreadRead{Thread: w.thread.ID})
			return err
		}},
		"ReadThread": {insiders, func(w *world, a bridge.Actor) error {
			_, err := w.g.ReadThread(ctx, a, bridge.ThreadRead{Thread: w.thread.ID})
			return err
		}},
		"Message": {insiders, func(w *world, a bridge.Actor) error {
			_, err := w.g.Message(ctx, a, w.thread.ID, w.message)
			return err
		}},
		"Message (a note)": {want{notFound, notFound, ok, ok, ok, ok}, func(w *world, a bridge.Actor) error {
			_, err := w.g.Message(ctx, a, w.thread.ID, w.note)
			return err
		}},
		"ListThreads": {everybody, func(w *world, a bridge.Actor) error {
			_, err := w.g.ListThreads(ctx, a, bridge.ThreadList{})
			return err
		}},
		"CloseThread":  {staffOnly, func(w *world, a bridge.Actor) error { return w.g.CloseThread(ctx, a, w.thread.ID) }},
		"ReopenThread": {staffOnly, func(w *world, a bridge.Actor) error { return w.g.ReopenThread(ctx, a, w.thread.ID) }},
		"AddParticipant": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.AddParticipant(ctx, a, w.thread.ID, bridge.Recipient{Address: "new@example.net"}, bridge.Once{})
			return err
		}},
		"RemoveParticipant": {staffOnly, func(w *world, a bridge.Actor) error {
			return w.g.RemoveParticipant(ctx, a, w.thread.ID, w.second.ID)
		}},
		"StageFile": {organizations, func(w *world, a bridge.Actor) error {
			_, err := w.g.StageFile(ctx, a, "f", "text/plain", strings.NewReader("x"))
			return err
		}},
		"OpenAttachment": {insiders, func(w *world, a bridge.Actor) error {
			_, r, err := w.g.OpenAttachment(ctx, a, w.file)
			if err == nil {
				err = r.Close()
			}
			return err
		}},
		"OpenAttachment (of a note)": {want{notFound, notFound, ok, ok, ok, ok}, func(w *world, a bridge.Actor) error {
			_, r, err := w.g.OpenAttachment(ctx, a, w.noteFile)
			if err == nil {
				err = r.Close()
			}
			return err
		}},
		"Mode":    {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.Mode(ctx, a); return err }},
		"SetMode": {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.SetMode(ctx, a, bridge.ModeConvenience) }},
		"SetThreadMode (tighten)": {staffOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetThreadMode(ctx, a, w.thread.ID, bridge.ModeSecure)
		}},
		"SetThreadMode (loosen)": {adminsOnly, func(w *world, a bridge.Actor) error {
			w.must(w.g.SetThreadMode(ctx, w.operator, w.thread.ID, bridge.ModeSecure))
			return w.g.SetThreadMode(ctx, a, w.thread.ID, bridge.ModeInherit)
		}},
		"SetContactMode (tighten)": {staffOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetContactMode(ctx, a, w.second.ID, bridge.ModeSecure)
		}},
		"SetContactMode (loosen)": {adminsOnly, func(w *world, a bridge.Actor) error {
			w.must(w.g.SetContactMode(ctx, w.operator, w.second.ID, bridge.ModeSecure))
			return w.g.SetContactMode(ctx, a, w.second.ID, bridge.ModeInherit)
		}},
		"Me":         {persons, func(w *world, a bridge.Actor) error { _, err := w.g.Me(ctx, a); return err }},
		"PersonByID": {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.PersonByID(ctx, a, w.second.ID); return err }},
		"PeopleByID": {staffOnly, func(w *world, a bridge.Actor) error {
			people, err := w.g.PeopleByID(ctx, a, []bridge.ID{w.second.ID, bridge.NewID(), w.second.ID})
			if err == nil && (len(people) != 1 || people[w.second.ID].Address != w.second.Address) {
				t.Errorf("got %+v, want the one who is there", people)
			}
			return err
		}},
		"PersonByAddress": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.PersonByAddress(ctx, a, w.second.Address)
			return err
		}},
		"ListPeople": {staffOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.ListPeople(ctx, a, bridge.Contact, bridge.Cursor{}, 0)
			return err
		}},
		"AddContact": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.AddContact(ctx, a, bridge.NewContact{Address: w.fresh()})
			return err
		}},
		"AddStaff": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.AddStaff(ctx, a, "", w.fresh(), bridge.RoleStaff, "")
			return err
		}},
		"Rename (a contact)": {staffOnly, func(w *world, a bridge.Actor) error { return w.g.Rename(ctx, a, w.second.ID, "N", "") }},
		"Rename (staff)":     {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.Rename(ctx, a, w.colleague.ID, "N", "") }},
		"Rename (oneself)": {everybodyButKeys, func(w *world, a bridge.Actor) error {
			return w.g.Rename(ctx, a, self(a), "N", "")
		}},
		"SetRole": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetRole(ctx, a, w.colleague.ID, bridge.RoleStaff)
		}},
		"SetDisabled (a contact)": {staffOnly, func(w *world, a bridge.Actor) error { return w.g.SetDisabled(ctx, a, w.second.ID, true) }},
		"SetDisabled (staff)":     {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.SetDisabled(ctx, a, w.colleague.ID, true) }},
		"SignOutEverywhere (a contact)": {staffOnly, func(w *world, a bridge.Actor) error {
			return w.g.SignOutEverywhere(ctx, a, w.second.ID)
		}},
		"SignOutEverywhere (staff)": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.SignOutEverywhere(ctx, a, w.colleague.ID)
		}},
		"SetPassword (of a contact)": {nobody, func(w *world, a bridge.Actor) error {
			return w.g.SetPassword(ctx, a, w.second.ID, bridge.Proof{}, "plain sailing at dawn")
		}},
		"SetPassword (of staff)": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetPassword(ctx, a, w.colleague.ID, bridge.Proof{}, "plain sailing at dawn")
		}},
		"CreateKey": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.CreateKey(ctx, a, "k", bridge.RoleStaff)
			return err
		}},
		"ListKeys":  {adminsOnly, func(w *world, a bridge.Actor) error { _, err := w.g.ListKeys(ctx, a); return err }},
		"RevokeKey": {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.RevokeKey(ctx, a, w.spareKey) }},
		"ListReceived": {staffOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.ListReceived(ctx, a, bridge.ReceivedQuery{})
			return err
		}},
		"CountWaiting": {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.CountWaiting(ctx, a); return err }},
		"OpenHeld": {staffOnly, func(w *world, a bridge.Actor) error {
			v, err := w.g.OpenHeld(ctx, a, w.held())
			if err == nil {
				err = v.Raw.Close()
			}
			return err
		}},
		"ReleaseHeld": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.ReleaseHeld(ctx, a, w.held(), &bridge.Mail{From: []bridge.Address{{Addr: "stranger@example.net"}}, Reply: "r"})
			return err
		}},
		"DiscardHeld": {staffOnly, func(w *world, a bridge.Actor) error { return w.g.DiscardHeld(ctx, a, w.held()) }},
		"ListDeliveries": {staffOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.ListDeliveries(ctx, a, bridge.DeliveryQuery{})
			return err
		}},
		"ListQueue": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.ListQueue(ctx, a, bridge.DeliveryQuery{})
			return err
		}},
		"CountDeliveries": {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.CountDeliveries(ctx, a); return err }},
		"RetryDelivery":   {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.RetryDelivery(ctx, a, w.deferred()) }},
		"CancelDelivery":  {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.CancelDelivery(ctx, a, w.deferred()) }},
		"HoldDelivery":    {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.HoldDelivery(ctx, a, w.deferred()) }},
		"MailAccounts":    {adminsOnly, func(w *world, a bridge.Actor) error { _, err := w.g.MailAccounts(ctx, a); return err }},
		"MailStop": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.MailStop(ctx, a, w.stopped(w.second))
			return err
		}},
		"MailStop (of oneself)": {want{notStopped, notStopped, notStopped, notStopped, notStopped, notStopped}, func(w *world, a bridge.Actor) error {
			_, err := w.g.MailStop(ctx, a, self(a))
			return err
		}},
		"ClearMailStop (of a contact)": {staffOnly, func(w *world, a bridge.Actor) error {
			return w.g.ClearMailStop(ctx, a, w.stopped(w.second))
		}},
		"MailingOf": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.MailingOf(ctx, a, []bridge.Person{w.inside})
			return err
		}},
		"ClearMailStop (of staff)":   {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.ClearMailStop(ctx, a, w.colleague.ID) }},
		"ClearMailStop (of oneself)": {everybodyButKeys, func(w *world, a bridge.Actor) error { return w.g.ClearMailStop(ctx, a, self(a)) }},
		"ListTLSResults":             {adminsOnly, func(w *world, a bridge.Actor) error { _, err := w.g.ListTLSResults(ctx, a, w.clock.now()); return err }},
		"ListSigningPairs":           {adminsOnly, func(w *world, a bridge.Actor) error { _, err := w.g.ListSigningPairs(ctx, a); return err }},
		"MakeSigningPair": {adminsOnly, func(w *world, a bridge.Actor) error {
			w.must(w.g.RetireSigning(ctx, w.operator, w.signing(bridge.SigningNext), false))
			_, err := w.g.MakeSigningPair(ctx, a)
			return err
		}},
		"SwitchSigning": {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.SwitchSigning(ctx, a, w.signing(bridge.SigningNext)) }},
		"RetireSigning": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.RetireSigning(ctx, a, w.signing(bridge.SigningNext), false)
		}},
		"Timing":    {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.Timing(ctx, a); return err }},
		"SetTiming": {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.SetTiming(ctx, a, bridge.Timing{}) }},
		"Looking": {insiders, func(w *world, a bridge.Actor) error {
			_, err := w.g.Looking(ctx, a, w.thread.ID)
			return err
		}},
		"ListAudit": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.ListAudit(ctx, a, "", bridge.Cursor{}, 0)
			return err
		}},
		"ExportAudit": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.ExportAudit(ctx, a, func(bridge.AuditEntry) error { return nil })
		}},
		"Search": {everybody, func(w *world, a bridge.Actor) error {
			_, err := w.g.Search(ctx, a, bridge.SearchRequest{Text: "results"})
			return err
		}},
		"RetentionDays":    {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.RetentionDays(ctx, a); return err }},
		"SetRetentionDays": {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.SetRetentionDays(ctx, a, 365) }},
		"ThreadRetention": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.ThreadRetention(ctx, a, w.thread.ID)
			return err
		}},
		"SetThreadRetention": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetThreadRetention(ctx, a, w.thread.ID, bridge.Retention{Days: 30, Hold: true})
		}},
		"DeleteThread": {adminsOnly, func(w *world, a bridge.Actor) error {
			t, _, err := w.g.StartThread(ctx, w.operator, bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.inside.ID}}})
			w.must(err)
			return w.g.DeleteThread(ctx, a, t.ID)
		}},
		"NoteKeys": {nobody, func(w *world, a bridge.Actor) error {
			if a == w.operator {
				w.must(w.g.NoteKeys(ctx, a, "added"))
				return bridge.ErrForbidden // to all others
			}
			return w.g.NoteKeys(ctx, a, "added")
		}},
		"Letterhead": {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.Letterhead(ctx, a); return err }},
		"SetLetterhead": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetLetterhead(ctx, a, bridge.LetterheadChange{Postal: "Quay 1"})
		}},
		"ListTemplates": {adminsOnly, func(w *world, a bridge.Actor) error { _, err := w.g.ListTemplates(ctx, a); return err }},
		"Template": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.Template(ctx, a, wording.Notice, "en", 0)
			return err
		}},
		"SetTemplate": {adminsOnly, func(w *world, a bridge.Actor) error {
			return w.g.SetTemplate(ctx, a, wording.Notice, "en", "News", "Look:\n\n{link}")
		}},
		"ResetTemplate": {adminsOnly, func(w *world, a bridge.Actor) error { return w.g.ResetTemplate(ctx, a, wording.Notice, "en") }},
		"PreviewTemplate": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.PreviewTemplate(ctx, a, wording.Notice, "en", "News", "{link}")
			return err
		}},
		"SendSample": {want{forbidden, forbidden, forbidden, ok, forbidden, forbidden}, func(w *world, a bridge.Actor) error {
			return w.g.SendSample(ctx, a, wording.Notice, "en", "News", "{link}")
		}},
		"Phrase":                  {persons, func(w *world, a bridge.Actor) error { _, err := w.g.Phrase(ctx, a); return err }},
		"MailChoices":             {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.MailChoices(ctx, a, w.second.ID); return err }},
		"MailChoices (one's own)": {everybodyButKeys, func(w *world, a bridge.Actor) error { _, err := w.g.MailChoices(ctx, a, self(a)); return err }},
		"SetMailChoices": {persons, func(w *world, a bridge.Actor) error {
			return w.g.SetMailChoices(ctx, a, bridge.MailChoices{Notify: bridge.NotifyNone})
		}},
		"SetPhrase":  {persons, func(w *world, a bridge.Actor) error { return w.g.SetPhrase(ctx, a, "blue whale 🐋") }},
		"NoteSignIn": {persons, func(w *world, a bridge.Actor) error { return w.g.NoteSignIn(ctx, a, "", "de") }},
		"Schedule": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.Schedule(ctx, a, bridge.Post{Thread: w.thread.ID, Text: "t"}, bridge.Later{})
			return err
		}},
		"ScheduleStart": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.ScheduleStart(ctx, a, bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.second.ID}}}, bridge.Later{})
			return err
		}},
		"PendingMessage": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.PendingMessage(ctx, a, w.schedule(w.staff, "t", time.Hour).ID)
			return err
		}},
		"ListPending": {staffOnly, func(w *world, a bridge.Actor) error {
			_, _, err := w.g.ListPending(ctx, a, bridge.PendingList{})
			return err
		}},
		"CountStopped": {staffOnly, func(w *world, a bridge.Actor) error { _, err := w.g.CountStopped(ctx, a); return err }},
		"TakeBack": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.TakeBack(ctx, a, w.schedule(w.staff, "t", time.Hour).ID)
			return err
		}},
		"DiscardPending": {staffOnly, func(w *world, a bridge.Actor) error {
			return w.g.DiscardPending(ctx, a, w.schedule(w.staff, "t", time.Hour).ID)
		}},
		"SendPending": {staffOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.SendPending(ctx, a, w.schedule(w.staff, "t", time.Hour).ID)
			return err
		}},
		"Post (in place of another)": {want{forbidden, notFound, ok, ok, ok, ok}, func(w *world, a bridge.Actor) error {
			p := w.schedule(w.staff, "t", time.Hour)
			_, err := w.g.TakeBack(ctx, w.operator, p.ID)
			w.must(err)
			_, err = w.g.Post(ctx, a, bridge.Post{Thread: w.thread.ID, Text: "t", Replaces: p.ID})
			return err
		}},
		"ExportThread": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.ExportThread(ctx, a, w.thread.ID, true)
			return err
		}},
		"ExportPerson": {adminsOnly, func(w *world, a bridge.Actor) error {
			_, err := w.g.ExportPerson(ctx, a, w.inside.ID, false, func(bridge.ExportedThread) error { return nil })
			return err
		}},
	}

	covered := make(map[string]bool)
	for name := range table {
		method, _, _ := strings.Cut(name, " ")
		covered[method] = true
	}
	gateway := reflect.TypeFor[*bridge.Gateway]()
	for i := range gateway.NumMethod() {
		m := gateway.Method(i)
		for j := range m.Type.NumIn() {
			if m.Type.In(j) == reflect.TypeFor[bridge.Actor]() && !covered[m.Name] {
				t.Errorf("%s takes an actor and is not in the table", m.Name)
			}
		}
	}

	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, who := range actorNames {
				if got, want := outcome(row.call(w, w.actor(who))), row.want.of(who); got != want {
					t.Errorf("as %s: got %s, want %s", who, got, want)
				}
			}
		})
	}
}

// notStopped is the answer about somebody to whom mail leaves.
const notStopped = notFound

const invalidContacts = "invalid: names no contact"

var (
	nobody           = want{forbidden, forbidden, forbidden, forbidden, forbidden, forbidden}
	everybodyButKeys = want{ok, ok, ok, ok, notFound, notFound}
)

// self is the actor's own person, or the zero ID for a program.
func self(a bridge.Actor) bridge.ID { return a.Person() }

func (x want) of(who string) string {
	switch who {
	case "inside":
		return x.inside
	case "outside", "left":
		return x.outside
	case "staff":
		return x.staff
	case "admin":
		return x.admin
	case "staff key":
		return x.staffKey
	case "admin key":
		return x.adminKey
	case "operator":
		return x.adminKey
	}
	return signedOut
}

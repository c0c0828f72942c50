package api

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestTiming(t *testing.T) {
	w := newWorld(t)
	if got := as[Timing](w.call(w.staff, "GET", "/timing", ""), 200); got.NoticeDelay != 0 || got.Reminders == nil || len(got.Reminders) != 0 || got.EmailOff {
		t.Errorf("at first: got %+v", got)
	}
	before, err := w.gateway.Timing(t.Context(), bridge.AsOperator())
	if err != nil {
		t.Fatal(err)
	}
	const set = `{"notice_delay_seconds":3600,"reminders_after_hours":[24,48],"never_opened_after_hours":240,"portal_only":true}`
	for range 2 {
		got := as[Timing](w.call(w.admin, "PUT", "/timing", set), 200)
		if got.NoticeDelay != 3600 || !slices.Equal(got.Reminders, []int64{24, 48}) || got.Unopened != 240 || !got.EmailOff {
			t.Errorf("set: got %+v", got)
		}
	}
	want := before
	want.NoticeDelay, want.Reminders, want.Unopened, want.EmailOff = time.Hour, []time.Duration{24 * time.Hour, 48 * time.Hour}, 240*time.Hour, true
	if after, err := w.gateway.Timing(t.Context(), bridge.AsOperator()); err != nil || after.String() != want.String() {
		t.Errorf("got %s, %v, want %s", after, err, want)
	}
	w.call(w.staff, "PUT", "/timing", set).problem(403, "forbidden")
	for _, body := range []string{
		`{"notice_delay_seconds":86401,"reminders_after_hours":[],"never_opened_after_hours":0,"portal_only":false}`,
		`{"notice_delay_seconds":-1,"reminders_after_hours":[],"never_opened_after_hours":0,"portal_only":false}`,
		`{"notice_delay_seconds":0,"reminders_after_hours":[48,24],"never_opened_after_hours":0,"portal_only":false}`,
		`{"notice_delay_seconds":0,"reminders_after_hours":[0],"never_opened_after_hours":0,"portal_only":false}`,
		`{"notice_delay_seconds":0,"reminders_after_hours":[9223372036854775807],"never_opened_after_hours":0,"portal_only":false}`,
		`{"notice_delay_seconds":0,"reminders_after_hours":[1,2,3,4,5,6],"never_opened_after_hours":0,"portal_only":false}`,
		`{"notice_delay_seconds":0,"reminders_after_hours":[48],"never_opened_after_hours":48,"portal_only":false}`,
		`{"notice_delay_seconds":0}`,
	} {
		w.call(w.admin, "PUT", "/timing", body).problem(422, "invalid")
	}
	none := as[Timing](w.call(w.admin, "PUT", "/timing", `{"notice_delay_seconds":0,"reminders_after_hours":[],"never_opened_after_hours":0,"portal_only":false}`), 200)
	if none.NoticeDelay != 0 || none.Reminders == nil || len(none.Reminders) != 0 || none.Unopened != 0 || none.EmailOff {
		t.Errorf("turned off: got %+v", none)
	}
}

func TestNeverOpened(t *testing.T) {
	w := newWorld(t)
	read, unread := w.thread(), w.thread()
	id, err := bridge.ParseID(unread.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.memory.state.unopened[id] = true
	for query, want := range map[string][]string{"?never_opened=true": {unread.ID}, "": {unread.ID, read.ID}, "?never_opened=true&awaiting_staff=true": nil} {
		var got []string
		for _, one := range as[ThreadList](w.call(w.staff, "GET", "/threads"+query, ""), 200).Threads {
			got = append(got, one.ID)
			if one.NeverOpened != (one.ID == unread.ID) {
				t.Errorf("%s: never opened is %v", one.ID, one.NeverOpened)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
}

// What a contact chose about their mails is told wherever the contact is.
func TestMailsOfContacts(t *testing.T) {
	w := newWorld(t)
	add := `{"address":"ann@example.org"}`
	ann := as[Contact](w.call(w.staff, "POST", "/contacts", add, onceField, "ann"), 201)
	bob := as[Contact](w.call(w.staff, "POST", "/contacts", `{"address":"bob@example.org"}`), 201)
	every := Mails{Notify: "each", Reminders: true}
	if ann.Mails != every || bob.Mails != every {
		t.Errorf("who never chose gets %+v and %+v", ann.Mails, bob.Mails)
	}
	id, err := bridge.ParseID(ann.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 19, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		choice bridge.MailChoices
		want   Mails
	}{
		{bridge.MailChoices{Notify: bridge.NotifyEach, NoReminders: true}, Mails{Notify: "each"}},
		{bridge.MailChoices{Notify: bridge.NotifyNone}, Mails{Notify: "none"}},
		{bridge.MailChoices{Notify: bridge.NotifyNone, OffAt: at}, Mails{Notify: "none", UnsubscribedAt: &at}},
	} {
		w.memory.state.choices[id] = c.choice
		all := as[ContactList](w.call(w.staff, "GET", "/contacts", ""), 200).Contacts
		all = append(all, as[Contact](w.call(w.staff, "GET", "/contacts/"+ann.ID, ""), 200))
		all = append(all, as[Contact](w.call(w.staff, "POST", "/contacts", add, onceField, "ann"), 201))
		all = append(all, as[Contact](w.call(w.staff, "PUT", "/contacts/"+ann.ID+"/mode", `{"mode":"secure"}`), 200))
		for _, one := range all {
			want := every
			if one.ID == ann.ID {
				want = c.want
			}
			if !reflect.DeepEqual(one.Mails, want) {
				t.Errorf("%s: got %+v, want %+v", one.Address, one.Mails, want)
			}
		}
	}
}

func TestMailStop(t *testing.T) {
	w := newWorld(t)
	ann := as[Contact](w.call(w.staff, "POST", "/contacts", `{"address":"ann@example.org"}`), 201)
	bob := as[Contact](w.call(w.staff, "POST", "/contacts", `{"address":"bob@example.org"}`), 201)
	at := time.Date(2026, 11, 19, 8, 0, 0, 0, time.UTC)
	w.memory.state.stops["ann@example.org"] = bridge.MailStop{Address: "ann@example.org", Cause: bridge.StoppedByBounce, At: at, Said: "550 5.1.1 no such mailbox"}
	want := MailStop{Since: at, Reason: "bounce", Said: "550 5.1.1 no such mailbox"}
	if got := as[Contact](w.call(w.staff, "GET", "/contacts/"+ann.ID, ""), 200); got.MailStop == nil || *got.MailStop != want {
		t.Errorf("got %+v, want %+v", got.MailStop, want)
	}
	for _, one := range as[ContactList](w.call(w.staff, "GET", "/contacts", ""), 200).Contacts {
		if (one.MailStop != nil) != (one.ID == ann.ID) {
			t.Errorf("%s: got %+v", one.Address, one.MailStop)
		}
	}
	for _, who := range []Contact{ann, ann, bob} {
		if a := w.call(w.staff, "DELETE", "/contacts/"+who.ID+"/mail-stop", ""); a.status != 204 {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	if got := as[Contact](w.call(w.staff, "GET", "/contacts/"+ann.ID, ""), 200); got.MailStop != nil {
		t.Errorf("still %+v", got.MailStop)
	}
	// A member of staff is no contact, whatever is stopped.
	ben, err := w.gateway.AddStaff(t.Context(), bridge.AsOperator(), "Ben", "ben@example.com", bridge.RoleStaff, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ben.ID.String(), bridge.NewID().String(), "x"} {
		w.call(w.admin, "DELETE", "/contacts/"+id+"/mail-stop", "").problem(404, "not_found")
	}
}

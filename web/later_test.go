package web_test

import (
	"net/url"
	"regexp"
	"testing"
	"time"

	"letterlock/bridge"
)

var outAction = regexp.MustCompile(`action="(/desk/out/[0-9a-f-]{36})/(back|send|cancel|discard)"`)

// goesOut turns the clock forward and posts what is due.
func (w *world) goesOut(after time.Duration) {
	w.t.Helper()
	w.clock.forward(after)
	_, err := w.g.PostDue(w.t.Context())
	w.must(err)
}

// unsent returns the path of the only message on a page that has not gone out.
func (a *answer) unsent() string {
	a.t.Helper()
	m := outAction.FindStringSubmatch(a.body)
	if m == nil {
		a.t.Fatalf("nothing waits on the page:\n%s", a.body)
	}
	return m[1]
}

// Marlene sends a reply, takes it back within ten seconds, changes it and sends it again.
func TestUndo(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.SetMode(t.Context(), bridge.AsOperator(), bridge.ModeConvenience))
	w.must(w.g.SetTiming(t.Context(), bridge.AsOperator(), bridge.Timing{Undo: 10 * time.Second}))
	w.outgoing()
	b, mina := w.as(w.staff), w.as(w.mina)
	path, own := "/desk/t/"+w.thread.ID.String(), "/t/"+w.thread.ID.String()
	form := url.Values{"kind": {"reply"}, "text": {"Dear Nina, all is well."}, "secure": {"yes"}}
	a := b.letter(path, form, file{"values.txt", "text/plain", "the values"}, file{"wrong.txt", "text/plain", "of another"})
	a.want(200, "Your reply is sent. For a few seconds it can be taken back.", "it was marked to be sent securely", "Dear Nina, all is well.", "Undo", "data-leaves", "values.txt", "Only staff see it").at(path)
	mina.get(own).want(200).without("Dear Nina")
	mina.get("/").without("Dear Nina")

	a = b.post(a.unsent()+"/back", nil).want(200, "It is taken back and will not go out.", "Dear Nina, all is well.</textarea>", `name="secure" value="yes" checked`, "Files it has", "values.txt", `name="replaces"`)
	w.goesOut(time.Minute)
	mina.get(own).without("Dear Nina")
	// Somebody who looks at the conversation meanwhile sees that it was taken back.
	w.as(w.admin).get(path).want(200, "Taken back", "Marlene Voss", "will not go out")
	files := regexp.MustCompile(`name="keep" value="([^"]+)" checked`).FindAllStringSubmatch(a.body, -1)
	if len(files) != 2 {
		t.Fatalf("the composer has %d files, want 2", len(files))
	}
	again := url.Values{"kind": {"reply"}, "text": {""}, "replaces": {a.field("replaces")}, "once": {a.field("once")}}
	b.letter(path, again).want(400, "A message needs a text or a file.", `name="keep" value="`+files[0][1]+`">`)
	again.Set("text", "Dear Mina, all is well.")
	again.Set("keep", files[0][1])
	a = b.letter(path, again).want(200, "Dear Mina, all is well.", "values.txt", "Undo").without("wrong.txt", "Dear Nina")
	undo := a.unsent()
	w.goesOut(10 * time.Second)
	mina.get(own).want(200, "Dear Mina, all is well.", "values.txt").without("wrong.txt")
	b.get(path).want(200, "Dear Mina, all is well.").without("Undo", "Only staff see it</span>\n</header>")
	b.post(undo+"/back", nil).want(200, "It has gone out already, so it can&#39;t be taken back any more.").at(path)
	b.letter(path, again).want(200) // the same form again is the same message
	b.get("/desk/out").want(200, "Nothing waits")
	// A note goes nowhere: it is kept at once.
	b.letter(path, url.Values{"kind": {"note"}, "text": {"Called her."}}).want(200, "Your note is kept.").without("Undo")
	// What was replaced meanwhile is not replaced twice.
	b.letter(path, url.Values{"kind": {"reply"}, "text": {"Once more."}, "replaces": {again.Get("replaces")}}).want(409, "Once more.", "gone")
	// The customer's own words are there at once.
	mina.letter(own, url.Values{"text": {"Thank you!"}}).want(200, "Thank you!")
	b.get(path).want(200, "Thank you!")
}

// A reply for tomorrow morning, in her own time zone.
func TestSendLater(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.staff)
	path := "/desk/t/" + w.thread.ID.String()
	berlin, err := time.LoadLocation("Europe/Berlin")
	w.must(err)
	nine := w.clock.now().In(berlin).AddDate(0, 0, 1)
	nine = time.Date(nine.Year(), nine.Month(), nine.Day(), 9, 0, 0, 0, berlin)
	form := url.Values{"kind": {"reply"}, "text": {"Good morning!"}, "at": {nine.Format("2006-01-02T15:04")}, "zone": {"Europe/Berlin"}, "step": {"later"}}
	for _, bad := range []struct{ name, value, words string }{
		{"at", "", "Say when it is to be sent."},
		{"at", "soon", "The time to send it can&#39;t be read"},
		{"at", "2020-01-01T09:00", "The time to send it has passed."},
		{"at", "2199-01-01T09:00", "within a year"},
		{"zone", "Europe/Nowhere", "There is no such time zone."},
		{"zone", "../../etc/passwd", "There is no such time zone."},
	} {
		f := url.Values{}
		for k, v := range form {
			f[k] = v
		}
		f.Set(bad.name, bad.value)
		b.letter(path, f).want(400, bad.words, "Good morning!</textarea>")
	}
	a := b.letter(path, form).want(200, "Your reply goes out tomorrow at 09:00 (Europe/Berlin).", "It goes out tomorrow at 09:00 (Europe/Berlin).", "Edit", "Send now", "Cancel")
	one := a.unsent()
	b.get("/desk/out").want(200, "Your results", "Good morning!", "tomorrow at 09:00", `name="from" value="/desk/out"`)
	// A list is no look into the conversations that stand in it.
	w.as(w.admin).get("/desk/out").want(200, "Your results", "Good morning!")
	looks, _, err := w.g.ListAudit(t.Context(), bridge.AsOperator(), "thread.view", bridge.Cursor{}, 100)
	w.must(err)
	for _, e := range looks {
		if e.By == w.admin.ID {
			t.Error("a look at the list is in the audit log as one into the conversation")
		}
	}
	b.get(one).at(path)
	w.as(w.mina).get(one).want(403).without("Good morning!")
	w.as(w.mina).post(one+"/send", nil).want(403)
	w.as(w.mina).get("/desk/out").want(403)
	b.post(path+"/close", nil).want(200, "The conversation is closed. One message is still to go out in it.")

	b.post(one+"/cancel", url.Values{"from": {"/desk/out"}}).want(200, "It will not go out.", "Taken back").at("/desk/out")
	b.get(path+"?edit="+one[len("/desk/out/"):]).want(200, "Good morning!</textarea>", `value="`+nine.Format("2006-01-02T15:04")+`"`, "In the time zone Europe/Berlin")
	b.post(one+"/send", nil).want(200, "The message is on its way.", "Good morning!").at(path)
	w.as(w.mina).get("/t/"+w.thread.ID.String()).want(200, "Good morning!")
	b.post(one+"/cancel", nil).want(200, "is-bad", "gone out already")
	b.post(one+"/discard", nil).want(200, "is-bad", "gone out already")
	b.get("/desk/out/nonsense").want(404)

	// A time that is filled in counts, also if the other button was pressed.
	form.Del("step")
	form.Set("text", "And again.")
	a = b.letter(path, form).want(200, "goes out tomorrow at 09:00")
	b.post(a.unsent()+"/discard", nil).want(200, "It is discarded.").without("And again.")
}

// A conversation that is to begin later has no page of its own before; its first message has one.
func TestBeginLater(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.SetTiming(t.Context(), bridge.AsOperator(), bridge.Timing{Undo: 10 * time.Second}))
	b := w.as(w.staff)
	form := url.Values{"to": {`"Byron, Ada" <ada@example.net>`}, "contact": {w.mina.ID.String()}, "subject": {"Your appointment"}, "text": {"It is at nine."}}
	a := b.letter("/desk/new", form, file{"map.txt", "text/plain", "left, then right"}).want(200, "Your message is sent. For a few seconds it can be taken back.", "Your appointment", "Byron, Ada, Mina Okafor", "Undo", "map.txt")
	if a.header.Get("Refresh") == "" {
		t.Error("without a script the page does not go on to the conversation")
	}
	one := a.unsent()
	w.as(w.mina).get("/").without("Your appointment")
	b.get("/desk").without("Your appointment")
	a = b.post(one+"/back", nil).want(200, "It is taken back", `value="Your appointment"`, "It is at nine.</textarea>", "Byron, Ada", "Chosen contacts", "map.txt").at("/desk/new?edit=" + one[len("/desk/out/"):])
	w.goesOut(time.Minute)
	b.get("/desk/out").want(200, "Your appointment", "Taken back", "Discard")
	form.Set("replaces", a.field("replaces"))
	form.Set("keep", a.field("keep"))
	form.Set("at", w.clock.now().UTC().AddDate(0, 0, 2).Format("2006-01-02T15:04"))
	a = b.letter("/desk/new", form).want(200, "Your message goes out ", "(UTC)", "Send now", "map.txt")
	one = a.unsent()
	w.goesOut(48 * time.Hour)
	b = w.as(w.staff)
	b.get(one).want(200, "Your appointment", "It is at nine.", "Byron, Ada", "map.txt")
	w.as(w.mina).get("/").want(200, "Your appointment")

	// What can't go out is told on every page of the desk.
	form = url.Values{"contact": {w.jonas.ID.String()}, "subject": {"Hello"}, "text": {"A first word."}}
	a = b.letter("/desk/new", form).want(200, "Undo")
	w.must(w.g.SetDisabled(t.Context(), bridge.AsOperator(), w.jonas.ID, true))
	w.goesOut(10 * time.Second)
	b.get("/desk/held").want(200, "Not sent", "could not be sent")
	b.get("/desk/out").want(200, "It could not be sent: jonas@example.org is disabled.", "Try again")
	b.post(a.unsent()+"/send", nil).want(200, "is-bad", "is disabled").at("/desk/out")
	w.must(w.g.SetDisabled(t.Context(), bridge.AsOperator(), w.jonas.ID, false))
	b.post(a.unsent()+"/send", nil).want(200, "The message is on its way.", "A first word.")
	b.get("/desk/held").without("could not be sent")
}

// Whom messages name that have not gone out is looked up at once, however many they are.
func TestNamesOfWhatWaits(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.staff)
	start := func(subject string, contacts ...bridge.Recipient) {
		_, err := w.g.ScheduleStart(t.Context(), bridge.AsPerson(w.staff.ID), bridge.ThreadStart{Subject: subject, Text: "t", Contacts: contacts}, bridge.Later{At: w.clock.now().Add(time.Hour)})
		w.must(err)
	}
	reads := func(words ...string) int64 {
		before := w.reads.Load()
		b.get("/desk/out").want(200, words...)
		return w.reads.Load() - before
	}
	start("One", bridge.Recipient{ID: w.mina.ID})
	one := reads("One", "Mina Okafor")
	start("Two", bridge.Recipient{ID: w.jonas.ID}, bridge.Recipient{ID: w.mina.ID}, bridge.Recipient{Address: "ada@example.net", Name: "Ada Byron"})
	start("Three", bridge.Recipient{ID: w.jonas.ID})
	if many := reads("Jonas Weber, Mina Okafor, Ada Byron"); many != one {
		t.Errorf("a list of three is read in %d transactions, of one in %d", many, one)
	}
}

// Somebody presses Undo on a page that still shows a conversation which was deleted meanwhile: the list tells what became of it.
func TestUndoInADeletedConversation(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.staff)
	_, err := w.g.Schedule(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "See you."}, bridge.Later{At: w.clock.now().Add(time.Hour)})
	w.must(err)
	undo := b.get("/desk/t/" + w.thread.ID.String()).unsent()
	w.must(w.g.DeleteThread(t.Context(), bridge.AsPerson(w.admin.ID), w.thread.ID))
	b.post(undo+"/back", nil).want(404)
	left := b.get("/desk/out").want(200, "It could not be sent: its conversation was deleted", "Dismiss").unsent()
	b.get(left).want(200, "A message that was not sent").without("The conversation begins")
	b.post(left+"/back", nil).want(200, "is-bad", "There is nothing left to edit.", "its conversation was deleted").at("/desk/out")
	b.post(left+"/discard", nil).want(200, "It is discarded.").at("/desk/out")
}

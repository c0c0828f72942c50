package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestDeskConversation(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.staff)
	path := "/desk/t/" + w.thread.ID.String()
	b.get("/").want(200, "Your results", "Mina Okafor", "Secure mode: emails carry no content.").at("/desk")
	b.get("/t/" + w.thread.ID.String()).at(path)
	b.get(path).want(200, "was sent a notice", "Leaves as a notice", "Reply to <bdi>Mina Okafor</bdi>", "mina@example.org")

	b.letter(path, url.Values{"kind": {"note"}, "text": {"Between us."}}).want(200, "Your note is kept.", "Internal note", "Between us.")
	b.letter(path, url.Values{"kind": {"reply"}, "text": {"Anything else?"}}).want(200, "Your reply is on its way.", "Anything else?", "is about to get an email")
	b.letter(path, url.Values{"kind": {"both"}, "text": {"Neither."}}).want(400)
	b.letter(path, url.Values{"text": {"Neither."}}).want(400)
	b.letter(path, url.Values{"kind": {"note"}, "text": {""}}).want(400, "A message needs a text or a file.", `value="note" checked`)
	b.get(path).without("Neither.")
	w.as(w.mina).get("/t/"+w.thread.ID.String()).want(200, "Anything else?").without("Between us.")
	b.get(path).want(200, "opened it here")

	b.post(path+"/close", nil).want(200, "The conversation is closed.", "Reopen")
	b.get("/desk").without("Your results")
	b.get("/desk?show=closed").want(200, "Your results")
	b.post(path+"/reopen", nil).want(200, "The conversation is open again.")

	b.post(path+"/people", url.Values{"address": {"jonas@example.org"}}).want(200, "They can read the conversation now.", "Jonas Weber")
	w.as(w.jonas).get("/t/"+w.thread.ID.String()).want(200, "Your results", "and Mina Okafor")
	b.post(path+"/people", url.Values{"address": {"not an address"}}).want(200, "is-bad")
	b.post(path+"/people/"+w.jonas.ID.String()+"/remove", nil).want(200, "They can no longer read the conversation").without("Jonas Weber")

	b.post(path+"/mode", url.Values{"mode": {"secure"}}).want(200, "this conversation was set so")
	b.post(path+"/mode", url.Values{"mode": {""}}).want(403) // staff may tighten, not loosen
	b.post(path+"/mode", url.Values{"mode": {"sometimes"}}).want(200, "neither secure nor convenience")
	w.as(w.admin).post(path+"/mode", url.Values{"mode": {""}}).want(200, "the organization is in secure mode")
}

func TestFailedDeliveryShows(t *testing.T) {
	w := newWorld(t)
	list, err := w.g.ClaimDeliveries(t.Context(), "worker", time.Minute, 10)
	w.must(err)
	for _, d := range list {
		w.must(w.g.RecordFailed(t.Context(), "worker", d.ID, "550 5.1.1 <script>no such user</script>"))
	}
	w.as(w.staff).get("/desk/t/"+w.thread.ID.String()).want(200, "could not be reached", "550 5.1.1 &lt;script&gt;no such user")
	admin := w.as(w.admin)
	a := admin.get("/admin/queue").want(200, "550 5.1.1 &lt;script&gt;no such user", "mina@example.org", "Try again")
	retry := regexp.MustCompile(`action="(/admin/queue/[^"]+/retry)"`).FindStringSubmatch(a.body)[1]
	admin.post(retry, nil).want(200, "It is tried again now.")
	cancel := regexp.MustCompile(`action="(/admin/queue/[^"]+/cancel)"`).FindAllStringSubmatch(admin.get("/admin/queue?state=queued").body, -1)
	if len(cancel) != 1 {
		t.Fatalf("got %d mails to cancel, want 1", len(cancel))
	}
	admin.post(cancel[0][1], nil).want(200, "It will not be sent.")
	admin.post(cancel[0][1], nil).want(200, "is-bad")
	admin.get("/admin/queue?state=suppressed").want(200, "cancelled by an admin", "mina@example.org")
}

// A mail whose next server is down can be tried before its time. Once that has come there is nothing to hurry.
func TestPutOffDeliveryShows(t *testing.T) {
	w := newWorld(t)
	admin := w.as(w.admin)
	_, err := w.g.Post(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "A word."})
	w.must(err)
	list, err := w.g.ClaimDeliveries(t.Context(), "worker", time.Minute, 10)
	w.must(err)
	for _, d := range list {
		w.must(w.g.ReturnDeliveries(t.Context(), "worker", time.Minute, d.ID))
	}
	admin.get("/admin/queue?state=queued").want(200, "mina@example.org", "Try now")
	w.clock.forward(2 * time.Minute)
	admin.get("/admin/queue?state=queued").want(200, "mina@example.org").without("Try now")
}

func TestDeskStartsConversation(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.staff)
	b.get("/desk/new?contact="+w.mina.ID.String()).want(200, "Chosen contacts", "mina@example.org")
	b.get("/desk/new?contact=nonsense").want(404)
	form := url.Values{"to": {`"Byron, Ada" <ada@example.net>; new@example.net`}, "contact": {w.mina.ID.String()}, "subject": {"Hello"}, "text": {"A first word."}}
	b.letter("/desk/new", form, file{"plan.txt", "text/plain", "the plan"}).want(200, "Your message is on its way.", "Byron, Ada", "new@example.net", "Mina Okafor", "plan.txt")
	b.letter("/desk/new", url.Values{"to": {"who is that"}, "subject": {"Hello"}, "text": {"Kept."}, "contact": {w.mina.ID.String()}}).want(400, "Kept.", "who is that", "Mina Okafor")
	b.letter("/desk/new", url.Values{"subject": {"Hello"}, "text": {"Kept."}}).want(400, "Name at least one contact to write to.")
	w.must(w.g.SetMode(t.Context(), bridge.AsOperator(), bridge.ModeConvenience))
	b.get("/desk/new").want(200, "Send securely", "The email will carry your words and files")
	form.Set("tight", "yes")
	b.letter("/desk/new", form).want(200, "this conversation was set so")
}

func TestContacts(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.staff)
	b.get("/desk/contacts").want(200, "Mina Okafor", "jonas@example.org")
	b.post("/desk/contacts", url.Values{"name": {"Priya Raman"}, "address": {"priya@example.net"}}).want(200, "The contact is added.", "Priya Raman")
	b.post("/desk/contacts", url.Values{"name": {"Priya Two"}, "address": {"priya@example.net"}}).want(409, "is known already.", "Priya Two")
	path := "/desk/contacts/" + w.mina.ID.String()
	b.get(path).want(200, "Mina Okafor", "Disable")
	b.post(path+"/name", url.Values{"name": {"Mina O."}}).want(200, "The name is saved.", "Mina O.")
	b.post(path+"/mode", url.Values{"mode": {"secure"}}).want(200, "Saved.")
	b.post(path+"/disable", nil).want(200, "signed out everywhere", "Enable again")
	b.post(path+"/enable", nil).want(200, "They can sign in again.")
	b.get("/desk/contacts/" + w.staff.ID.String()).want(404)
	b.get("/desk/contacts/" + bridge.NewID().String()).want(404)
}

func TestHeldMail(t *testing.T) {
	w := newWorld(t)
	id := w.held("mina@example.org", "Re: <i>results</i>", "From my <b>other</b> address.")
	other := w.held("stranger@example.net", "Buy now", "Spam.")
	b := w.as(w.staff)
	b.get("/desk").want(200, `class="count">2<`)
	b.get("/desk/held").want(200, "Re: &lt;i&gt;results", "stranger@example.net")
	path := "/desk/held/" + id.String()
	b.get(path).want(200, "Why is this here?", "From my &lt;b&gt;other&lt;/b&gt; address.", "Release")
	b.post(path+"/release", nil).want(200, "The mail is in the conversation now.", "From my &lt;b&gt;other")
	b.get(path).want(200, "It was released.").without(`action="` + path + `/release"`)
	b.post(path+"/release", nil).want(200, "is-bad", "was released already")
	b.post("/desk/held/"+other.String()+"/discard", nil).want(200, "The mail stays out.", "Nothing is held")
	b.get("/desk/held/" + bridge.NewID().String()).want(404)
	w.as(w.admin).get("/admin/mail").want(200, "Held, then released", "Held, then discarded", "stranger@example.net").without("Spam.", "Buy now")
}

func TestMode(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.admin)
	const warning = "In convenience mode content travels by ordinary email; if the law requires you to keep it confidential, leave it off."
	b.get("/admin").want(200, "Secure mode is on", warning)
	b.get("/admin/mode/loosen").want(200, warning)
	b.post("/admin/mode", url.Values{"mode": {"convenience"}}).want(400, "Please confirm", warning)
	b.get("/admin").want(200, "Secure mode is on")
	b.post("/admin/mode", url.Values{"mode": {"convenience"}, "understood": {"yes"}}).want(200, "Convenience mode is on", "Rosa Lind", "secure → convenience")
	b.post("/admin/mode", url.Values{"mode": {"secure"}}).want(200, "Secure mode is on", "convenience → secure")
	b.post("/admin/mode", url.Values{"mode": {""}}).want(400)
	b.post("/admin/mode", url.Values{"mode": {"off"}}).want(400)

	staff := w.as(w.staff)
	staff.get("/admin").want(403)
	staff.post("/admin/mode", url.Values{"mode": {"convenience"}}).want(403)
	staff.post("/admin/mode", url.Values{"mode": {"convenience"}, "understood": {"yes"}}).want(403)
	b.get("/admin").want(200, "Secure mode is on")
}

func TestPeople(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.admin)
	b.post("/admin/people", url.Values{"name": {"Sam Carter"}, "address": {"sam@example.com"}, "role": {"staff"}}).want(200, "They can sign in now", "Sam Carter")
	b.post("/admin/people", url.Values{"name": {"Sam Again"}, "address": {"sam@example.com"}, "role": {"admin"}}).want(409, "Sam Again", `value="admin" selected`)
	b.post("/admin/people", url.Values{"name": {"X"}, "address": {"x@example.com"}, "role": {"owner"}}).want(400, "The role is staff or admin.")
	staff := w.as(w.staff)
	path := "/admin/people/" + w.staff.ID.String()
	b.get(path).want(200, "Marlene Voss")
	b.post(path+"/role", url.Values{"role": {"admin"}}).want(200, "The role is saved.")
	staff.get("/admin").want(200, "Administration")
	b.post(path+"/disable", nil).want(200, "signed out everywhere")
	staff.get("/admin").at("/sign-in?next=%2Fadmin")
	own := "/admin/people/" + w.admin.ID.String()
	b.post(own+"/disable", nil).want(200, "Nobody can disable themself.")
	b.post(own+"/role", url.Values{"role": {"staff"}}).want(200, "This is the last admin.")
	b.post(path+"/enable", nil).want(200, "They can sign in again.")
	b.get("/admin/people/" + w.mina.ID.String()).want(404)
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.admin)
	a := b.post("/admin/keys", url.Values{"name": {"Booking system"}, "role": {"staff"}}).want(200, "shown this once", "Booking system")
	secret := regexp.MustCompile(`llk_[a-z2-7]+`).FindString(a.body)
	if _, err := w.g.AuthenticateKey(t.Context(), secret); err != nil {
		t.Errorf("the key that was shown does not work: %v", err)
	}
	page := b.get("/admin/keys").want(200, "Booking system").without(secret, "llk_")
	revoke := regexp.MustCompile(`action="(/admin/keys/[^"]+/revoke)"`).FindStringSubmatch(page.body)[1]
	b.post(revoke, nil).want(200, "The key opens nothing any more.", "Revoked")
	if _, err := w.g.AuthenticateKey(t.Context(), secret); err == nil {
		t.Error("the revoked key still works")
	}
	b.post("/admin/keys", url.Values{"name": {""}, "role": {"staff"}}).want(400, "A name is needed, to know it again.")
	if strings.Contains(w.log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

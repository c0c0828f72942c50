package web_test

import (
	"testing"
	"time"

	"letterlock/bridge"
)

// TestMailboxes is what admins see of a mailbox while it is read for the first time, works, fails, and works again; nobody else sees any of it.
func TestMailboxes(t *testing.T) {
	w := newWorld(t)
	office := bridge.MailAccount{Name: "office", Where: "INBOX of office@example.com at imap.example.com:993"}
	report := func(change func(*bridge.MailAccount)) {
		t.Helper()
		a := office
		a.ReportedAt = w.clock.now()
		change(&a)
		w.must(w.g.ReportAccounts(t.Context(), []bridge.MailAccount{office}, []bridge.MailAccount{a}))
	}
	admin, staff := w.as(w.admin), w.as(w.staff)
	admin.get("/admin").want(200, "/admin/mailboxes")
	admin.get("/admin/mailboxes").want(200, "No mailboxes")
	staff.get("/admin/mailboxes").want(403)
	w.as(w.mina).get("/admin/mailboxes").want(403)

	report(func(a *bridge.MailAccount) { a.Taken, a.Waiting = 4000, 6000 })
	admin.get("/admin/mailboxes").want(200, "office", "Being read", "4000 of 10000 messages are read", "Never so far")
	report(func(a *bridge.MailAccount) { a.WorkedAt = w.clock.now() })
	admin.get("/admin/mailboxes").want(200, "Works").without("Being read", "Never so far")

	failing := func(a *bridge.MailAccount) {
		a.FailingSince, a.Failure, a.Advice = w.clock.now(), "the server does not let us in: <b>no</b>", "look at username and the password"
	}
	report(failing)
	admin.get("/desk").want(200).without("No mail is fetched")
	admin.get("/admin/mailboxes").want(200, "Trying again", "The server does not let us in: &lt;b&gt;no&lt;/b&gt;.", "Look at username and the password.")
	w.clock.forward(40 * time.Minute)
	report(failing)
	admin.get("/desk").want(200, "No mail is fetched from “office” since", "/admin/mailboxes")
	admin.get("/admin/mailboxes").want(200, "Does not work")
	staff.get("/desk").want(200).without("No mail is fetched", "/admin/mailboxes")

	report(func(a *bridge.MailAccount) {
		a.WorkedAt, a.Ends, a.What = w.clock.now(), w.clock.now().Add(10*24*time.Hour), "the client secret"
	})
	admin.get("/desk").want(200, "The client secret of “office” runs out on").without("No mail is fetched")
	admin.get("/admin/mailboxes").want(200, "Works", "(in 10 days)")

	w.clock.forward(90 * time.Minute)
	admin.get("/admin/mailboxes").want(200, "Not looked after", "Nothing was heard of it for 90 minutes")
}

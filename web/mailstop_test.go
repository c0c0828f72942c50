package web_test

import (
	"testing"
	"time"

	"letterlock/bridge"
)

// TestMailComesBack is what people see once a mail came back because there is no such address.
func TestMailComesBack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	post := func() []bridge.Delivery {
		t.Helper()
		_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "A word."})
		w.must(err)
		w.clock.forward(time.Hour)
		list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 100)
		w.must(err)
		return list
	}
	for _, d := range post() {
		if d.Person == w.mina.ID {
			w.must(w.g.RecordBounced(ctx, "worker", d.ID, "550 5.1.1 <no such> user"))
		}
	}
	b := w.as(w.mina)
	b.get("/").want(200, "does not take mail", "Send me emails again", w.mina.Address)
	staff := w.as(w.staff)
	contact := "/desk/contacts/" + w.mina.ID.String()
	staff.get(contact).want(200, "No mail leaves to this person", "refused for good", "&lt;no such&gt; user")
	staff.get("/desk/t/"+w.thread.ID.String()).want(200, "could not be reached", "&lt;no such&gt; user")

	// What is owed to them is not sent, and says why; an admin may send it after all.
	for _, d := range post() {
		if d.Person == w.mina.ID {
			if _, err := w.g.Prepare(ctx, "worker", d); err == nil {
				t.Error("it may leave")
			}
		}
	}
	staff.get("/desk/t/"+w.thread.ID.String()).want(200, "was sent no email", "mail to this address is stopped")
	admin := w.as(w.admin)
	admin.get("/admin/queue?state=suppressed").want(200, "mail to this address is stopped", "Send it after all")

	staff.post(contact+"/mail", nil).want(200, "Mail leaves to them again").without("No mail leaves to this person")
	b.get("/").want(200).without("Send me emails again")

	for _, d := range post() {
		if d.Person == w.mina.ID {
			w.must(w.g.RecordBounced(ctx, "worker", d.ID, "550 5.1.1 no such user"))
		}
	}
	w.as(w.jonas).post("/desk/contacts/"+w.mina.ID.String()+"/mail", nil).want(403)
	b.post("/account/mail", nil).want(200, "You get emails again.").without("Send me emails again")
}

func TestAdminKeepsMailBack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	b, staff := w.as(w.admin), w.as(w.staff) // signing in sends what waits
	_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "A word."})
	w.must(err)
	list, _, err := w.g.ListDeliveries(ctx, bridge.AsOperator(), bridge.DeliveryQuery{State: bridge.Queued, Limit: 1})
	w.must(err)
	path := "/admin/queue/" + list[0].ID.String()
	b.get("/admin/queue?state=queued").want(200, "Keep back", path+"/hold")
	b.post(path+"/hold", nil).want(200, "It is kept back", "Kept back by an admin", "Let it go")
	staff.post(path+"/hold", nil).want(403)
	b.post(path+"/hold", nil).want(200, "is-bad")
	b.post(path+"/retry", nil).want(200, "It is tried again now.")
	b.get("/admin/queue?state=held").want(200).without("Let it go")
	b.get("/admin/audit").want(200, "Kept back a mail that waited")
}

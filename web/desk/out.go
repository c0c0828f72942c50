package desk

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

// unsentCard is a message that has not gone out.
type unsentCard struct {
	ID, Base     string // of it, and of its page
	Who          string
	Subject, To  string // of what starts a conversation
	Thread       string // where it answers, on pages that list them
	Label        string
	Words        string
	At           time.Time // when it goes out; zero if it does not
	Undo, Waits  bool
	Stopped      bool
	Bare         bool // nothing is left of it but that it was not sent
	Begin        string
	Files        []page.File
	Edit, Return string // paths
}

// cards shows some, with all whom they name looked up at once.
func (d *Desk) cards(v *page.Visit, list []bridge.Pending) ([]unsentCard, error) {
	var named []bridge.ID
	for _, p := range list {
		if p.Start == nil {
			continue
		}
		for _, r := range p.Start.Contacts {
			if !r.ID.IsZero() {
				named = append(named, r.ID)
			}
		}
	}
	var people map[bridge.ID]bridge.Person
	if len(named) > 0 {
		var err error
		if people, err = d.gateway.PeopleByID(v.Context(), v.Actor(), named); err != nil {
			return nil, err
		}
	}
	cards := make([]unsentCard, len(list))
	for i, p := range list {
		cards[i] = d.card(v, p, people)
	}
	return cards, nil
}

// card shows one that names people.
func (d *Desk) card(v *page.Visit, p bridge.Pending, people map[bridge.ID]bridge.Person) unsentCard {
	c := unsentCard{
		ID: p.ID.String(), Base: "/desk/out/" + p.ID.String(), Who: p.ByName, Begin: p.Begin,
		Waits: p.State == bridge.PendingWaits, Undo: p.Undo && p.State == bridge.PendingWaits, Stopped: p.State == bridge.PendingStopped,
	}
	if p.ByKind == bridge.ByStaff && p.By == v.Person.ID {
		c.Who = "You"
	}
	c.Edit = editPath(p)
	switch {
	case p.Start != nil:
		c.Subject = p.Start.Subject
		var to []string
		for _, r := range p.Start.Contacts {
			if r.ID.IsZero() {
				to = append(to, name(r.Name, r.Address))
			} else if who, known := people[r.ID]; known {
				to = append(to, who.DisplayName())
			}
		}
		c.To = strings.Join(to, ", ")
	case p.Thread.IsZero():
		c.Bare = true
	}
	for _, f := range p.Files {
		c.Files = append(c.Files, page.File{Name: f.Filename, Type: f.ContentType, Size: f.Blob.Size})
	}
	switch {
	case c.Undo:
		c.Label, c.Words, c.At = "On its way", "It leaves in a few seconds.", p.At
	case c.Waits:
		c.Label, c.Words, c.At = "Goes out later", "It goes out "+d.whenWords(p.At, p.Zone)+".", p.At
	case c.Stopped:
		c.Label, c.Words = "Not sent", "It could not be sent: "+p.Why+"."
	default:
		c.Label, c.Words = "Taken back", "It was taken back and will not go out."
	}
	return c
}

// editPath is where a message can be edited; nowhere where nothing is left of it.
func editPath(p bridge.Pending) string {
	switch {
	case p.Start != nil:
		return "/desk/new?edit=" + p.ID.String()
	case p.Thread.IsZero():
		return ""
	}
	return "/desk/t/" + p.Thread.String() + "?edit=" + p.ID.String() + "#answer"
}

type outView struct {
	Cards []unsentCard
	Next  string
	Tabs  []page.Link
}

// out is GET /desk/out: all that has not gone out.
func (d *Desk) out(v *page.Visit) error {
	after, err := v.Cursor()
	if err != nil {
		return err
	}
	list, next, err := d.gateway.ListPending(v.Context(), v.Actor(), bridge.PendingList{After: after})
	if err != nil {
		return err
	}
	view := outView{Tabs: tabs(outPath)}
	if view.Cards, err = d.cards(v, list); err != nil {
		return err
	}
	for i, p := range list {
		c := &view.Cards[i]
		if !p.Thread.IsZero() {
			c.Subject, c.Thread = p.Subject, "/desk/t/"+p.Thread.String()
		}
		c.Return = outPath
	}
	view.Next = v.Turn(outPath, next).Older
	return v.Render(d.book, "out", page.Frame{Title: "Not sent yet", Shape: "wide", View: view})
}

const outPath = "/desk/out"

type outOneView struct{ Card unsentCard }

// outOne is GET /desk/out/MESSAGE: one that starts a conversation, until that has begun.
func (d *Desk) outOne(v *page.Visit) error {
	p, err := d.pending(v)
	if err != nil {
		return err
	}
	if !p.Thread.IsZero() {
		return v.Redirect("/desk/t/" + p.Thread.String() + "#answer")
	}
	cards, err := d.cards(v, []bridge.Pending{p})
	if err != nil {
		return err
	}
	c := cards[0]
	if c.Undo {
		// Also without a script the page goes on to the conversation.
		wait := int(p.At.Sub(d.site.Now())/time.Second) + 2
		v.W.Header().Set("Refresh", strconv.Itoa(max(wait, 2)))
	}
	return v.Render(d.book, "outone", page.Frame{Title: "Not sent yet", Shape: "wide", View: outOneView{c}})
}

func (d *Desk) pending(v *page.Visit) (bridge.Pending, error) {
	id, err := v.ID("message")
	if err != nil {
		return bridge.Pending{}, err
	}
	return d.gateway.PendingMessage(v.Context(), v.Actor(), id)
}

// takeBack is POST /desk/out/MESSAGE/back: undo, and edit. It leads to the composer with the text in it, if there still is one.
func (d *Desk) takeBack(v *page.Visit) error {
	p, err := d.pending(v)
	if err == nil {
		p, err = d.gateway.TakeBack(v.Context(), v.Actor(), p.ID)
	}
	if errors.Is(err, bridge.ErrConflict) {
		return d.tooLate(v)
	}
	if err != nil {
		return err
	}
	edit := editPath(p)
	if edit == "" {
		v.Flash(page.Flash{Text: "Its conversation was deleted, with what it said. There is nothing left to edit.", Bad: true})
		return v.Redirect(outPath)
	}
	v.Flash(page.Flash{Text: "It is taken back and will not go out. Here it is again."})
	return v.Redirect(edit)
}

// tooLate says that a message has gone out meanwhile.
func (d *Desk) tooLate(v *page.Visit) error {
	p, err := d.pending(v)
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "It has gone out already, so it can't be taken back any more.", Bad: true})
	if p.Thread.IsZero() {
		return v.Redirect(outPath)
	}
	return v.Redirect("/desk/t/" + p.Thread.String() + "#m-" + p.ID.String())
}

// cancelOut is POST /desk/out/MESSAGE/cancel: it does not go out, and stays where it is.
func (d *Desk) cancelOut(v *page.Visit) error {
	return d.withPending(v, "It will not go out. It is kept until somebody edits or discards it.", func(p bridge.Pending) error {
		_, err := d.gateway.TakeBack(v.Context(), v.Actor(), p.ID)
		return err
	})
}

// sendOut is POST /desk/out/MESSAGE/send: it goes out now.
func (d *Desk) sendOut(v *page.Visit) error {
	p, err := d.pending(v)
	if err != nil {
		return err
	}
	m, err := d.gateway.SendPending(v.Context(), v.Actor(), p.ID)
	if errors.Is(err, bridge.ErrConflict) {
		v.Flash(page.Flash{Text: page.Explain(err), Bad: true})
		return v.Redirect(d.back(v, p))
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: d.sentAs(v, "The message is on its way.", m)})
	return v.Redirect("/desk/t/" + m.Thread.String() + "#m-" + m.ID.String())
}

// discardOut is POST /desk/out/MESSAGE/discard.
func (d *Desk) discardOut(v *page.Visit) error {
	return d.withPending(v, "It is discarded.", func(p bridge.Pending) error {
		return d.gateway.DiscardPending(v.Context(), v.Actor(), p.ID)
	})
}

// withPending does something about one and goes back to where it was seen.
func (d *Desk) withPending(v *page.Visit, done string, change func(bridge.Pending) error) error {
	p, err := d.pending(v)
	if err != nil {
		return err
	}
	return after(v, change(p), done, d.back(v, p))
}

// back is where somebody saw a message: the list, or its conversation.
func (d *Desk) back(v *page.Visit, p bridge.Pending) string {
	form, err := v.Form()
	if err == nil && form.Get("from") == outPath || p.Thread.IsZero() {
		return outPath
	}
	return "/desk/t/" + p.Thread.String() + "#answer"
}

// waiting says, after a conversation was closed, what will go out in it all the same.
func (d *Desk) waiting(v *page.Visit, thread bridge.ID) string {
	list, _, err := d.gateway.ListPending(v.Context(), v.Actor(), bridge.PendingList{Thread: thread})
	n := 0
	for _, p := range list {
		if p.State == bridge.PendingWaits {
			n++
		}
	}
	switch {
	case err != nil || n == 0:
		return ""
	case n == 1:
		return " One message is still to go out in it."
	}
	return fmt.Sprintf(" %d messages are still to go out in it.", n)
}

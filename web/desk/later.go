package desk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

// laterView is the part of a composer that says when it goes out.
type laterView struct {
	At   string // as an input of type datetime-local has it; empty for at once
	Zone string // in which it is
	Name string // of the zone, for people
	Kept bool   // the zone is the person's own choice, or that of a message: a script leaves it
}

// redoView is what a composer takes over from a message that was taken back.
type redoView struct {
	Replaces  string
	Files     []keptFile
	Formatted bool // it has formatting that the composer does not
}

type keptFile struct {
	ID, Name string
	Size     int64
	Kept     bool
}

// inputTime is how browsers write a moment (HTML, section 4.10.5.1.11).
const inputTime = "2006-01-02T15:04"

// zone finds a time zone by the name that a browser gave it; the site's where it gave none.
func (d *Desk) zone(name string) (*time.Location, error) {
	if name == "" || name == d.site.Location().String() {
		return d.site.Location(), nil
	}
	if name == "Local" || len(name) > 64 {
		return nil, fmt.Errorf("there is no such time zone: %w", bridge.ErrInvalid)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no such time zone: %w", bridge.ErrInvalid)
	}
	return loc, nil
}

// later reads when a form says that its message goes out. A time that is filled in counts, whichever button was pressed: so nothing leaves at
// once that was to leave later.
func (d *Desk) later(form page.Form) (bridge.Later, error) {
	text := form.Get("at")
	if strings.TrimSpace(text) == "" {
		if form.Get("step") == "later" {
			return bridge.Later{}, fmt.Errorf("say when it is to be sent: %w", bridge.ErrInvalid)
		}
		return bridge.Later{}, nil
	}
	loc, err := d.zone(form.Get("zone"))
	if err != nil {
		return bridge.Later{}, err
	}
	at, err := momentOf(text, loc)
	return bridge.Later{At: at, Zone: loc.String()}, err
}

// momentOf reads a moment as browsers and people write it. Its error wraps ErrInvalid.
func momentOf(text string, in *time.Location) (time.Time, error) {
	text = strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	for _, layout := range []string{inputTime, inputTime + ":05"} {
		if at, err := time.ParseInLocation(layout, text, in); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("the time to send it can't be read: write it as 2026-12-31 09:00: %w", bridge.ErrInvalid)
}

// laterForm is the part of a composer as somebody filled it in.
func (d *Desk) laterForm(form page.Form) laterView {
	return d.fillLater(laterView{At: form.Get("at"), Zone: form.Get("zone")})
}

// ownZone is where a composer begins with the time zone that its writer chose, if they did.
func (d *Desk) ownZone(v *page.Visit, l laterView) (laterView, error) {
	if l.Zone != "" {
		return d.fillLater(l), nil
	}
	c, err := d.gateway.MailChoices(v.Context(), v.Actor(), v.Person.ID)
	l.Zone, l.Kept = c.Zone, c.Zone != ""
	return d.fillLater(l), err
}

// laterOf is the part of a composer for a message that was to go out at a time of its own, if that is still to come.
func (d *Desk) laterOf(p bridge.Pending) laterView {
	l := d.fillLater(laterView{Zone: p.Zone})
	if loc, err := d.zone(l.Zone); err == nil && p.Chosen.After(d.site.Now()) {
		l.At = p.Chosen.In(loc).Format(inputTime)
	}
	return l
}

// fillLater completes what is not known of it.
func (d *Desk) fillLater(l laterView) laterView {
	loc, err := d.zone(l.Zone)
	if err != nil {
		loc = d.site.Location()
	}
	now := d.site.Now().In(loc)
	l.Zone, l.Name = loc.String(), zoneName(now)
	return l
}

// zoneName is what people call the zone that a moment is in. Go calls the machine's own zone Local, whichever that is, so that has its abbreviation.
func zoneName(at time.Time) string {
	if name := at.Location().String(); name != "Local" {
		return name
	}
	return at.Format("MST")
}

// undo returns for how long what is sent from the desk can be taken back.
func (d *Desk) undo(v *page.Visit) (time.Duration, error) {
	t, err := d.gateway.Timing(v.Context(), v.Actor())
	return t.Undo, err
}

// outWords says when a message goes out that was just sent.
func (d *Desk) outWords(what string, p bridge.Pending) string {
	if p.State == bridge.PendingSent {
		return what + " is on its way."
	}
	if p.Undo {
		return what + " is sent. For a few seconds it can be taken back."
	}
	return what + " goes out " + d.whenWords(p.At, p.Zone) + "."
}

// whenWords writes a moment to come in the zone in which it was chosen.
func (d *Desk) whenWords(at time.Time, zone string) string {
	loc, err := d.zone(zone)
	if err != nil {
		loc = d.site.Location()
	}
	at, now := at.In(loc), d.site.Now().In(loc)
	day := at.Format("Monday, 2 January 2006")
	switch tomorrow := now.AddDate(0, 0, 1); {
	case at.Format(time.DateOnly) == now.Format(time.DateOnly):
		day = "today"
	case at.Format(time.DateOnly) == tomorrow.Format(time.DateOnly):
		day = "tomorrow"
	case at.Year() == now.Year():
		day = at.Format("Monday, 2 January")
	}
	return day + " at " + at.Format("15:04") + " (" + zoneName(at) + ")"
}

// redo reads the message that a form replaces, to show the form again: with the files marked that it keeps, or all of them if keep is nil.
func (d *Desk) redo(v *page.Visit, id string, keep []string) (redoView, bridge.Pending, error) {
	if id == "" {
		return redoView{}, bridge.Pending{}, nil
	}
	which, err := bridge.ParseID(id)
	if err != nil {
		return redoView{}, bridge.Pending{}, err
	}
	p, err := d.gateway.PendingMessage(v.Context(), v.Actor(), which)
	if errors.Is(err, bridge.ErrNotFound) {
		return redoView{}, bridge.Pending{}, nil // somebody discarded it; what was typed is still there
	}
	if err != nil || p.State != bridge.PendingHeld && p.State != bridge.PendingStopped {
		return redoView{}, bridge.Pending{}, err
	}
	r := redoView{Replaces: id, Formatted: p.HTML != ""}
	for _, f := range p.Files {
		one := keptFile{ID: f.ID.String(), Name: f.Filename, Size: f.Blob.Size, Kept: keep == nil}
		for _, k := range keep {
			one.Kept = one.Kept || k == one.ID
		}
		r.Files = append(r.Files, one)
	}
	return r, p, nil
}

// replaced reads what a form takes the place of.
func replaced(form page.Form) (id bridge.ID, keep []bridge.ID, err error) {
	if form.Get("replaces") == "" {
		return bridge.ID{}, nil, nil
	}
	if id, err = bridge.ParseID(form.Get("replaces")); err != nil {
		return bridge.ID{}, nil, err
	}
	for _, text := range form.All("keep") {
		f, err := bridge.ParseID(text)
		if err != nil {
			return bridge.ID{}, nil, err
		}
		keep = append(keep, f)
	}
	return id, keep, nil
}

// keeps returns the marks of a form that was sent: none is not the same as a form that has not been shown.
func keeps(form page.Form) []string { return append([]string{}, form.All("keep")...) }

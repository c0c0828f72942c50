package desk

import (
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

// fates tells what became of each message on its way to each person.
type fates struct {
	names      map[bridge.ID]string
	deliveries map[bridge.ID][]bridge.Delivery       // by message
	opened     map[bridge.ID]map[bridge.ID]time.Time // by message and person
	order      map[bridge.ID][]bridge.ID             // who opened a message, in order
}

func newFates(t bridge.ThreadView) fates {
	f := fates{
		names: map[bridge.ID]string{}, deliveries: map[bridge.ID][]bridge.Delivery{},
		opened: map[bridge.ID]map[bridge.ID]time.Time{}, order: map[bridge.ID][]bridge.ID{},
	}
	staff := map[bridge.ID]bool{}
	for _, p := range t.Participants {
		f.names[p.Person] = name(p.Name, p.Address)
		staff[p.Person] = p.Kind == bridge.Staff
	}
	for _, d := range t.Deliveries {
		if d.Kind == bridge.DeliverMessage && !staff[d.Person] {
			f.deliveries[d.Message] = append(f.deliveries[d.Message], d)
		}
	}
	for _, r := range t.Receipts {
		if f.opened[r.Message] == nil {
			f.opened[r.Message] = map[bridge.ID]time.Time{}
		}
		f.opened[r.Message][r.Person] = r.At
		f.order[r.Message] = append(f.order[r.Message], r.Person)
	}
	return f
}

// of returns one line per person for a message.
func (f fates) of(message bridge.ID) []page.Fate {
	var out []page.Fate
	told := map[bridge.ID]bool{}
	for _, d := range f.deliveries[message] {
		who := f.names[d.Person]
		if who == "" {
			who = d.Recipient
		}
		if who == "" {
			who = "Someone who has left"
		}
		fate := fateOf(d)
		fate.Who = who
		if at, ok := f.opened[message][d.Person]; ok {
			told[d.Person] = true
			fate = page.Fate{Who: who, Words: "opened it here", At: at, Tone: "good", Reason: mailWords(d)}
		}
		out = append(out, fate)
	}
	for _, person := range f.order[message] {
		if !told[person] && f.names[person] != "" {
			out = append(out, page.Fate{Who: f.names[person], Words: "opened it here", At: f.opened[message][person], Tone: "good"})
		}
	}
	return out
}

func fateOf(d bridge.Delivery) page.Fate {
	switch d.State {
	case bridge.Queued:
		return page.Fate{Words: "is about to get an email"}
	case bridge.OnHold:
		return page.Fate{Words: "has no email yet, an admin keeps it back", Tone: "warn"}
	case bridge.Deferred:
		return page.Fate{Words: "has no email yet, next try", At: d.NextAt, Tone: "warn", Reason: d.Diagnostic}
	case bridge.Relayed:
		if d.Form == bridge.FormCopy {
			return page.Fate{Words: "was sent it by email", At: d.DoneAt}
		}
		return page.Fate{Words: "was sent a notice", At: d.DoneAt, Reason: noticeWhy(d)}
	case bridge.Failed:
		return page.Fate{Words: "could not be reached", At: d.DoneAt, Tone: "bad", Reason: d.Diagnostic}
	case bridge.Suppressed:
		return page.Fate{Words: "was sent no email", At: d.DoneAt, Reason: d.Diagnostic}
	}
	return page.Fate{Words: string(d.State)}
}

// mailWords says what became of the email to somebody who opened the message here.
func mailWords(d bridge.Delivery) string {
	switch d.State {
	case bridge.Relayed:
		if d.Form == bridge.FormCopy {
			return "The email carried the message."
		}
		if why := noticeWhy(d); why != "" {
			return "The email was a notice. " + why
		}
		return "The email was a notice."
	case bridge.Failed:
		return "The email could not be delivered."
	case bridge.Suppressed:
		return "No email was sent."
	}
	return "The email has not left yet."
}

// noticeWhy says why a notice left where the mode would have let a copy go.
func noticeWhy(d bridge.Delivery) string {
	if d.Why == "" {
		return ""
	}
	return "No content left: " + d.Why + "."
}

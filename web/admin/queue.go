package admin

import (
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type queueView struct {
	Office      []page.Link
	Counts      []countLine
	ListHeading string
	Deliveries  []deliveryLine
	Turn        page.Turn
}

type countLine struct {
	Name, Href, Tone string
	N                int
	Here             bool
}

type deliveryLine struct {
	ID, To, What, State, Tone, Reason, ThreadHref string
	Attempts                                      int
	At, Next                                      time.Time
	CanRetry, CanCancel, CanHold                  bool
	Again                                         string // what trying again is called
}

// states are the states of deliveries as this page calls them.
var states = []struct {
	state         bridge.DeliveryState
	name, heading string
	tone          string
}{
	{bridge.Queued, "Waiting", "Waiting to leave", ""},
	{bridge.Deferred, "To be tried again", "To be tried again", "warn"},
	{bridge.OnHold, "Kept back", "Kept back by an admin", "warn"},
	{bridge.Relayed, "Left", "What left", ""},
	{bridge.Failed, "Not delivered", "Not delivered", "bad"},
	{bridge.Suppressed, "Not sent", "Not sent, on purpose", ""},
}

// queue is GET /admin/queue.
func (a *Admin) queue(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	place, err := v.Cursor()
	if err != nil {
		return err
	}
	counts, err := a.gateway.CountDeliveries(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	chosen := states[0]
	for _, s := range states {
		if s.state == bridge.Failed {
			chosen = s
		}
	}
	for _, s := range states {
		if v.R.URL.Query().Get("state") == string(s.state) {
			chosen = s
		}
	}
	list, next, err := a.gateway.ListDeliveries(v.Context(), v.Actor(), bridge.DeliveryQuery{State: chosen.state, After: place})
	if err != nil {
		return err
	}
	path := "/admin/queue?state=" + string(chosen.state)
	view := queueView{Office: office("/admin/queue"), ListHeading: chosen.heading, Turn: v.Turn(path, next)}
	for _, s := range states {
		c := countLine{Name: s.name, N: counts[s.state], Href: "/admin/queue?state=" + string(s.state), Here: s.state == chosen.state}
		if c.N > 0 {
			c.Tone = s.tone
		}
		view.Counts = append(view.Counts, c)
	}
	names := map[bridge.ID]string{}
	for _, d := range list {
		line, err := a.line(v, d, names)
		if err != nil {
			return err
		}
		view.Deliveries = append(view.Deliveries, line)
	}
	return v.Render(a.book, "queue", page.Frame{Title: "Outgoing mail", Shape: "wide", View: view})
}

// line returns a delivery as the list shows it. names remembers addresses that were looked up.
func (a *Admin) line(v *page.Visit, d bridge.Delivery, names map[bridge.ID]string) (deliveryLine, error) {
	l := deliveryLine{ID: d.ID.String(), To: d.Recipient, Attempts: d.Attempts, At: d.CreatedAt, Reason: d.Diagnostic}
	if l.To == "" && !d.Person.IsZero() {
		if _, ok := names[d.Person]; !ok {
			p, err := a.gateway.PersonByID(v.Context(), v.Actor(), d.Person)
			if err != nil {
				return l, err
			}
			names[d.Person] = p.Address
		}
		l.To = names[d.Person]
	}
	switch d.Kind {
	case bridge.DeliverMessage:
		l.What = "Message"
	case bridge.DeliverCode:
		l.What = "Sign-in code"
	case bridge.DeliverAlert:
		l.What = "Alert to an admin"
	case bridge.DeliverAnswer:
		l.What = "Answer to refused mail"
	case bridge.DeliverDevice:
		l.What = "About a new browser"
	case bridge.DeliverReminder:
		l.What = "Reminder"
	case bridge.DeliverUnopened:
		l.What = "Never opened"
	case bridge.DeliverDigest:
		l.What = "Summary for staff"
	case bridge.DeliverSample:
		l.What = "Test of a template"
	}
	if !d.Thread.IsZero() {
		l.ThreadHref = "/desk/t/" + d.Thread.String()
	}
	for _, s := range states {
		if s.state == d.State {
			l.State, l.Tone = s.name, s.tone
		}
	}
	switch d.State {
	case bridge.Relayed:
		if d.Form == bridge.FormCopy {
			l.State = "Left with content"
		} else if d.Kind == bridge.DeliverMessage {
			l.State = "Left as a notice"
		}
	case bridge.Deferred:
		l.Next, l.CanRetry, l.CanCancel, l.CanHold = d.NextAt, true, true, true
	case bridge.Queued:
		l.CanCancel, l.CanHold = true, true
	case bridge.OnHold:
		l.CanRetry, l.CanCancel = true, true
	case bridge.Failed, bridge.Suppressed:
		l.CanRetry = d.Kind == bridge.DeliverMessage
	}
	switch d.State {
	case bridge.OnHold:
		l.Again = "Let it go"
	case bridge.Suppressed:
		l.Again = "Send it after all"
	default:
		l.Again = "Try again"
	}
	return l, nil
}

// retry is POST /admin/queue/DELIVERY/retry.
func (a *Admin) retry(v *page.Visit) error {
	id, err := v.ID("delivery")
	if err != nil {
		return err
	}
	return after(v, a.gateway.RetryDelivery(v.Context(), v.Actor(), id), "It is tried again now.", "/admin/queue")
}

// hold is POST /admin/queue/DELIVERY/hold.
func (a *Admin) hold(v *page.Visit) error {
	id, err := v.ID("delivery")
	if err != nil {
		return err
	}
	return after(v, a.gateway.HoldDelivery(v.Context(), v.Actor(), id), "It is kept back until somebody lets it go.", "/admin/queue?state="+string(bridge.OnHold))
}

// cancel is POST /admin/queue/DELIVERY/cancel.
func (a *Admin) cancel(v *page.Visit) error {
	id, err := v.ID("delivery")
	if err != nil {
		return err
	}
	return after(v, a.gateway.CancelDelivery(v.Context(), v.Actor(), id), "It will not be sent.", "/admin/queue")
}

package admin

import (
	"context"
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

// queueState is a state of deliveries as this page calls it, and what an admin can do there.
type queueState struct {
	state         bridge.DeliveryState
	name, heading string
	tone          string
	hold, cancel  bool
	again         string // what trying again is called; empty where nobody can
}

var states = []queueState{
	{state: bridge.Queued, name: "Waiting", heading: "Waiting to leave", hold: true, cancel: true},
	{state: bridge.Deferred, name: "To be tried again", heading: "To be tried again", tone: "warn", hold: true, cancel: true, again: "Try again"},
	{state: bridge.OnHold, name: "Kept back", heading: "Kept back by an admin", tone: "warn", cancel: true, again: "Let it go"},
	{state: bridge.Relayed, name: "Left", heading: "What left"},
	{state: bridge.Failed, name: "Not delivered", heading: "Not delivered", tone: "bad", again: "Try again"},
	{state: bridge.Suppressed, name: "Not sent", heading: "Not sent, on purpose", again: "Send it after all"},
}

// stateOf finds a state; one that there is not is Failed, which is what an admin looks for.
func stateOf(state bridge.DeliveryState) queueState {
	failed := queueState{}
	for _, s := range states {
		switch s.state {
		case state:
			return s
		case bridge.Failed:
			failed = s
		}
	}
	return failed
}

var deliveryKinds = map[bridge.DeliveryKind]string{
	bridge.DeliverMessage:  "Message",
	bridge.DeliverCode:     "Sign-in code",
	bridge.DeliverAlert:    "Alert to an admin",
	bridge.DeliverTrouble:  "Trouble with mail",
	bridge.DeliverAnswer:   "Answer to refused mail",
	bridge.DeliverDevice:   "About a new browser",
	bridge.DeliverReminder: "Reminder",
	bridge.DeliverUnopened: "Never opened",
	bridge.DeliverDigest:   "Summary for staff",
	bridge.DeliverSample:   "Test of a template",
}

// queue is GET /admin/queue.
func (a *Admin) queue(v *page.Visit) error {
	place, err := v.Cursor()
	if err != nil {
		return err
	}
	chosen := stateOf(bridge.DeliveryState(v.R.URL.Query().Get("state")))
	list, next, err := a.gateway.ListQueue(v.Context(), v.Actor(), bridge.DeliveryQuery{State: chosen.state, After: place})
	if err != nil {
		return err
	}
	counts, err := a.gateway.CountDeliveries(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view := queueView{Office: office("/admin/queue"), ListHeading: chosen.heading, Turn: v.Turn(queuePath(chosen.state), next)}
	for _, s := range states {
		c := countLine{Name: s.name, N: counts[s.state], Href: queuePath(s.state), Here: s.state == chosen.state}
		if c.N > 0 {
			c.Tone = s.tone
		}
		view.Counts = append(view.Counts, c)
	}
	for _, d := range list {
		view.Deliveries = append(view.Deliveries, queueLine(d, a.site.Now()))
	}
	return v.Render(a.book, "queue", page.Frame{Title: "Outgoing mail", Shape: "wide", View: view})
}

func queuePath(s bridge.DeliveryState) string { return "/admin/queue?state=" + string(s) }

// queueLine returns a delivery as the list shows it.
func queueLine(d bridge.Delivery, now time.Time) deliveryLine {
	s := stateOf(d.State)
	l := deliveryLine{
		ID: d.ID.String(), To: d.Recipient, What: deliveryKinds[d.Kind], State: s.name, Tone: s.tone, Reason: d.Diagnostic,
		Attempts: d.Attempts, At: d.CreatedAt, CanHold: s.hold, CanCancel: s.cancel, CanRetry: s.again != "", Again: s.again,
	}
	if l.To == "" {
		l.To = "somebody who is no longer here"
	}
	if !d.Thread.IsZero() {
		l.ThreadHref = "/desk/t/" + d.Thread.String()
	}
	switch {
	case d.PutOff(now):
		l.Next, l.CanRetry, l.Again = d.LeaseUntil, true, "Try now"
	case d.State == bridge.Deferred:
		l.Next = d.NextAt
	case d.State == bridge.Relayed && d.Form == bridge.FormCopy:
		l.State = "Left with content"
	case d.State == bridge.Relayed && d.Kind == bridge.DeliverMessage:
		l.State = "Left as a notice"
	case d.State == bridge.Failed || d.State == bridge.Suppressed:
		// Of the rest, what comes too late is of no use.
		l.CanRetry = d.Kind == bridge.DeliverMessage
	}
	return l
}

// retry is POST /admin/queue/DELIVERY/retry.
func (a *Admin) retry(v *page.Visit) error {
	return onDelivery(v, a.gateway.RetryDelivery, "It is tried again now.", "/admin/queue")
}

// hold is POST /admin/queue/DELIVERY/hold.
func (a *Admin) hold(v *page.Visit) error {
	return onDelivery(v, a.gateway.HoldDelivery, "It is kept back until somebody lets it go.", queuePath(bridge.OnHold))
}

// cancel is POST /admin/queue/DELIVERY/cancel.
func (a *Admin) cancel(v *page.Visit) error {
	return onDelivery(v, a.gateway.CancelDelivery, "It will not be sent.", "/admin/queue")
}

// onDelivery does what is asked with the delivery that the path names.
func onDelivery(v *page.Visit, do func(context.Context, bridge.Actor, bridge.ID) error, done, path string) error {
	id, err := v.ID("delivery")
	if err != nil {
		return err
	}
	return after(v, do(v.Context(), v.Actor(), id), done, path)
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"letterlock/bridge"
)

// queueCommand is about the mail that is to leave.
type queueCommand struct {
	List   queueListCommand   `cmd:"" help:"Count what waits and what failed, by state and destination."`
	Show   queueShowCommand   `cmd:"" help:"List each mail that waits or failed, to one destination or all."`
	Hold   queueHoldCommand   `cmd:"" help:"Keep mails back until \"queue retry\" lets them go."`
	Retry  queueRetryCommand  `cmd:"" help:"Have mails tried at once."`
	Cancel queueCancelCommand `cmd:"" help:"Send mails never."`
}

// Help is the longer help.
func (queueCommand) Help() string {
	return `Mails are named by their id, which "queue show" prints, or all together by the domain that they go to, such as example.org. What failed is looked for among the mails of the last seven days. No command shows what a mail says; addresses, and what mail servers answered, which may repeat them, are shown by "queue show --addresses" alone.

A gateway that runs notices within half a minute. A mail that is being sent at this moment may still go.`
}

// failedFor is for how long what failed counts as part of the queue.
const failedFor = 7 * 24 * time.Hour

// queueStates are the states that the queue is made of, in the order in which they are listed.
var queueStates = []bridge.DeliveryState{bridge.Queued, bridge.Deferred, bridge.OnHold, bridge.Failed}

// eachQueued calls fn with each mail of the queue that is in one of some states, by state and the newest first.
func eachQueued(ctx context.Context, g *bridge.Gateway, states []bridge.DeliveryState, fn func(bridge.Delivery) error) error {
	since := time.Now().Add(-failedFor)
	for _, state := range states {
		for q := (bridge.DeliveryQuery{State: state, Limit: 200}); ; {
			list, next, err := g.ListQueue(ctx, bridge.AsOperator(), q)
			if err != nil {
				return err
			}
			for _, d := range list {
				if state == bridge.Failed && d.CreatedAt.Before(since) {
					next = bridge.Cursor{}
					break
				}
				if err := fn(d); err != nil {
					return err
				}
			}
			if q.After = next; next == (bridge.Cursor{}) {
				break
			}
		}
	}
	return nil
}

type queueListCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
}

// queueRow is how many mails of one state go to one destination, in the output for programs.
type queueRow struct {
	State       bridge.DeliveryState `json:"state"`
	Destination string               `json:"destination,omitempty"`
	Count       int                  `json:"count"`
	Oldest      time.Time            `json:"oldest"`
	Next        *time.Time           `json:"next,omitempty"` // when the first of them is tried
}

// Run counts.
func (c *queueListCommand) Run(ctx context.Context, env *environment) error {
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		type where struct {
			state  bridge.DeliveryState
			domain string
		}
		byWhere, count := map[where]*queueRow{}, newProgress(env, "mails read")
		rows := []*queueRow{}
		err := eachQueued(ctx, g, queueStates, func(d bridge.Delivery) error {
			count.add()
			at := where{d.State, d.Domain}
			r := byWhere[at]
			if r == nil {
				r = &queueRow{State: d.State, Destination: d.Domain, Oldest: d.CreatedAt}
				byWhere[at], rows = r, append(rows, r)
			}
			r.Count++
			if d.CreatedAt.Before(r.Oldest) {
				r.Oldest = d.CreatedAt
			}
			if (d.State == bridge.Queued || d.State == bridge.Deferred) && (r.Next == nil || d.NextAt.Before(*r.Next)) {
				r.Next = &d.NextAt
			}
			return nil
		})
		count.end()
		if err != nil {
			return err
		}
		slices.SortStableFunc(rows, func(a, b *queueRow) int {
			return cmp.Or(cmp.Compare(slices.Index(queueStates, a.State), slices.Index(queueStates, b.State)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Destination, b.Destination))
		})
		if c.JSON {
			return writeJSON(env.stdout, rows)
		}
		if len(rows) == 0 {
			_, err = fmt.Fprintln(env.stdout, "nothing waits, and nothing failed within a week")
			return err
		}
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "STATE\tDESTINATION\tMAILS\tOLDEST\tNEXT")
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", r.State, destination(r.Destination), r.Count, r.Oldest.Local().Format(time.DateTime), timeOrDash(r.Next))
		}
		return w.Flush()
	})
}

// destination is a domain as tables show it.
func destination(domain string) string { return cmp.Or(domain, "(nobody)") }

func timeOrDash(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

type queueShowCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
	State       string `enum:",queued,deferred,held,failed" default:"" placeholder:"STATE" help:"Only mails in this state: queued, deferred, held or failed."`
	Addresses   bool   `help:"Show the recipients' addresses, and what mail servers answered in full."`
	Destination string `arg:"" optional:"" help:"Only mails to this domain."`
}

// queuedRow is one mail in the output for programs.
type queuedRow struct {
	ID          bridge.ID            `json:"id"`
	Kind        bridge.DeliveryKind  `json:"kind"`
	State       bridge.DeliveryState `json:"state"`
	Destination string               `json:"destination,omitempty"`
	Address     string               `json:"address,omitempty"`
	Attempts    int                  `json:"attempts"`
	CreatedAt   time.Time            `json:"created_at"`
	Next        *time.Time           `json:"next,omitempty"`
	Answer      string               `json:"answer,omitempty"`
}

// Run lists.
func (c *queueShowCommand) Run(ctx context.Context, env *environment) error {
	states := queueStates
	if c.State != "" {
		states = []bridge.DeliveryState{bridge.DeliveryState(c.State)}
	}
	only, err := domainArgument(c.Destination)
	if err != nil {
		return err
	}
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		rows := []queuedRow{}
		err := eachQueued(ctx, g, states, func(d bridge.Delivery) error {
			if only != "" && d.Domain != only {
				return nil
			}
			r := queuedRow{ID: d.ID, Kind: d.Kind, State: d.State, Destination: d.Domain, Attempts: d.Attempts, CreatedAt: d.CreatedAt, Answer: answerCode(d.Diagnostic)}
			if d.State == bridge.Queued || d.State == bridge.Deferred {
				r.Next = &d.NextAt
			}
			if c.Addresses {
				r.Address, r.Answer = d.Recipient, d.Diagnostic
			}
			rows = append(rows, r)
			return nil
		})
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(env.stdout, rows)
		}
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tSTATE\tKIND\tTO\tATTEMPTS\tSINCE\tNEXT\tANSWER")
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", r.ID, r.State, r.Kind, cmp.Or(r.Address, destination(r.Destination)), r.Attempts,
				r.CreatedAt.Local().Format(time.DateTime), timeOrDash(r.Next), cmp.Or(r.Answer, "-"))
		}
		return w.Flush()
	})
}

var replyCode = regexp.MustCompile(`\b[245]\d\d(?: [245]\.\d{1,3}\.\d{1,3})?\b`)

// answerCode returns the codes of what a mail server answered (RFC 5321, section 4.2; RFC 3463), which tell nothing of anybody.
func answerCode(said string) string { return replyCode.FindString(said) }

// domainArgument reads a destination as the queue has it.
func domainArgument(text string) (string, error) {
	if strings.Contains(text, "@") {
		return "", usagef("%q is an address: name the domain after the @, or a mail by its id", text)
	}
	return strings.TrimSuffix(strings.ToLower(text), "."), nil
}

// queueChange is what hold, retry and cancel have in common.
type queueChange struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	What    []string `arg:"" help:"The ids of mails, or domains that mails go to."`
}

// run does something with all that is named, of a domain with what is in certain states and fits, and says how much that was.
func (c *queueChange) run(ctx context.Context, env *environment, states []bridge.DeliveryState, fits func(bridge.Delivery) bool, done string, do func(*bridge.Gateway, bridge.ID) error) error {
	var ids []bridge.ID
	var domains []string
	for _, one := range c.What {
		id, err := bridge.ParseID(one)
		if err == nil {
			ids = append(ids, id)
			continue
		}
		domain, err := domainArgument(one)
		if err != nil {
			return err
		}
		domains = append(domains, domain)
	}
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		for _, id := range ids {
			if err := do(g, id); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		n, changed := len(ids), 0
		if len(domains) > 0 {
			// First all, then one after the other: what is done to one moves it to another state.
			var found []bridge.ID
			err := eachQueued(ctx, g, states, func(d bridge.Delivery) error {
				if slices.Contains(domains, d.Domain) && fits(d) {
					found = append(found, d.ID)
				}
				return nil
			})
			if err != nil {
				return err
			}
			count := newProgress(env, "mails "+done)
			defer count.end()
			for _, id := range found {
				switch err := do(g, id); {
				case errors.Is(err, bridge.ErrConflict), errors.Is(err, bridge.ErrNotFound):
					changed++
				case err != nil:
					return fmt.Errorf("after %d mails: %s: %w", n, id, err)
				default:
					n++
					count.add()
				}
			}
		}
		_, err := fmt.Fprintf(env.stdout, "mails %s: %d\n", done, n)
		if err == nil && changed > 0 {
			_, err = fmt.Fprintf(env.stdout, "left alone, since they changed meanwhile or can't be: %d\n", changed)
		}
		return err
	})
}

func all(bridge.Delivery) bool { return true }

type queueHoldCommand struct{ queueChange }

// Run keeps mails back.
func (c *queueHoldCommand) Run(ctx context.Context, env *environment) error {
	return c.run(ctx, env, []bridge.DeliveryState{bridge.Queued, bridge.Deferred}, all, "held", func(g *bridge.Gateway, id bridge.ID) error {
		return g.HoldDelivery(ctx, bridge.AsOperator(), id)
	})
}

type queueRetryCommand struct {
	queueChange
	Failed bool `help:"Of a domain also what failed within the last seven days."`
}

// Run lets mails go at once.
func (c *queueRetryCommand) Run(ctx context.Context, env *environment) error {
	states := []bridge.DeliveryState{bridge.Queued, bridge.Deferred, bridge.OnHold}
	if c.Failed {
		states = append(states, bridge.Failed)
	}
	now := time.Now()
	waits := func(d bridge.Delivery) bool { return d.State != bridge.Queued || d.PutOff(now) }
	return c.run(ctx, env, states, waits, "to be tried now", func(g *bridge.Gateway, id bridge.ID) error {
		return g.RetryDelivery(ctx, bridge.AsOperator(), id)
	})
}

type queueCancelCommand struct{ queueChange }

// Run sends mails never.
func (c *queueCancelCommand) Run(ctx context.Context, env *environment) error {
	return c.run(ctx, env, []bridge.DeliveryState{bridge.Queued, bridge.Deferred, bridge.OnHold}, all, "cancelled", func(g *bridge.Gateway, id bridge.ID) error {
		return g.CancelDelivery(ctx, bridge.AsOperator(), id)
	})
}

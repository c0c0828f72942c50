package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"letterlock/bridge"
)

func (h *house) delivery(d bridge.Delivery) bridge.Delivery {
	h.Helper()
	d.ID = bridge.NewID()
	if d.Kind == "" {
		d.Kind = bridge.DeliverMessage
	}
	if d.State == "" {
		d.State = bridge.Queued
	}
	if d.CreatedAt.IsZero() {
		d.CreatedAt = h.tick()
	}
	if d.NextAt.IsZero() {
		d.NextAt = d.CreatedAt
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddDelivery(ctx, d) })
	return d
}

func (h *house) claim(worker string, limit int) (claimed []bridge.Delivery) {
	h.Helper()
	h.update(func(ctx context.Context, tx bridge.Tx) (err error) {
		claimed, err = tx.ClaimDeliveries(ctx, worker, h.now, time.Minute, limit)
		return err
	})
	return claimed
}

func deliveryID(d bridge.Delivery) bridge.ID { return d.ID }

func claiming(h *house) {
	next := func(want time.Time) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.NextDelivery(ctx)
			if want.IsZero() && errors.Is(err, bridge.ErrNotFound) {
				return nil
			}
			same(h, "next", got, want)
			return err
		})
	}
	next(time.Time{})
	same(h, "nothing to claim", h.claim("w1", 10), nil)
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("Out", ann)
	late := h.delivery(bridge.Delivery{Kind: bridge.DeliverAlert, Person: ann.ID, Priority: 9})
	second := h.delivery(bridge.Delivery{Thread: t.ID, Message: bridge.NewID(), Person: ann.ID, Priority: 5, NextAt: h.now.Add(10 * time.Second)})
	first := h.delivery(bridge.Delivery{Thread: t.ID, Message: bridge.NewID(), Person: ann.ID, Priority: 5})
	code := h.delivery(bridge.Delivery{Kind: bridge.DeliverCode, Person: ann.ID, Priority: 0, Payload: "123456", Recipient: "ann@example.com", Diagnostic: "d"})
	future := h.delivery(bridge.Delivery{Kind: bridge.DeliverCode, Person: ann.ID, Priority: 0, NextAt: h.now.Add(time.Hour)})
	h.delivery(bridge.Delivery{Person: ann.ID, Priority: 0, State: bridge.Relayed, Form: bridge.FormNotice, DoneAt: h.now})
	h.delivery(bridge.Delivery{Person: ann.ID, Priority: 0, State: bridge.Failed, DoneAt: h.now})
	h.delivery(bridge.Delivery{Person: ann.ID, Priority: 0, State: bridge.Suppressed, DoneAt: h.now})
	next(late.NextAt)
	h.now = h.now.Add(20 * time.Second)
	claimed := h.claim("w1", 3)
	same(h, "by priority, then time", ids(claimed, deliveryID), []bridge.ID{code.ID, first.ID, second.ID})
	code.LeaseBy, code.LeaseUntil = "w1", h.now.Add(time.Minute)
	same(h, "a claimed one", claimed[0], code)
	same(h, "the rest", ids(h.claim("w2", 3), deliveryID), []bridge.ID{late.ID})
	same(h, "nothing is left", h.claim("w3", 3), nil)
	next(h.now.Add(time.Minute))

	// A worker records what became of them.
	code.State, code.Form, code.Attempts, code.DoneAt, code.Payload, code.Diagnostic = bridge.Relayed, bridge.FormNotice, 1, h.tick(), "", "250 ok"
	code.LeaseBy, code.LeaseUntil = "", time.Time{}
	first.State, first.Attempts, first.NextAt, first.Diagnostic = bridge.Deferred, 1, h.now.Add(5*time.Minute), "451 later"
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return errors.Join(tx.UpdateDelivery(ctx, code), tx.UpdateDelivery(ctx, first))
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		for _, want := range []bridge.Delivery{code, first} {
			got, err := tx.Delivery(ctx, want.ID)
			if err != nil {
				return err
			}
			same(h, "recorded", got, want)
		}
		return nil
	})
	h.now = h.now.Add(2 * time.Minute)
	same(h, "leases that ran out", ids(h.claim("w3", 10), deliveryID), []bridge.ID{second.ID, late.ID})
	h.now = h.now.Add(5 * time.Minute)
	same(h, "deferred, and leases again", ids(h.claim("w4", 10), deliveryID), []bridge.ID{second.ID, first.ID, late.ID})
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.ReleaseLeases(ctx, "w1") })
	same(h, "another worker's leases stay", h.claim("w5", 10), nil)
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.ReleaseLeases(ctx, "w4") })
	same(h, "given back", ids(h.claim("w5", 10), deliveryID), []bridge.ID{second.ID, first.ID, late.ID})
	h.now = future.NextAt
	same(h, "its time has come", ids(h.claim("w6", 1), deliveryID), []bridge.ID{future.ID})
	h.fails("unknown delivery", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Delivery(ctx, bridge.NewID()); return err })
	h.fails("update none", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.UpdateDelivery(ctx, bridge.Delivery{ID: bridge.NewID(), State: bridge.Queued})
	})
}

func claimingAtOnce(h *house) {
	const n = 200
	for range n {
		h.delivery(bridge.Delivery{Kind: bridge.DeliverAlert, Priority: h.n % 3})
		h.n++
	}
	var mu sync.Mutex
	count := map[bridge.ID]int{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for {
				var got []bridge.Delivery
				err := h.store.Update(h.Context(), func(tx bridge.Tx) (err error) {
					got, err = tx.ClaimDeliveries(h.Context(), fmt.Sprint("w", w), h.now, time.Minute, 7)
					return err
				})
				if err != nil {
					h.Error(err)
				}
				if err != nil || len(got) == 0 {
					return
				}
				mu.Lock()
				for _, d := range got {
					count[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(count) != n {
		h.Errorf("%d were claimed, want %d", len(count), n)
	}
	for id, times := range count {
		if times != 1 {
			h.Errorf("%s was claimed %d times", id, times)
		}
	}
}

func deliveryLists(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	t, other := h.thread("One", ann), h.thread("Two", ann)
	var all, failed, inThread []bridge.ID
	for i := range 9 {
		to := t
		if i%3 == 0 {
			to = other
		}
		m := h.message(to, ann, bridge.Public, "x")
		d := bridge.Delivery{Thread: to.ID, Person: ann.ID, Message: m.ID, CreatedAt: m.At}
		if i%3 == 0 {
			d.State = bridge.Failed
		}
		d = h.delivery(d)
		all = append(all, d.ID)
		if i%3 == 0 {
			failed = append(failed, d.ID)
		} else {
			inThread = append(inThread, d.ID)
		}
	}
	slices.Reverse(all)
	slices.Reverse(failed)
	list := func(state bridge.DeliveryState) []bridge.ID {
		return ids(pages(h, 2, func(ctx context.Context, tx bridge.Tx, after bridge.Cursor) ([]bridge.Delivery, error) {
			return tx.ListDeliveries(ctx, bridge.DeliveryQuery{State: state, After: after, Limit: 2})
		}, func(d bridge.Delivery) bridge.Cursor { return bridge.Cursor{At: d.CreatedAt, ID: d.ID} }), deliveryID)
	}
	same(h, "all", list(""), all)
	same(h, "failed", list(bridge.Failed), failed)
	same(h, "relayed", list(bridge.Relayed), nil)
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		for _, c := range []struct {
			from, through int
			want          []bridge.ID
		}{{1, 6, inThread}, {0, 100, inThread}, {2, 3, inThread[1:3]}, {7, 100, nil}} {
			got, err := tx.ThreadDeliveries(ctx, t.ID, c.from, c.through)
			same(h, "of a thread, oldest first", ids(got, deliveryID), c.want)
			if err != nil {
				return err
			}
		}
		counts, err := tx.CountDeliveries(ctx)
		maps.DeleteFunc(counts, func(_ bridge.DeliveryState, n int) bool { return n == 0 })
		same(h, "counts", counts, map[bridge.DeliveryState]int{bridge.Queued: 6, bridge.Failed: 3})
		return err
	})
}

func correspondence(h *house) {
	ann, eve := h.person(bridge.Contact, "Ann"), h.person(bridge.Contact, "Eve")
	t := h.thread("Letters", ann, eve)
	var want []bridge.Letter
	theirs := func(by bridge.Person, mailID string) {
		m := bridge.Message{
			ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, Author: by.ID, AuthorKind: bridge.ByContact, Via: bridge.ViaSMTP,
			At: h.tick(), Text: "x", MailID: mailID, Received: bridge.NewID(),
		}
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddMessage(ctx, &m) })
		if by.ID == ann.ID && mailID != "" {
			want = append(want, bridge.Letter{At: m.At, MailID: mailID})
		}
	}
	ours := func(to bridge.Person, state bridge.DeliveryState, kind bridge.DeliveryKind) {
		d := h.delivery(bridge.Delivery{Thread: t.ID, Person: to.ID, State: state, Kind: kind})
		if to.ID == ann.ID && state == bridge.Relayed && kind == bridge.DeliverMessage {
			want = append(want, bridge.Letter{At: d.CreatedAt, Delivery: d.ID})
		}
	}
	get := func(before time.Time, limit int) (got []bridge.Letter) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) (err error) {
			got, err = tx.Correspondence(ctx, t.ID, ann.ID, before, limit)
			return err
		})
		return got
	}
	same(h, "none yet", len(get(h.now, 10)), 0)
	ours(ann, bridge.Failed, bridge.DeliverMessage)
	ours(ann, bridge.Relayed, bridge.DeliverMessage)
	ours(eve, bridge.Relayed, bridge.DeliverMessage)
	for i := range 5 {
		theirs(ann, fmt.Sprintf("m%d@client.example", i))
		theirs(eve, fmt.Sprintf("e%d@client.example", i))
		ours(ann, bridge.Relayed, bridge.DeliverMessage)
	}
	theirs(ann, "")
	h.message(t, ann, bridge.Public, "in the viewer")
	ours(ann, bridge.Queued, bridge.DeliverMessage)
	ours(ann, bridge.Relayed, bridge.DeliverCode)
	h.tick()
	same(h, "all of it", get(h.now, 100), want)
	same(h, "exactly all", get(h.now, 11), want)
	same(h, "the first and the last", get(h.now, 4), append(slices.Clone(want[:1]), want[8:]...))
	same(h, "the first", get(h.now, 1), want[:1])
	same(h, "none", len(get(h.now, 0)), 0)
	same(h, "before a moment", get(want[6].At, 3), append(slices.Clone(want[:1]), want[4:6]...))
}

func receivedMail(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("In", ann)
	mail := func(d bridge.Disposition, identity string) bridge.Received {
		m := bridge.Received{
			ID:          bridge.NewID(),
			Envelope:    bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "ann@example.com", ForwardPath: "reply+token@portal.example", Peer: "192.0.2.1:25", At: h.tick()},
			Disposition: d, Reasons: []string{"a live reply address", "From is Ann's"}, Kind: bridge.KindMessage, From: "ann@example.com", Subject: "Re: results",
			Verdict: bridge.Verdict{Result: bridge.VerdictPass, Address: "ann@example.com", Method: "address", Reasons: []string{"they agree"}},
			MailID:  "x@client.example", Size: 1234, Thread: t.ID, Person: ann.ID,
		}
		if identity != "" {
			m.Identity = sha256.Sum256([]byte(identity))
		}
		return m
	}
	small, big := []byte("From: ann\r\n\r\nHi"), bytes.Repeat([]byte("raw mail\r\n"), 50_000)
	first, second, bare := mail(bridge.Appended, "first"), mail(bridge.Held, "second"), bridge.Received{ID: bridge.NewID(), Envelope: bridge.Envelope{Route: bridge.RouteIMAP, At: h.tick()}, Disposition: bridge.Refused}
	smallBlob, bigBlob := h.stage(small), h.stage(big)
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return errors.Join(tx.AddReceived(ctx, first, smallBlob), tx.AddReceived(ctx, second, bigBlob), tx.AddReceived(ctx, bare, bridge.Blob{}))
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		for _, want := range []bridge.Received{first, second, bare} {
			got, err := tx.Received(ctx, want.ID)
			if err != nil {
				return err
			}
			same(h, "a record", got, want)
		}
		got, err := tx.ReceivedByIdentity(ctx, first.Identity)
		same(h, "by identity", got, first)
		return err
	})
	for id, want := range map[bridge.ID][]byte{first.ID: small, second.ID: big} {
		var b bridge.Blob
		h.view(func(ctx context.Context, tx bridge.Tx) (err error) {
			b, err = tx.RawMail(ctx, id)
			return err
		})
		r, err := h.store.OpenBlob(h.Context(), b)
		if err != nil {
			h.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) || b.Size != int64(len(want)) || b.SHA256 != sha256.Sum256(want) {
			h.Errorf("raw mail: got %d octets, %v, want %d", len(got), err, len(want))
		}
		r.Close()
	}
	h.fails("no raw mail", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.RawMail(ctx, bare.ID); return err })
	h.fails("unknown record", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Received(ctx, bridge.NewID()); return err })
	h.fails("unknown identity", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.ReceivedByIdentity(ctx, sha256.Sum256([]byte("third")))
		return err
	})
	h.fails("no identity", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.ReceivedByIdentity(ctx, [32]byte{})
		return err
	})
	// The same mail again is a conflict, after which the transaction goes on; without an identity there is none.
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		again := mail(bridge.Appended, "first")
		if err := tx.AddReceived(ctx, again, smallBlob); !errors.Is(err, bridge.ErrConflict) {
			h.Errorf("the same identity: got %v, want ErrConflict", err)
		}
		got, err := tx.ReceivedByIdentity(ctx, again.Identity)
		same(h, "the one that was first", got.ID, first.ID)
		again.Identity, again.Disposition, again.Original = [32]byte{}, bridge.Duplicate, first.ID
		return errors.Join(err, tx.AddReceived(ctx, again, bridge.Blob{}), tx.AddReceived(ctx, mail(bridge.Held, ""), bridge.Blob{}))
	})
	third := mail(bridge.Held, "third")
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddReceived(ctx, third, bridge.Blob{}) })
	waiting := func(want int) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			n, err := tx.CountWaiting(ctx)
			same(h, "waiting", n, want)
			return err
		})
	}
	waiting(3)
	second.Disposition, second.Message, second.ResolvedBy, second.ResolvedAt, second.Resolution = bridge.Appended, bridge.NewID(), ann.ID, h.tick(), bridge.Released
	third.ResolvedBy, third.ResolvedAt, third.Resolution = ann.ID, h.tick(), bridge.Discarded
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return errors.Join(tx.UpdateReceived(ctx, second), tx.UpdateReceived(ctx, third))
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		for _, want := range []bridge.Received{second, third} {
			got, err := tx.Received(ctx, want.ID)
			if err != nil {
				return err
			}
			same(h, "resolved", got, want)
		}
		return nil
	})
	waiting(1)
	list := func(q bridge.ReceivedQuery) (n int) {
		q.Limit = 2
		all := pages(h, 2, func(ctx context.Context, tx bridge.Tx, after bridge.Cursor) ([]bridge.Received, error) {
			q.After = after
			return tx.ListReceived(ctx, q)
		}, func(m bridge.Received) bridge.Cursor { return bridge.Cursor{At: m.Envelope.At, ID: m.ID} })
		if !slices.IsSortedFunc(all, func(a, b bridge.Received) int { return b.Envelope.At.Compare(a.Envelope.At) }) {
			h.Error("a list of received mail is not newest first")
		}
		return len(all)
	}
	same(h, "all", list(bridge.ReceivedQuery{}), 6)
	same(h, "held", list(bridge.ReceivedQuery{Disposition: bridge.Held}), 2)
	same(h, "appended", list(bridge.ReceivedQuery{Disposition: bridge.Appended}), 2)
	same(h, "waiting", list(bridge.ReceivedQuery{Waiting: true}), 1)
	same(h, "reports", list(bridge.ReceivedQuery{Disposition: bridge.Reported}), 0)
}

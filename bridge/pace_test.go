package bridge_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// Two contacts have ticket systems that answer every mail and don't say that they are machines.
func TestMachinesThatAnswerEachOtherEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	addresses := map[string]string{"ann@example.org": w.replyAddress(w.inside)}
	_, err := w.g.Post(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "x"})
	w.must(err)
	for _, o := range w.outgoing() {
		if o.Delivery.Person == w.second.ID {
			addresses["ben@example.org"] = o.ReplyTo
		}
	}
	appended, answers := 0, []string{"ann@example.org"}
	var last bridge.Received
	for i := 0; len(answers) > 0 && i < 1000; i++ {
		from := answers[0]
		answers = answers[1:]
		if last = w.receive(w.mail(from, fmt.Sprint("Ticket received, no. ", i)), addresses[from]); last.Disposition == bridge.Appended {
			appended++
		}
		for _, o := range w.outgoing() {
			if addresses[o.Recipient.Addr] != "" && o.Delivery.Kind == bridge.DeliverMessage {
				answers = append(answers, o.Recipient.Addr)
			}
		}
	}
	if len(answers) > 0 || appended != 120 {
		t.Errorf("%d answers of machines became messages and %d more are to come, want 120 and an end", appended, len(answers))
	}
	if last.Disposition != bridge.Held || !strings.Contains(fmt.Sprint(last.Reasons), "60 messages within 15 minutes") {
		t.Errorf("the last is %s, since %q", last.Disposition, last.Reasons)
	}
	m := w.mail("ann@example.org", "One more.")
	if r := w.receive(m, addresses["ann@example.org"]); r.Disposition != bridge.Held {
		t.Errorf("one more is %s", r.Disposition)
	}
	w.clock.forward(16 * time.Minute)
	if r := w.receive(m, addresses["ann@example.org"]); r.Disposition != bridge.Appended {
		t.Errorf("the same a quarter of an hour later is %s: %q", r.Disposition, r.Reasons)
	}
}

func TestPaceOfOneContactInTheViewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, ann := t.Context(), bridge.AsPerson(w.inside.ID)
	var sent, refused atomic.Int32
	var all sync.WaitGroup
	count := func(err error) {
		switch {
		case err == nil:
			sent.Add(1)
		case errors.Is(err, bridge.ErrTooMany):
			refused.Add(1)
		default:
			t.Error(err)
		}
	}
	for range 40 {
		all.Go(func() {
			_, err := w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: "And another thing."})
			count(err)
			_, _, err = w.g.StartThread(ctx, ann, bridge.ThreadStart{Subject: "Another thing", Text: "And another."})
			count(err)
		})
	}
	all.Wait()
	if sent.Load() != 60 || refused.Load() != 20 {
		t.Errorf("%d sent and %d refused, want 60 and 20", sent.Load(), refused.Load())
	}
	// Others go on, staff without bound.
	_, err := w.g.Post(ctx, bridge.AsPerson(w.second.ID), bridge.Post{Thread: w.thread.ID, Text: "What is going on here?"})
	w.must(err)
	for range 70 {
		_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "We are sorry."})
		w.must(err)
	}
	w.clock.forward(16 * time.Minute)
	_, err = w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: "Good morning."})
	w.must(err)
}

// What failed, or was a repetition of the same request, is not counted.
func TestPaceCountsWhatWasSent(t *testing.T) {
	t.Parallel()
	config, _, _ := newConfig(t)
	config.Pace = 2
	g, err := bridge.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	c, err := g.AddContact(ctx, bridge.AsOperator(), bridge.NewContact{Address: "ann@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	me := bridge.AsPerson(c.ID)
	once := bridge.Once{Key: "a"}
	th, _, err := g.StartThread(ctx, me, bridge.ThreadStart{Subject: "A question", Text: "When?", Once: once})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, _, err := g.StartThread(ctx, me, bridge.ThreadStart{Subject: "A question", Text: "When?", Once: once}); err != nil {
			t.Fatal(err)
		}
		lost := bridge.Attachment{Filename: "x", Blob: bridge.Blob{Key: "lost", Size: 1}}
		if _, err := g.Post(ctx, me, bridge.Post{Thread: th.ID, Text: "x", Files: []bridge.Attachment{lost}}); err == nil {
			t.Fatal("a file that was never stored was sent")
		}
	}
	if _, err := g.Post(ctx, me, bridge.Post{Thread: th.ID, Text: "x"}); err != nil {
		t.Error(err)
	}
	if _, err := g.Post(ctx, me, bridge.Post{Thread: th.ID, Text: "x"}); !errors.Is(err, bridge.ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany", err)
	}
}

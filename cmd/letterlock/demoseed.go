package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"letterlock/bridge"
)

// The demo's organization. Its names are invented, and its domains can't exist (RFC 2606).
const (
	demoOrganization = "Linden Clinic"
	demoDomain       = "linden-clinic.example"
)

var (
	mara   = demoPerson{Name: "Mara Lindqvist", Address: "mara@linden-clinic.example", Password: "linden-tree-in-june", Role: "staff"}
	tobias = demoPerson{Name: "Tobias Renner", Address: "tobias@linden-clinic.example", Password: "brass-key-on-a-hook", Role: "admin"}
	ada    = demoPerson{Name: "Ada Okafor", Address: "ada@okafor.example", Role: "customer", Signature: "Ada Okafor\nOkafor & Daughters, upholstery"}
	jonas  = demoPerson{Name: "Jonas Weber", Address: "jonas.weber@post.example", Role: "customer", Signature: "Sent from my phone"}
	priya  = demoPerson{Name: "Priya Nair", Address: "priya@nair.example", Role: "customer", Signature: "Priya"}
)

func demoPeople() []demoPerson { return []demoPerson{ada, jonas, priya, mara, tobias} }

// demoClock runs like the real one, some time behind. The demo's story begins days ago and catches up with the present.
type demoClock struct{ behind atomic.Int64 }

func (c *demoClock) now() time.Time { return time.Now().Add(-time.Duration(c.behind.Load())) }

// ago sets how far in the past it is now. The clock is only ever set forward.
func (c *demoClock) ago(d time.Duration) { c.behind.Store(int64(d)) }

// story tells the demo's past through the gateway: what the people did, in order, with real mail between them.
type story struct {
	gateway *bridge.Gateway
	sink    *sink
	sender  *demoSender
	clock   *demoClock
	ids     map[string]bridge.Actor // by address
}

// tell makes people and conversations. It begins with mail as many organizations have it, and ends, days later, in secure mode.
func (s *story) tell(ctx context.Context) error {
	if err := s.ago(ctx, s.since(9, "9:40")); err != nil {
		return err
	}
	if err := s.addPeople(ctx); err != nil {
		return err
	}
	if err := s.gateway.SetMode(ctx, s.ids[tobias.Address], bridge.ModeConvenience); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{s.exercises, s.appointment, s.turnSecure, s.results, s.prescription, s.preparation} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return s.ago(ctx, 0)
}

func (s *story) addPeople(ctx context.Context) error {
	s.ids = map[string]bridge.Actor{}
	for _, p := range demoPeople() {
		var made bridge.Person
		var err error
		switch p.Role {
		case "admin":
			made, err = s.gateway.AddStaff(ctx, bridge.AsOperator(), p.Name, p.Address, bridge.RoleAdmin, p.Password)
		case "staff":
			made, err = s.gateway.AddStaff(ctx, bridge.AsOperator(), p.Name, p.Address, bridge.RoleStaff, p.Password)
		default:
			made, err = s.gateway.AddContact(ctx, bridge.AsOperator(), bridge.NewContact{Name: p.Name, Address: p.Address, Locale: "en"})
		}
		if err != nil {
			return fmt.Errorf("add %s: %w", p.Name, err)
		}
		s.ids[p.Address] = bridge.AsPerson(made.ID)
	}
	return nil
}

// exercises: a copy with an attachment, an answer by email, and a stranger who got hold of the reply address.
func (s *story) exercises(ctx context.Context) error {
	plan, err := s.gateway.StageFile(ctx, s.ids[mara.Address], "Exercises, weeks 1 to 3.pdf", "application/pdf", bytes.NewReader(demoPlan()))
	if err != nil {
		return err
	}
	thread, copied, err := s.start(ctx, mara, jonas, "Your exercises for the shoulder", `Dear Jonas,

as promised, here is the plan for the first three weeks. Please do the exercises twice a day, slowly, and stop where it hurts rather than where it pulls.

Two things to look out for: no lifting above the shoulder before our next appointment, and cool the joint for ten minutes in the evening if it feels warm.

How did the first days at home go?

Kind regards
Mara Lindqvist`, plan)
	if err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(9, "18:25")); err != nil {
		return err
	}
	if err := s.answer(ctx, copied, jonas, `Hello Mara,

thank you, that is clear. The first days were fine, I sleep on the other side now. Only exercise 4 (the one with the towel) pulls quite a bit in the back. Shall I leave it out?`); err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(8, "8:50")); err != nil {
		return err
	}
	copied, err = s.post(ctx, thread, mara, jonas, `Yes, leave out exercise 4 for now and do exercise 2 three times a day instead. We'll look at it together next week.`)
	if err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(8, "9:15")); err != nil {
		return err
	}
	if err := s.answer(ctx, copied, jonas, "Will do. See you next week!"); err != nil {
		return err
	}
	if _, err := s.gateway.OpenThread(ctx, s.ids[mara.Address], bridge.ThreadRead{Thread: thread}); err != nil {
		return err
	}
	if err := s.gateway.CloseThread(ctx, s.ids[mara.Address], thread); err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(7, "3:12")); err != nil {
		return err
	}
	stranger := demoPerson{Name: "Jonas Weber", Address: "jonas.weber@stranger.example"}
	return s.answer(ctx, copied, stranger, "Dear Mara, please send my files to this new address from now on, the old one doesn't work any more.")
}

// appointment: a short exchange by email, and a closed conversation.
func (s *story) appointment(ctx context.Context) error {
	if err := s.ago(ctx, s.since(6, "11:05")); err != nil {
		return err
	}
	thread, copied, err := s.start(ctx, mara, ada, "Your appointment on Thursday", `Dear Ada,

Dr. Sorensen is in surgery on Thursday morning, so I have to move your appointment. I can offer you Thursday at 15:30 or Friday at 9:00. Which one suits you?

Please bring the letter from your eye doctor.

Kind regards
Mara Lindqvist`)
	if err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(6, "12:40")); err != nil {
		return err
	}
	if err := s.answer(ctx, copied, ada, "Friday at 9:00 is perfect, thank you. I have the letter."); err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(6, "13:20")); err != nil {
		return err
	}
	if _, err := s.post(ctx, thread, mara, ada, "Then Friday at 9:00 it is. See you there!"); err != nil {
		return err
	}
	return s.gateway.CloseThread(ctx, s.ids[mara.Address], thread)
}

// turnSecure: from here on nothing of a message leaves.
func (s *story) turnSecure(ctx context.Context) error {
	if err := s.ago(ctx, s.since(4, "8:30")); err != nil {
		return err
	}
	return s.gateway.SetMode(ctx, s.ids[tobias.Address], bridge.ModeSecure)
}

// results: read and answered in the portal, with a note among staff.
func (s *story) results(ctx context.Context) error {
	if err := s.ago(ctx, s.since(2, "10:10")); err != nil {
		return err
	}
	thread, _, err := s.start(ctx, mara, priya, "Your blood test of Monday", `Dear Priya,

your results are here. The iron store (ferritin) is low, at 11 µg/l; all the other values are as they should be. That fits with the tiredness that you told us about.

Dr. Sorensen suggests iron tablets for three months and another test after that. Do you take anything at the moment that we don't know of?

Kind regards
Mara Lindqvist`)
	if err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(2, "12:35")); err != nil {
		return err
	}
	if _, err := s.gateway.OpenThread(ctx, s.ids[priya.Address], bridge.ThreadRead{Thread: thread}); err != nil {
		return err
	}
	if _, err := s.gateway.Post(ctx, s.ids[priya.Address], bridge.Post{Thread: thread, Via: bridge.ViaWeb, Text: `Thank you, that explains a lot!

I take a thyroid tablet (50 µg) every morning since last year. Can I take the iron together with it?`}); err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(2, "13:05")); err != nil {
		return err
	}
	if _, err := s.gateway.Post(ctx, s.ids[mara.Address], bridge.Post{Thread: thread, Via: bridge.ViaWeb, Note: true, Text: "The thyroid tablet is not in her file. I have asked Dr. Sorensen to add it and to look at the interval."}); err != nil {
		return err
	}
	if err := s.ago(ctx, s.since(2, "14:50")); err != nil {
		return err
	}
	_, err = s.post(ctx, thread, mara, priya, `Good that I asked. Please leave at least four hours between the two: the thyroid tablet in the morning as before, the iron at lunch or in the evening, not with coffee or tea.

The prescription is ready for you at the desk.`)
	return err
}

// prescription: begun by a customer in the portal, and waiting for an answer.
func (s *story) prescription(ctx context.Context) error {
	if err := s.ago(ctx, s.since(1, "17:20")); err != nil {
		return err
	}
	_, _, err := s.gateway.StartThread(ctx, s.ids[ada.Address], bridge.ThreadStart{Subject: "Eye drops are running out", Via: bridge.ViaWeb, Text: `Hello,

my eye drops will last until the weekend. Could you renew the prescription, please? The same as last time, without preservative.

Thank you!
Ada Okafor`})
	return err
}

// preparation: the newest message, unread, of which only a notice left.
func (s *story) preparation(ctx context.Context) error {
	if err := s.ago(ctx, 40*time.Minute); err != nil {
		return err
	}
	_, _, err := s.start(ctx, mara, jonas, "Before your examination next Tuesday", `Dear Jonas,

for the examination on Tuesday at 8:15 please come without having eaten since midnight. Water is fine. If you take blood thinners, call us before the weekend, we may have to pause them.

It takes about two hours, and you should not drive afterwards. Is there somebody who can take you home?

Kind regards
Mara Lindqvist`)
	return err
}

// ago lets so much time pass that it is d before the present, once all mail of the moment has left: it would leave late otherwise.
func (s *story) ago(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := s.gateway.NextDelivery(ctx)
		if errors.Is(err, bridge.ErrNotFound) {
			s.clock.ago(d)
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the mail does not leave: %w", ctx.Err())
		}
	}
}

// since returns how long ago it was so late on a day so many days ago, on this machine's clock.
func (s *story) since(days int, at string) time.Duration {
	var hour, minute int
	if _, err := fmt.Sscanf(at, "%d:%d", &hour, &minute); err != nil {
		panic("no time of day: " + at) // it stands in this file
	}
	now := time.Now()
	return now.Sub(time.Date(now.Year(), now.Month(), now.Day()-days, hour, minute, 0, 0, time.Local))
}

// start has staff write to a customer, and waits for the mail that tells the customer.
func (s *story) start(ctx context.Context, from, to demoPerson, subject, text string, files ...bridge.Attachment) (bridge.ID, sunk, error) {
	before := s.newest()
	t, _, err := s.gateway.StartThread(ctx, s.ids[from.Address], bridge.ThreadStart{
		Subject: subject, Text: text, Contacts: []bridge.Recipient{{Address: to.Address}}, Files: files, Via: bridge.ViaWeb,
	})
	if err != nil {
		return bridge.ID{}, sunk{}, err
	}
	m, err := s.arrived(ctx, to, before)
	return t.ID, m, err
}

// post has staff add to a conversation, and waits for the mail that tells the customer.
func (s *story) post(ctx context.Context, thread bridge.ID, from, to demoPerson, text string) (sunk, error) {
	before := s.newest()
	if _, err := s.gateway.Post(ctx, s.ids[from.Address], bridge.Post{Thread: thread, Text: text, Via: bridge.ViaWeb}); err != nil {
		return sunk{}, err
	}
	return s.arrived(ctx, to, before)
}

// answer has somebody answer a mail by email, through the gateway's SMTP port.
func (s *story) answer(ctx context.Context, m sunk, from demoPerson, text string) error {
	a := s.sender.send(ctx, answerTo(m, from, text, s.clock.now()))
	if !a.OK {
		return fmt.Errorf("the gateway refused an answer: %s", a.Said)
	}
	a.Forged = from.Address != m.Recipient
	s.sink.tried(m.Number, a)
	return nil
}

func (s *story) newest() int {
	if all := s.sink.list(""); len(all) > 0 {
		return all[0].Number
	}
	return 0
}

func (s *story) arrived(ctx context.Context, to demoPerson, after int) (sunk, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s.sink.wait(ctx, func(m sunk) bool { return m.Number > after && m.Recipient == to.Address })
}

// demoPlan returns a small PDF (ISO 32000-1), for an attachment that opens.
func demoPlan() []byte {
	var page strings.Builder
	page.WriteString("BT /F1 18 Tf 72 770 Td (Linden Clinic: exercises, weeks 1 to 3) Tj /F1 12 Tf 0 -34 Td 18 TL\n")
	for _, line := range []string{
		"1. Pendulum: lean forward, let the arm swing in small circles, one minute.",
		"2. Table slide: both hands on a cloth, slide forward, hold for five breaths, ten times.",
		"3. Wall walk: fingers up the wall as far as it is comfortable, eight times.",
		"4. Towel stretch: towel over the shoulder, pull gently down with the other hand, five times.",
		"", "Twice a day. Stop where it hurts, not where it pulls.",
	} {
		fmt.Fprintf(&page, "(%s) Tj T*\n", line)
	}
	page.WriteString("ET")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", page.Len(), page.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}

package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
)

// Indexer is what a store does to bring its search index up to date: a batch at a time, until it returns 0.
type Indexer interface {
	Index(ctx context.Context) (int, error)
}

// index waits for nothing: it does all that waits in the queue.
func (h *house) index() {
	h.Helper()
	x, ok := h.store.(Indexer)
	if !ok {
		h.Skip("the store has no search index")
	}
	for range 10_000 {
		n, err := x.Index(h.Context())
		if err != nil {
			h.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	h.Fatal("the queue does not end")
}

// asked reads what somebody typed.
func (h *house) asked(typed string) bridge.SearchQuery {
	h.Helper()
	q, err := query.Parse(typed)
	if err != nil {
		h.Fatal(err)
	}
	s := bridge.SearchQuery{Terms: q.Terms, Files: q.Files, Status: bridge.ThreadStatus(q.In), Since: q.Since, Until: q.Until, Limit: 100}
	for _, f := range q.From {
		s.From = append(s.From, bridge.SearchSender{Domain: f.Domain, Words: f.Words, Not: f.Not})
	}
	return s
}

// found returns what a query finds, as "1:2" for the second message of the thread that was made first of those given.
func (h *house) found(q bridge.SearchQuery, in ...bridge.Thread) []string {
	h.Helper()
	var out []string
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		out = nil
		found, err := tx.SearchMessages(ctx, q)
		for _, f := range found {
			n := slices.IndexFunc(in, func(t bridge.Thread) bool { return t.ID == f.Thread })
			out = append(out, fmt.Sprintf("%d:%d", n+1, f.Seq))
		}
		return err
	})
	return out
}

func searching(h *house) {
	ann, ben, bob := h.person(bridge.Contact, "Ann Lee"), h.person(bridge.Contact, "Ben Ray"), h.person(bridge.Staff, "Bob Lee")
	one, two := h.thread("Blood results", ann, bob), h.thread("The invoice", ann, ben)
	h.message(one, bob, bridge.Public, "They are in: Größe and weight are fine.")
	h.message(one, ann, bridge.Public, "Thank you! The weight surprises me.")
	h.message(one, bob, bridge.Note, "She is surprised, weight and all. Watch it.")
	full := bridge.Message{
		ID: bridge.NewID(), Thread: two.ID, Kind: bridge.Public, Author: ben.ID, AuthorKind: bridge.ByContact, AuthorName: "Ben Ray", Via: bridge.ViaSMTP, At: h.tick(),
		Text: "Here is what we owe for the weight of it.", Quoted: "> a quotation", Signature: "-- \nquartz",
		Attachments: []bridge.Attachment{{ID: bridge.NewID(), Filename: "scan_march-2026.PDF", ContentType: "application/pdf", Blob: h.stage([]byte("x"))}},
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddMessage(ctx, &full) })
	h.index()

	staff := func(typed string, want ...string) {
		h.Helper()
		same(h, typed, h.found(h.asked(typed), one, two), want)
	}
	as := func(who bridge.Person, typed string, want ...string) {
		h.Helper()
		q := h.asked(typed)
		q.Reader = who.ID
		same(h, who.Name+" asks for "+typed, h.found(q, one, two), want)
	}
	staff("weight", "2:1", "1:3", "1:2", "1:1") // newest first
	staff("WEIGHT grosse", "1:1")
	staff("weight nothing")
	staff("blood surprises", "1:2") // the subject is every message's
	staff(`"weight surprises"`, "1:2")
	staff(`"surprises weight"`)
	staff(`"results they"`) // no phrase runs from the subject into the text
	staff("weight -fine -surprised", "2:1", "1:2")
	staff(`weight -"watch it"`, "2:1", "1:2", "1:1")
	staff("-weight")
	staff("-fine", "2:1", "1:3", "1:2")
	staff("surp*", "1:3", "1:2")
	staff("weightx*")
	staff("wei* -sur*", "2:1", "1:1")
	staff("march", "2:1")
	staff("scan_march-2026.pdf", "2:1")
	staff("quotation")
	staff("quartz")
	staff("lee -weight")
	staff("ray", "2:1")
	staff("from:lee", "1:3", "1:2", "1:1")
	staff(`from:"ann lee"`, "1:2")
	staff(`from:"lee ann"`)
	staff("from:weight")
	staff("weight -from:lee", "2:1")
	staff("from:@Example.com has:attachment", "2:1")
	staff("from:@example.org")
	staff("has:attachment", "2:1")
	staff("weight -has:attachment", "1:3", "1:2", "1:1")
	staff("in:closed")
	staff("in:open results", "1:3", "1:2", "1:1")
	person := h.asked("weight")
	person.From = []bridge.SearchSender{{Person: bob.ID}}
	same(h, "by person", h.found(person, one, two), []string{"1:3", "1:1"})
	person.From[0].Not = true
	same(h, "by others", h.found(person, one, two), []string{"2:1", "1:2"})

	as(ann, "weight", "2:1", "1:2", "1:1") // no notes
	as(ann, "watch")
	as(ben, "weight", "2:1")
	as(ben, "-weight")
	as(ben, "results")
	as(bob, "weight") // a reader is a contact

	// What changes later: who reads, the subject, the status.
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.LeaveThread(ctx, two.ID, ann.ID, h.tick()) })
	as(ann, "weight", "1:2", "1:1") // at once
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddParticipant(ctx, bridge.Participant{Thread: one.ID, Person: ben.ID, Kind: bridge.Contact, JoinedAt: h.tick()})
	})
	h.index()
	as(ann, "weight", "1:2", "1:1")
	as(ben, "weight", "2:1", "1:2", "1:1")
	as(ben, "watch")
	one.Status, one.Subject = bridge.Closed, "Report of March"
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateThread(ctx, one) })
	staff("in:open weight", "2:1") // at once
	h.index()
	staff("in:closed weight", "1:3", "1:2", "1:1")
	staff("blood")
	staff("report", "1:3", "1:2", "1:1")
	staff("march", "2:1", "1:3", "1:2", "1:1")
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddParticipant(ctx, bridge.Participant{Thread: two.ID, Person: ann.ID, Kind: bridge.Contact, JoinedAt: h.tick()})
	})
	h.index()
	as(ann, "weight", "2:1", "1:2", "1:1")
}

// searchPages walks a search by its places, in threads whose messages share their moments, and bounds it by dates.
func searchPages(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("Days", ann)
	const n = 200
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		for i := range n {
			m := bridge.Message{ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, AuthorKind: bridge.ByProgram, Via: bridge.ViaAPI, At: day.AddDate(0, 0, i/100), Text: "common"}
			if i%50 == 0 {
				m.Text += " rare"
			}
			if err := tx.AddMessage(ctx, &m); err != nil {
				return err
			}
		}
		return nil
	})
	h.index()
	h.index() // again, with nothing to do
	walk := func(typed string, limit int) (seqs []int) {
		h.Helper()
		q := h.asked(typed)
		q.Limit = limit
		for range n + 1 {
			var found []bridge.Found
			h.view(func(ctx context.Context, tx bridge.Tx) (err error) {
				found, err = tx.SearchMessages(ctx, q)
				return err
			})
			for _, f := range found {
				seqs = append(seqs, f.Seq)
				q.After = f.Place
			}
			if len(found) < limit {
				return seqs
			}
		}
		h.Fatal("the search does not end")
		return nil
	}
	var all []int
	for i := n; i > 0; i-- {
		all = append(all, i)
	}
	for _, limit := range []int{1, 7, 100, 1000} {
		same(h, fmt.Sprint("pages of ", limit), walk("common", limit), all)
	}
	same(h, "rare", walk("rare", 3), []int{151, 101, 51, 1})
	same(h, "on a day", walk("on:2026-03-01 rare", 10), []int{51, 1})
	same(h, "before", walk("before:2026-03-02 rare", 10), []int{51, 1})
	same(h, "after", walk("after:2026-03-02 rare", 10), []int{151, 101})
	same(h, "in a month", walk("on:2026-03 rare", 1), []int{151, 101, 51, 1})
	same(h, "another year", walk("on:1999 rare", 10), nil)
	same(h, "dates alone", len(walk("on:2026-03-01", 1000)), 100)
}

func searchLanguages(h *house) {
	t := h.thread("x")
	texts := []string{
		"Die Größe der Prüfung in der Straße", "Η απάντηση είναι έτοιμη, Οδυσσεύς", "Ещё один ответ готов", "وصلت نتائج التحليل يا أحمد", "הבדיקות מוכנות, שָׁלוֹם",
		"您的检查结果已经出来了", "検査の結果はガスです", "ผลการตรวจพร้อมแล้ว", "검사 결과가 나왔습니다", "L’hôpital et l'été à Noël", "ISTANBUL'da Işık", "👍🏽 fine",
	}
	for _, text := range texts {
		h.message(t, bridge.Person{}, bridge.Public, text)
	}
	h.index()
	for typed, want := range map[string]int{
		"große": 1, "GROSSE strasse": 1, "prufung": 1, "απαντηση": 2, "ΟΔΥΣΣΕΥΣ": 2, "еще": 3, "ОТВЕТ": 3, "نتائج": 4, "احمد": 4, "שלום": 5, "מוכנות": 5,
		"结果": 6, "检查结果": 6, "您": 6, "の結果": 7, "ガス": 7, "ｶﾞｽ": 7, "ตรวจ": 8, "พร้อม": 8, "결과": 9, "검사": 9, "hopital": 10, "été": 10, "noel": 10, "ışık": 11, "istanbul": 11, "fine": 12,
		"απα*": 2, "hôp*": 10, "果已": 6,
	} {
		same(h, typed, h.found(h.asked(typed), t), []string{fmt.Sprintf("1:%d", want)})
	}
	for _, typed := range []string{"检果", "果查", "คพ", "결검"} {
		same(h, typed, h.found(h.asked(typed), t), nil)
	}
}

// searchHostile asks what would be syntax in one engine or the other, and what is much.
func searchHostile(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("Hostile", ann)
	h.message(t, ann, bridge.Public, "near and or not column subject")
	h.message(t, ann, bridge.Public, strings.Repeat("word ", 200_000)+strings.Repeat("x", 100_000)+" "+strings.Repeat("w\u0301", 50_000))
	var b strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&b, "w%d ", i)
	}
	h.message(t, ann, bridge.Public, b.String())
	h.message(t, ann, bridge.Public, "\x00\xff\xfe' ); drop table search_entry; --")
	h.index()
	for typed, want := range map[string][]string{
		"near": {"1:1"}, "near(": {"1:1"}, "NEAR/2 AND": nil, `"near" "and"`: {"1:1"}, "subject:near": nil, "drop table": {"1:4"}, "word": {"1:2"}, "w0 w19000": {"1:3"},
		"w39999":       nil, // beyond what is indexed of one message
		`") OR 1=1 --`: nil, "near' | 'and": {"1:1"}, "near & !x:*": nil, "{subject} : near": {"1:1"}, "near^": {"1:1"}, "+near": {"1:1"}, "$1 ?": nil,
		strings.Repeat("near ", 24): {"1:1"}, "\"" + strings.Repeat("word ", 48): {"1:2"},
	} {
		same(h, fmt.Sprintf("%.40s", typed), h.found(h.asked(typed), t), want)
	}
	h.found(h.asked(strings.Repeat("ab* ", query.MaxLength/4)), t)
	var many []string
	for i := range 24 {
		many = append(many, fmt.Sprint("-w", i))
	}
	same(h, "only exclusions", h.found(h.asked(strings.Join(many, " ")), t), []string{"1:4", "1:2", "1:1"})
}

// searchAtOnce indexes from several sides while messages come in.
func searchAtOnce(h *house) {
	x, ok := h.store.(Indexer)
	if !ok {
		h.Skip("the store has no search index")
	}
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("Busy", ann)
	const writers, each = 4, 30
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				m := bridge.Message{ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, AuthorKind: bridge.ByProgram, Via: bridge.ViaAPI, At: start, Text: "everywhere"}
				if err := h.store.Update(h.Context(), func(tx bridge.Tx) error { return tx.AddMessage(h.Context(), &m) }); err != nil {
					h.Error(err)
				}
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			for range 20 {
				if _, err := x.Index(h.Context()); err != nil {
					h.Error(err)
				}
			}
		})
	}
	for range 5 {
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.LeaveThread(ctx, t.ID, ann.ID, h.tick()) })
		h.update(func(ctx context.Context, tx bridge.Tx) error {
			return tx.AddParticipant(ctx, bridge.Participant{Thread: t.ID, Person: ann.ID, Kind: bridge.Contact, JoinedAt: h.tick()})
		})
	}
	wg.Wait()
	h.index()
	q := h.asked("everywhere")
	q.Limit, q.Reader = 1000, ann.ID
	found := h.found(q, t)
	slices.Sort(found)
	if len(slices.Compact(found)) != writers*each || len(found) != writers*each {
		h.Errorf("got %d messages, want each of %d once", len(found), writers*each)
	}
}

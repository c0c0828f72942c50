package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"letterlock/bridge"
)

func messages(h *house) {
	ann, bob := h.person(bridge.Contact, "Ann"), h.person(bridge.Staff, "Bob")
	t := h.thread("Results", ann, bob)
	full := bridge.Message{
		ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, Author: ann.ID, AuthorKind: bridge.ByContact, AuthorName: "Ann as she was",
		Via: bridge.ViaSMTP, At: h.tick(), Text: "Thank you.\nAnn", HTML: "<p>Thank you.</p>", Quoted: "> Hello", Signature: "-- \nAnn",
		MailID: "x@client.example", Received: bridge.NewID(), Secure: true, Stays: []string{"contains a card number", "has [secure] in its subject"},
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddMessage(ctx, &full) })
	same(h, "number of the first", full.Seq, 1)
	h.fails("no such message", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.MessageSeq(ctx, bridge.NewID())
		return err
	})
	var bare []bridge.Message
	for i := range 6 {
		kind := bridge.Public
		if i%2 == 0 {
			kind = bridge.Note
		}
		bare = append(bare, h.message(t, bob, kind, "reply"))
	}
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.Message(ctx, full.ID)
		same(h, "a message with everything", got, full)
		if err != nil {
			return err
		}
		got, err = tx.Message(ctx, bare[2].ID)
		same(h, "a message with little", got, bare[2])
		if err != nil {
			return err
		}
		seq, err := tx.MessageSeq(ctx, bare[2].ID)
		same(h, "its number", seq, bare[2].Seq)
		if err != nil {
			return err
		}
		th, err := tx.Thread(ctx, t.ID)
		if th.Seq != 7 || th.Preview != "reply" || !th.LastAt.Equal(bare[5].At) || th.Awaiting {
			h.Errorf("the thread after seven: got %+v", th)
		}
		return err
	})
	list := func(notes bool, after, limit int) []int {
		h.Helper()
		var seqs []int
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			all, err := tx.ListMessages(ctx, t.ID, notes, after, limit)
			for _, m := range all {
				seqs = append(seqs, m.Seq)
			}
			return err
		})
		return seqs
	}
	same(h, "all", list(true, 0, 100), []int{1, 2, 3, 4, 5, 6, 7})
	same(h, "public", list(false, 0, 100), []int{1, 3, 5, 7})
	same(h, "a page", list(true, 3, 2), []int{4, 5})
	same(h, "a public page", list(false, 3, 2), []int{5, 7})
	same(h, "after the end", list(true, 7, 10), nil)
	h.message(t, ann, bridge.Public, "from Ann")
	h.message(t, bob, bridge.Note, "a note last")
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		th, err := tx.Thread(ctx, t.ID)
		if th.Seq != 9 || th.Preview != "from Ann" || !th.Awaiting {
			h.Errorf("a note changes the number only: got %+v", th)
		}
		return err
	})
	lastOnes := func(notes bool, after, limit int) []int {
		h.Helper()
		var seqs []int
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			all, err := tx.LastMessages(ctx, t.ID, notes, after, limit)
			for _, m := range all {
				seqs = append(seqs, m.Seq)
			}
			return err
		})
		return seqs
	}
	same(h, "the last two", lastOnes(true, 0, 2), []int{8, 9})
	same(h, "the last public ones", lastOnes(false, 4, 2), []int{7, 8})
	same(h, "the last of few", lastOnes(true, 7, 10), []int{8, 9})
	same(h, "the last of none", lastOnes(true, 9, 10), nil)
	h.fails("unknown message", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Message(ctx, bridge.NewID()); return err })
	h.fails("a message in no thread", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddMessage(ctx, &bridge.Message{ID: bridge.NewID(), Thread: bridge.NewID(), Kind: bridge.Public, At: h.now})
	})

	// Many at once: every number is given once.
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			m := bridge.Message{ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, AuthorKind: bridge.ByProgram, Via: bridge.ViaAPI, At: start, Text: "x"}
			if err := h.store.Update(h.Context(), func(tx bridge.Tx) error { return tx.AddMessage(h.Context(), &m) }); err != nil {
				h.Error(err)
			}
		})
	}
	wg.Wait()
	got := list(true, 0, 100)
	for i, seq := range got {
		if seq != i+1 {
			h.Fatalf("numbers after many at once: got %v", got)
		}
	}
	same(h, "how many", len(got), 29)
}

// longMessages are longer together than one list may hold.
func longMessages(h *house) {
	bob := h.person(bridge.Staff, "Bob")
	t := h.thread("Long", bob)
	for _, size := range []int{6, 9, 40, 1, 1} {
		text := strings.Repeat("x", size<<20/4)
		m := bridge.Message{
			ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, Author: bob.ID, AuthorKind: bridge.ByStaff, Via: bridge.ViaAPI, At: h.tick(),
			Text: text, HTML: text, Quoted: text, Signature: text,
			Attachments: []bridge.Attachment{{ID: bridge.NewID(), Filename: "befund.txt", ContentType: "text/plain", Blob: h.stage([]byte("a file"))}},
		}
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddMessage(ctx, &m) })
	}
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		for _, c := range []struct {
			what  string
			list  func(context.Context, bridge.ID, bool, int, int) ([]bridge.Message, error)
			after int
			limit int
			want  []int
		}{
			{"from the beginning", tx.ListMessages, 0, 100, []int{1, 2}},
			{"at most one", tx.ListMessages, 0, 1, []int{1}},
			{"up to the longest", tx.ListMessages, 1, 100, []int{2}},
			{"the longest alone", tx.ListMessages, 2, 100, []int{3}},
			{"the rest", tx.ListMessages, 3, 100, []int{4, 5}},
			{"the last", tx.LastMessages, 0, 100, []int{4, 5}},
			{"the last one", tx.LastMessages, 0, 1, []int{5}},
		} {
			all, err := c.list(ctx, t.ID, true, c.after, c.limit)
			if err != nil {
				return err
			}
			var seqs []int
			for _, m := range all {
				seqs = append(seqs, m.Seq)
				if len(m.Attachments) != 1 {
					h.Errorf("%s: message %d has %d files", c.what, m.Seq, len(m.Attachments))
				}
			}
			same(h, c.what, seqs, c.want)
		}
		return nil
	})
}

func attachments(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("Files", ann)
	small, big := []byte("a small file"), bytes.Repeat([]byte("big "), 100_000)
	m := bridge.Message{
		ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, Author: ann.ID, AuthorKind: bridge.ByContact, Via: bridge.ViaWeb, At: h.tick(),
		Attachments: []bridge.Attachment{
			{ID: bridge.NewID(), Filename: "befund.txt", ContentType: "text/plain", Blob: h.stage(small)},
			{ID: bridge.NewID(), Filename: "röntgen.png", ContentType: "image/png", ContentID: "img1", Inline: true, Blob: h.stage(big)},
			{ID: bridge.NewID(), Filename: "empty", ContentType: "application/octet-stream", Blob: h.stage(nil)},
		},
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddMessage(ctx, &m) })
	h.message(t, ann, bridge.Public, "no files")
	note := bridge.Message{
		ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Note, AuthorKind: bridge.ByProgram, Via: bridge.ViaAPI, At: h.tick(), Text: "internal",
		Attachments: []bridge.Attachment{{ID: bridge.NewID(), Filename: "internal.txt", ContentType: "text/plain", Blob: h.stage(small)}},
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddMessage(ctx, &note) })

	content := func(b bridge.Blob) []byte {
		h.Helper()
		r, err := h.store.OpenBlob(h.Context(), b)
		if err != nil {
			h.Fatal(err)
		}
		defer r.Close()
		got, err := io.ReadAll(r)
		if err != nil {
			h.Fatal(err)
		}
		return got
	}
	checkFiles := func(got []bridge.Attachment) {
		h.Helper()
		if len(got) != 3 {
			h.Fatalf("got %d files, want 3", len(got))
		}
		for i, want := range [][]byte{small, big, nil} {
			a, w := got[i], m.Attachments[i]
			if a.ID != w.ID || a.Message != m.ID || a.Thread != t.ID || a.Filename != w.Filename || a.ContentType != w.ContentType ||
				a.ContentID != w.ContentID || a.Inline != w.Inline || a.Note || a.Blob.Size != w.Blob.Size || a.Blob.SHA256 != w.Blob.SHA256 {
				h.Errorf("file %d: got %+v, want %+v", i, a, w)
			}
			if c := content(a.Blob); !bytes.Equal(c, want) {
				h.Errorf("%s: got %d octets, want %d", a.Filename, len(c), len(want))
			}
		}
	}
	var list, public []bridge.Message
	var one bridge.Message
	var single bridge.Attachment
	h.view(func(ctx context.Context, tx bridge.Tx) (err error) {
		if list, err = tx.ListMessages(ctx, t.ID, true, 0, 10); err != nil {
			return err
		}
		if public, err = tx.ListMessages(ctx, t.ID, false, 0, 10); err != nil {
			return err
		}
		if one, err = tx.Message(ctx, m.ID); err != nil {
			return err
		}
		single, err = tx.Attachment(ctx, note.Attachments[0].ID)
		return err
	})
	checkFiles(list[0].Attachments)
	checkFiles(public[0].Attachments)
	checkFiles(one.Attachments)
	if len(list[1].Attachments) != 0 || len(list[2].Attachments) != 1 || len(public) != 2 {
		h.Errorf("files of the others: got %d and %d in %d and %d messages", len(list[1].Attachments), len(list[2].Attachments), len(list), len(public))
	}
	if !single.Note || single.Filename != "internal.txt" || single.Message != note.ID {
		h.Errorf("a note's file: got %+v", single)
	}
	h.fails("unknown file", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.Attachment(ctx, bridge.NewID())
		return err
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		th, err := tx.Thread(ctx, t.ID)
		same(h, "preview", th.Preview, "no files")
		return err
	})
	// The content of a record that was read belongs to that record.
	h.fails("another record's content", bridge.ErrInvalid, func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddMessage(ctx, &bridge.Message{
			ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, AuthorKind: bridge.ByProgram, At: h.now,
			Attachments: []bridge.Attachment{{ID: bridge.NewID(), Filename: "stolen", Blob: single.Blob}},
		})
	})
}

func blobs(h *house) {
	for _, b := range []bridge.Blob{{Key: "nothing"}, {Key: "attachment/" + bridge.NewID().String(), Size: 3}, {Key: "attachment/x"}, {Key: "../../etc/passwd"}, {Key: strings.Repeat("0", 32), Size: 1}} {
		if _, err := h.store.OpenBlob(h.Context(), b); !errors.Is(err, bridge.ErrNotFound) {
			h.Errorf("open %q: got %v, want ErrNotFound", b.Key, err)
		}
	}
	big := h.stage(bytes.Repeat([]byte("x"), 300_000))
	big.SHA256[0] ^= 1
	if r, err := h.store.OpenBlob(h.Context(), big); err == nil {
		if _, err := io.ReadAll(r); err == nil {
			h.Error("content with another sum than its record's was read to the end")
		}
		r.Close()
	}
	broken := errors.New("the browser went away")
	if _, err := h.store.StageBlob(h.Context(), io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), errReader{broken})); err != broken {
		h.Errorf("staging: got %v, want the reader's error as it is", err)
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func receipts(h *house) {
	ann, bob := h.person(bridge.Contact, "Ann"), h.person(bridge.Staff, "Bob")
	t := h.thread("Receipts", ann, bob)
	one := h.message(t, bob, bridge.Public, "one")
	h.message(t, bob, bridge.Note, "two")
	h.message(t, ann, bridge.Public, "three")
	four := h.message(t, bob, bridge.Public, "four")
	openFrom := func(from, seq int, lacks bool) time.Time {
		h.Helper()
		at := h.tick()
		h.update(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.LacksReceipts(ctx, t.ID, ann.ID, from, seq)
			if err != nil || got != lacks {
				h.Errorf("receipts are lacking from %d to %d: got %v, want %v", from, seq, got, lacks)
			}
			return errors.Join(err, tx.AddReceipts(ctx, t.ID, ann.ID, from, seq, at))
		})
		return at
	}
	open := func(seq int, lacks bool) time.Time { h.Helper(); return openFrom(1, seq, lacks) }
	get := func() (all []bridge.Receipt) {
		h.view(func(ctx context.Context, tx bridge.Tx) (err error) {
			all, err = tx.Receipts(ctx, t.ID, 1, 100)
			return err
		})
		return all
	}
	same(h, "before", get(), nil)
	first := open(3, true)
	same(h, "after opening three", get(), []bridge.Receipt{{Message: one.ID, Person: ann.ID, At: first}})
	open(3, false)
	second := open(4, true)
	want := []bridge.Receipt{{Message: one.ID, Person: ann.ID, At: first}, {Message: four.ID, Person: ann.ID, At: second}}
	same(h, "after opening four", get(), want)
	open(1000, false) // further than there is
	same(h, "again", get(), want)
	five := h.message(t, bob, bridge.Public, "five")
	third := open(5, true)
	want = append(want, bridge.Receipt{Message: five.ID, Person: ann.ID, At: third})
	same(h, "after opening five", get(), want)
	six, _, eight := h.message(t, bob, bridge.Public, "six"), h.message(t, ann, bridge.Public, "seven"), h.message(t, bob, bridge.Public, "eight")
	fourth := openFrom(7, 8, true)
	want = append(want, bridge.Receipt{Message: eight.ID, Person: ann.ID, At: fourth})
	same(h, "after opening the end", get(), want)
	openFrom(7, 8, false)
	fifth := openFrom(6, 8, true)
	want = slices.Insert(want, 3, bridge.Receipt{Message: six.ID, Person: ann.ID, At: fifth})
	same(h, "after opening what was before", get(), want)
	open(8, false)
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		some, err := tx.Receipts(ctx, t.ID, 2, 5)
		same(h, "of some messages", some, want[1:3])
		return err
	})
}

func replyAddresses(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	t, other := h.thread("One", ann), h.thread("Two", ann)
	add := func(t bridge.Thread) bridge.ReplyAddress {
		a := bridge.ReplyAddress{ID: bridge.NewID(), Thread: t.ID, Person: ann.ID, CreatedAt: h.tick()}
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddReplyAddress(ctx, a) })
		return a
	}
	first, second, elsewhere := add(t), add(t), add(other)
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.ReplyAddressOf(ctx, t.ID, ann.ID)
		same(h, "the newest", got, second)
		if err != nil {
			return err
		}
		got, err = tx.ReplyAddress(ctx, first.ID)
		same(h, "by its id", got, first)
		return err
	})
	revoked := h.tick()
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return tx.RevokeReplyAddresses(ctx, t.ID, ann.ID, revoked)
	})
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return tx.RevokeReplyAddresses(ctx, t.ID, ann.ID, h.tick())
	})
	h.fails("all revoked", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.ReplyAddressOf(ctx, t.ID, ann.ID)
		return err
	})
	h.fails("unknown", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.ReplyAddress(ctx, bridge.NewID())
		return err
	})
	third := add(t)
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.ReplyAddress(ctx, second.ID)
		second.RevokedAt = revoked
		same(h, "revoked, at the first time", got, second)
		if err != nil {
			return err
		}
		got, err = tx.ReplyAddressOf(ctx, t.ID, ann.ID)
		same(h, "a new one", got, third)
		if err != nil {
			return err
		}
		got, err = tx.ReplyAddressOf(ctx, other.ID, ann.ID)
		same(h, "another thread's", got, elsewhere)
		return err
	})
}

// awkwardValues are those that one engine or the other might change or refuse.
func awkwardValues(h *house) {
	texts := []string{
		"", " ", "\x00", "a\x00b", "\xff\xfe not UTF-8", "'; drop table person; --", "?", "$1", ":name", "👩🏽‍⚕️ שלום مرحبا", strings.Repeat("x", 1<<20),
	}
	t := h.thread("x")
	for _, s := range texts {
		p := bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Name: s, Address: s + "@example.com", CreatedAt: h.tick()}
		th := bridge.Thread{ID: bridge.NewID(), Subject: s, Status: bridge.Open, CreatedAt: h.now, LastAt: h.now}
		m := bridge.Message{
			ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, AuthorKind: bridge.ByProgram, AuthorName: s, Via: bridge.ViaAPI, At: h.now,
			Text: s, HTML: s, Quoted: s, Signature: s, MailID: s,
		}
		h.update(func(ctx context.Context, tx bridge.Tx) error {
			return errors.Join(tx.AddPerson(ctx, p), tx.AddThread(ctx, th), tx.AddMessage(ctx, &m), tx.SetSetting(ctx, "name", s))
		})
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			gotP, err := tx.PersonByAddress(ctx, p.Address)
			if err != nil {
				return err
			}
			gotT, err := tx.Thread(ctx, th.ID)
			if err != nil {
				return err
			}
			gotM, err := tx.Message(ctx, m.ID)
			if err != nil {
				return err
			}
			setting, err := tx.Setting(ctx, "name")
			if gotP != p || gotT != th || gotM.Text != s || gotM.HTML != s || gotM.Quoted != s || gotM.Signature != s || gotM.MailID != s || gotM.AuthorName != s || setting != s {
				h.Errorf("%.20q came back otherwise", s)
			}
			return err
		})
	}
	// Times keep their microseconds, from the first year that mail had to one far ahead.
	for _, at := range []time.Time{time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1971, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)} {
		p := bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Address: at.String(), CreatedAt: at}
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddPerson(ctx, p) })
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.Person(ctx, p.ID)
			same(h, "a time", got.CreatedAt, at)
			return err
		})
	}
}

package storetest

import (
	"context"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

// awkward are words in many scripts, and what an engine might change on the way.
const awkward = "Zażółć\x00 gęślą\r\njaźń 🦭 مرحبا {{organization}} \\' \u200d\"; \u2028"

func templates(h *house) {
	ctx, admin := h.Context(), h.person(bridge.Staff, "Ada")
	version := func(kind wording.Kind, language string, n int, subject string) bridge.TemplateVersion {
		return bridge.TemplateVersion{
			ID: bridge.NewID(), Kind: kind, Language: language, Version: n, At: h.tick(), By: admin.ID, Subject: subject, Source: awkward,
		}
	}
	add := func(v bridge.TemplateVersion) func(context.Context, bridge.Tx) error {
		return func(ctx context.Context, tx bridge.Tx) error { return tx.AddTemplate(ctx, v) }
	}
	newest := func(want ...bridge.TemplateVersion) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.Templates(ctx)
			same(h, "the newest of each", got, want)
			return err
		})
	}
	versions := func(kind wording.Kind, language string, limit int, want ...bridge.TemplateVersion) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.TemplateVersions(ctx, kind, language, limit)
			same(h, "versions of "+string(kind)+" in "+language, got, want)
			return err
		})
	}
	newest()
	versions(wording.Notice, "de", 10)

	first, second := version(wording.Notice, "de", 1, "Eine Nachricht"), version(wording.Notice, "de", 2, awkward)
	french, code := version(wording.Notice, "fr", 1, "Un message"), version(wording.Code, "de", 1, "Ein Code")
	for _, v := range []bridge.TemplateVersion{first, french, second, code} {
		h.update(add(v))
	}
	newest(code, second, french)
	versions(wording.Notice, "de", 10, second, first)
	versions(wording.Notice, "de", 1, second)
	versions(wording.Notice, "pl", 10)

	h.fails("a version that is there", bridge.ErrConflict, add(version(wording.Notice, "de", 2, "Another")))
	twice := version(wording.Notice, "de", 3, "The same again")
	twice.ID = second.ID
	h.fails("an id that is there", bridge.ErrConflict, add(twice))

	// Back to the words that come with the program, by a program.
	back := bridge.TemplateVersion{ID: bridge.NewID(), Kind: wording.Notice, Language: "de", Version: 3, At: h.tick(), Reset: true}
	h.update(add(back))
	newest(code, back, french)
	versions(wording.Notice, "de", 2, back, second)

	// Of several who save at once, one does.
	var all sync.WaitGroup
	for range 4 {
		v := version(wording.Notice, "de", 4, "Gleichzeitig")
		all.Go(func() {
			_ = h.store.Update(ctx, func(tx bridge.Tx) error { return tx.AddTemplate(ctx, v) })
		})
	}
	all.Wait()
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.TemplateVersions(ctx, wording.Notice, "de", 10)
		if len(got) != 4 || got[0].Version != 4 || got[0].Source != awkward || got[0].At.Location() != time.UTC {
			h.Errorf("got %d versions, the newest %+v, want 4", len(got), got[0])
		}
		return err
	})
}

func phrases(h *house) {
	ada, ben := h.person(bridge.Contact, "Ada"), h.person(bridge.Staff, "Ben")
	phrase := func(who bridge.ID, want string) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.Phrase(ctx, who)
			same(h, "the phrase", got, want)
			return err
		})
	}
	set := func(who bridge.ID, phrase string) func(context.Context, bridge.Tx) error {
		return func(ctx context.Context, tx bridge.Tx) error { return tx.SetPhrase(ctx, who, phrase) }
	}
	phrase(ada.ID, "")
	phrase(bridge.NewID(), "")
	h.fails("nobody", bridge.ErrNotFound, set(bridge.NewID(), "blue seal"))
	h.update(set(ada.ID, "blue seal"))
	h.update(set(ben.ID, awkward))
	phrase(ada.ID, "blue seal")
	phrase(ben.ID, awkward)

	// What else is kept of a person has nothing to do with it.
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		p, err := tx.Person(ctx, ada.ID)
		if err != nil {
			return err
		}
		p.Name, p.Address = "Ada Byron", "ada@example.net"
		return tx.UpdatePerson(ctx, p)
	})
	phrase(ada.ID, "blue seal")
	h.update(set(ada.ID, "red fox"))
	phrase(ada.ID, "red fox")
	h.update(set(ada.ID, ""))
	phrase(ada.ID, "")
	phrase(ben.ID, awkward)
}

package web_test

import (
	"fmt"
	"testing"

	"letterlock/bridge"
)

// Pages over a real TLS connection, with session, gateway and store.
func BenchmarkPages(b *testing.B) {
	w := newWorld(b)
	for i := range 100 {
		_, _, err := w.g.StartThread(b.Context(), bridge.AsPerson(w.mina.ID), bridge.ThreadStart{Subject: fmt.Sprintf("Subject %d", i), Text: "Some words, and some more of them."})
		w.must(err)
		_, err = w.g.Post(b.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "Some words,\n\nand a link: https://example.org/."})
		w.must(err)
	}
	thread := w.thread.ID.String()
	mina, staff := w.as(w.mina), w.as(w.staff)
	for _, p := range []struct {
		name, path string
		by         *browser
	}{{"list", "/", mina}, {"thread", "/t/" + thread, mina}, {"desk", "/desk", staff}, {"deskthread", "/desk/t/" + thread, staff}, {"account", "/account", mina}, {"signin", "/sign-in", w.browser()}} {
		p.by.get(p.path)
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a := p.by.raw(p.path); a != 200 {
					b.Fatalf("got %d", a)
				}
			}
		})
	}
}

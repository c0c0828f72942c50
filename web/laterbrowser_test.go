package web_test

import (
	"testing"
	"time"

	"letterlock/bridge"
)

// In a real browser: undo brings the text back, the time zone is the reader's, and the page shows a message once it has left.
func TestUndoInABrowser(t *testing.T) {
	w := newWorld(t)
	b := w.chromium()
	w.must(w.g.SetTiming(t.Context(), bridge.AsOperator(), bridge.Timing{Undo: 5 * time.Second}))
	b.signIn(w.staff)
	b.open("/desk/t/" + w.thread.ID.String())
	if got, want := b.text(`document.querySelector("input[name=zone]").value`), b.text(`Intl.DateTimeFormat().resolvedOptions().timeZone`); got != want {
		t.Errorf("the composer is in the time zone %s, the browser in %s", got, want)
	}
	b.typeInto("#text", "Dear Nina, all is well.")
	b.click("#answer .actions .btn")
	b.until(`!!document.querySelector("form[data-undo]")`)
	b.click("form[data-undo] button")
	b.until(`document.querySelector("#text")?.value === "Dear Nina, all is well." && !document.querySelector("form[data-undo]")`)
	b.number(`document.querySelector("#text").value = "Dear Mina, all is well.", 1`)
	b.click("#answer .actions .btn")
	b.until(`!!document.querySelector("form[data-undo]") && document.querySelector("#text").value === ""`)
	w.goesOut(time.Minute)
	b.until(`[...document.querySelectorAll(".msg:not(.is-unsent)")].some((m) => m.textContent.includes("Dear Mina, all is well."))`)
	if n := b.number(`document.querySelectorAll(".is-unsent").length`); n != 0 {
		t.Errorf("%d messages still wait on the page", n)
	}
	b.calm()
}

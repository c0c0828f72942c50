package admin

import (
	"net/http"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

// Warning is what an admin reads before content may travel by email.
const Warning = "In convenience mode content travels by ordinary email; if the law requires you to keep it confidential, leave it off."

type modeView struct {
	Office  []page.Link
	Mode    string
	Warning string
	Changes []changeLine
}

type changeLine struct {
	At        time.Time
	Who, What string
}

// mode is GET /admin.
func (a *Admin) mode(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	mode, err := a.gateway.Mode(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view := modeView{Office: office("/admin"), Mode: string(mode.Organization), Warning: Warning}
	for _, e := range mode.Changes {
		// bridge writes "secure → convenience, by Ada".
		what, who, _ := cutLast(e.Detail, ", by ")
		view.Changes = append(view.Changes, changeLine{At: e.At, Who: who, What: what})
	}
	return v.Render(a.book, "mode", page.Frame{Title: "Mode", Shape: "wide", View: view})
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

type loosenView struct {
	Warning string
	Flaw    string
}

// loosen is GET /admin/mode/loosen: the question before convenience mode.
func (a *Admin) loosen(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	return a.showLoosen(v, http.StatusOK, "")
}

func (a *Admin) showLoosen(v *page.Visit, status int, flaw string) error {
	return v.RenderStatus(status, a.book, "loosen", page.Frame{
		Title: "Switch to convenience mode?", Shape: "card", View: loosenView{Warning: Warning, Flaw: flaw},
	})
}

// setMode is POST /admin/mode. To tighten takes one press; to loosen takes a word that the warning was read.
func (a *Admin) setMode(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	mode, err := bridge.ParseMode(form.Get("mode"))
	if err != nil {
		return err
	}
	if mode != bridge.ModeSecure && form.Get("understood") != "yes" {
		if err := a.allowed(v); err != nil {
			return err
		}
		return a.showLoosen(v, http.StatusBadRequest, "Please confirm that you have read the warning.")
	}
	done := "Secure mode is on. No content leaves by email any more."
	if mode == bridge.ModeConvenience {
		done = "Convenience mode is on. Emails carry the message from now on."
	}
	return after(v, a.gateway.SetMode(v.Context(), v.Actor(), mode), done, "/admin")
}

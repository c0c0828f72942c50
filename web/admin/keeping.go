package admin

import (
	"strconv"

	"letterlock/bridge"
	"letterlock/web/page"
)

type keepingView struct {
	Office []page.Link
	Days   int // 0 for ever
}

// keeping is GET /admin/keeping: for how long conversations are kept.
func (a *Admin) keeping(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	days, err := a.gateway.RetentionDays(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	return v.Render(a.book, "keeping", page.Frame{Title: "Keeping", Shape: "wide", View: keepingView{Office: office("/admin/keeping"), Days: days}})
}

// setKeeping is POST /admin/keeping.
func (a *Admin) setKeeping(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	days := 0
	if text := form.Get("days"); text != "" {
		if days, err = strconv.Atoi(text); err != nil {
			return bridge.ErrInvalid
		}
	}
	done := "Conversations are kept for ever."
	if days > 0 {
		done = "Saved. What is older is deleted within the hour."
	}
	return after(v, a.gateway.SetRetentionDays(v.Context(), v.Actor(), days), done, "/admin/keeping")
}

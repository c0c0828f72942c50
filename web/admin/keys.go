package admin

import (
	"errors"
	"net/http"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type keysView struct {
	Office []page.Link
	Made   string // the secret of a key made just now: shown this once
	Keys   []keyLine
	Flaw   string
}

type keyLine struct {
	ID, Name, Role, By string
	At, Used           time.Time
	Revoked            bool
}

// keys is GET /admin/keys.
func (a *Admin) keys(v *page.Visit) error { return a.showKeys(v, http.StatusOK, keysView{}) }

func (a *Admin) showKeys(v *page.Visit, status int, view keysView) error {
	keys, err := a.gateway.ListKeys(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view.Office = office("/admin/keys")
	makers := map[bridge.ID]string{}
	for _, k := range keys {
		by, ok := makers[k.CreatedBy]
		if !ok && !k.CreatedBy.IsZero() {
			if p, err := a.gateway.PersonByID(v.Context(), v.Actor(), k.CreatedBy); err == nil {
				by = p.DisplayName()
			} else if !errors.Is(err, bridge.ErrNotFound) {
				return err
			}
			makers[k.CreatedBy] = by
		}
		line := keyLine{ID: k.ID.String(), Name: k.Name, Role: "Staff", By: by, At: k.CreatedAt, Used: k.LastUsedAt, Revoked: !k.RevokedAt.IsZero()}
		if k.Role == bridge.RoleAdmin {
			line.Role = "Admin"
		}
		view.Keys = append(view.Keys, line)
	}
	return v.RenderStatus(status, a.book, "keys", page.Frame{Title: "API keys", Shape: "wide", View: view})
}

// makeKey is POST /admin/keys. Its answer is the one page that ever shows the secret; it is in no URL, session or log.
func (a *Admin) makeKey(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	secret, _, err := a.gateway.CreateKey(v.Context(), v.Actor(), form.Get("name"), bridge.Role(form.Get("role")))
	if errors.Is(err, bridge.ErrInvalid) {
		return a.showKeys(v, page.Status(err), keysView{Flaw: page.Explain(err)})
	}
	if err != nil {
		return err
	}
	return a.showKeys(v, http.StatusOK, keysView{Made: secret})
}

// revokeKey is POST /admin/keys/KEY/revoke.
func (a *Admin) revokeKey(v *page.Visit) error {
	id, err := v.ID("key")
	if err != nil {
		return err
	}
	return after(v, a.gateway.RevokeKey(v.Context(), v.Actor(), id), "The key opens nothing any more.", "/admin/keys")
}

package web_test

import (
	"testing"

	"letterlock/bridge"
)

// TestKeysThatSign is what an admin sees of the keys while they are made and changed.
func TestKeysThatSign(t *testing.T) {
	w := newWorld(t)
	ctx, operator := t.Context(), bridge.AsOperator()
	admin := w.as(w.admin)
	admin.get("/admin").want(200, "/admin/signing")
	admin.get("/admin/signing").want(200, "Mail leaves unsigned", "letterlock dkim rotate")

	pair := func() bridge.SigningPair {
		t.Helper()
		p, err := w.g.MakeSigningPair(ctx, operator)
		w.must(err)
		return p
	}
	first := pair()
	admin.get("/admin/signing").want(200, "Mail leaves unsigned", "letterlock dkim switch", first.Keys[0].Selector+"._domainkey.", "v=DKIM1; k=ed25519; p=")
	w.must(w.g.SwitchSigning(ctx, operator, first.ID))
	admin.get("/admin/signing").want(200, "These records must be published").without("Mail leaves unsigned")

	second := pair()
	w.must(w.g.SwitchSigning(ctx, operator, second.ID))
	admin.get("/admin/signing").want(200, "Leave these records until", first.Keys[1].Selector, second.Keys[1].Selector)
	w.must(w.g.RetireSigning(ctx, operator, first.ID, true))
	admin.get("/admin/signing").want(200, "The records may be gone", first.Selectors()).without(first.Keys[0].Selector + "._domainkey.")
	admin.get("/admin/audit").want(200, "Had other keys sign mail", "Destroyed keys to sign mail with")
}

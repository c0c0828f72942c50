package bridge_test

import (
	"testing"

	"letterlock/bridge"
)

// What the SMTP server answers must not tell strangers who is a contact, where From alone is believed.
func TestInboxTellsNobodyWhoIsAContact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(w *world)
		method  string
		want    bridge.Disposition
	}{
		{"secure mode", func(*world) {}, bridge.MethodAddress, bridge.Held},
		{"secure mode, proven", func(*world) {}, "dmarc", bridge.Refused},
		{"disabled", func(w *world) {
			w.must(w.g.SetMode(t.Context(), w.operator, bridge.ModeConvenience))
			w.must(w.g.SetDisabled(t.Context(), w.operator, w.inside.ID, true))
		}, bridge.MethodAddress, bridge.Held},
		{"a strict contact", func(w *world) {
			w.must(w.g.SetMode(t.Context(), w.operator, bridge.ModeConvenience))
			w.must(w.g.SetContactMode(t.Context(), w.operator, w.inside.ID, bridge.ModeSecure))
		}, bridge.MethodAddress, bridge.Held},
		{"convenience mode", func(w *world) {
			w.must(w.g.SetMode(t.Context(), w.operator, bridge.ModeConvenience))
		}, bridge.MethodAddress, bridge.NewThread},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.prepare(w)
			for _, one := range []struct {
				from string
				want bridge.Disposition
			}{{"ann@example.org", c.want}, {"nobody@example.org", bridge.Held}} {
				v := bridge.Verdict{Result: bridge.VerdictPass, Address: one.from, Method: c.method}
				e := bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: one.from, ForwardPath: "office@example.com"}
				if r := w.receiveAs(e, w.mail(one.from, "A question"), v); r.Disposition != one.want {
					t.Errorf("mail by %s is %s, want %s: %q", one.from, r.Disposition, one.want, r.Reasons)
				}
			}
		})
	}
}

package bridge_test

import (
	"testing"

	"letterlock/bridge"
)

func TestQueueShowsWhereMailGoes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: w.second.Address, Browser: "a browser of one's own"}))
	seen, codes := map[string]int{}, 0
	for q := (bridge.DeliveryQuery{Limit: 1}); ; {
		list, next, err := w.g.ListQueue(ctx, w.operator, q)
		w.must(err)
		for _, d := range list {
			seen[d.Recipient]++
			if want := bridge.DomainOf(d.Recipient); d.Domain != want || want == "" {
				t.Errorf("a mail to %q goes to %q, want %q", d.Recipient, d.Domain, want)
			}
			if d.Kind == bridge.DeliverCode {
				codes++
			}
			if d.Payload != "" {
				t.Error("it shows a code")
			}
		}
		if q.After = next; next == (bridge.Cursor{}) {
			break
		}
	}
	if seen[w.inside.Address] == 0 || seen[w.second.Address] == 0 || codes != 1 {
		t.Errorf("it lists %v, %d codes", seen, codes)
	}
}

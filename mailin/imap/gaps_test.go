package imap

import (
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"letterlock/bridge"
)

func TestGaps(t *testing.T) {
	var g gaps
	g.add(5, 5)
	g.add(1, 2)
	g.add(9, 12)
	g.add(3, 3)
	g.add(7, 6) // nothing
	g.add(0, 4) // nothing
	want := gaps{{First: 1, Last: 3}, {First: 5, Last: 5}, {First: 9, Last: 12}}
	if !slices.Equal(g, want) {
		t.Errorf("got %v, want %v", g, want)
	}
	for _, uid := range []imap.UID{5, 2, 9, 12, 4, 100} {
		g.remove(uid)
	}
	want = gaps{{First: 1, Last: 1}, {First: 3, Last: 3}, {First: 10, Last: 11}}
	if !slices.Equal(g, want) {
		t.Errorf("after removing: got %v, want %v", g, want)
	}
	spans := []bridge.UIDRange{{First: 2, Last: 10}, {First: 11, Last: 4_294_967_295}}
	if got, want := g.among(spans, 10), []imap.UID{3, 10, 11}; !slices.Equal(got, want) {
		t.Errorf("among: got %v, want %v", got, want)
	}
	// A server that claims everything costs no more than the bound.
	g.add(1, 4_294_967_295)
	if got := g.among([]bridge.UIDRange{{First: 1, Last: 4_294_967_295}}, 1000); len(got) != 1000 {
		t.Errorf("got %d, want 1000", len(got))
	}
	g = nil
	for i := range imap.UID(3 * maxGaps) {
		g.add(2*i+1, 2*i+1)
		g.bound()
	}
	if len(g) != maxGaps || g[len(g)-1].Last != 6*maxGaps-1 {
		t.Errorf("%d ranges are remembered, up to %d", len(g), g[len(g)-1].Last)
	}
}

// The gaps are compared with a plain set.
func FuzzGaps(f *testing.F) {
	f.Add([]byte{1, 3, 5, 2, 0, 4})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var g gaps
		set := map[imap.UID]bool{}
		for i := 0; i+1 < len(steps) && i < 2000; i += 2 {
			first, n := imap.UID(steps[i]), imap.UID(steps[i+1])
			if n%3 == 0 {
				g.remove(first)
				delete(set, first)
				continue
			}
			g.add(first, first+n/16)
			for uid := first; first > 0 && uid <= first+n/16; uid++ {
				set[uid] = true
			}
		}
		got := g.among([]bridge.UIDRange{{First: 1, Last: 1000}}, 1000)
		if len(got) != len(set) {
			t.Fatalf("%v has %d UIDs, want %d", g, len(got), len(set))
		}
		for i, r := range g {
			if r.First == 0 || r.Last < r.First || i > 0 && uint64(r.First) <= uint64(g[i-1].Last)+1 {
				t.Fatalf("%v is not in order and apart", g)
			}
		}
		for _, uid := range got {
			if !set[uid] {
				t.Fatalf("%d is in %v and was not added", uid, g)
			}
		}
	})
}

package bridge_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestNeeds(t *testing.T) {
	paths := []bridge.Path{bridge.PathUnknown, bridge.PathClear, bridge.PathEncrypted, bridge.PathTLS, bridge.PathVerified, "newer"}
	for need, met := range map[bridge.Need][]bridge.Path{
		bridge.NeedAny: paths, bridge.NeedTLS: {bridge.PathTLS, bridge.PathVerified}, "": {bridge.PathTLS, bridge.PathVerified},
		bridge.NeedVerified: {bridge.PathVerified}, "newer": {bridge.PathVerified},
	} {
		for _, p := range paths {
			if got, want := need.MetBy(p), slices.Contains(met, p); got != want {
				t.Errorf("%q by %q: got %v, want %v", need, p, got, want)
			}
		}
	}
	for _, s := range []string{"", "TLS", "tls ", "none", strings.Repeat("x", 1000)} {
		if n, err := bridge.ParseNeed(s); !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("%.20q was read as %q, %v", s, n, err)
		}
	}
	for address, want := range map[string]string{"ann@Example.ORG.": "example.org", `"a@b"@x.example`: "x.example", "ann": "", "ann@": "", "": ""} {
		if got := bridge.DomainOf(address); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

// fixedPaths foretells what a test says of each domain; of others it knows nothing before it is too late.
type fixedPaths map[string]bridge.Path

func (f fixedPaths) Path(ctx context.Context, domain string) (bridge.Path, error) {
	if p, ok := f[domain]; ok {
		return p, nil
	}
	<-ctx.Done()
	return bridge.PathUnknown, ctx.Err()
}

// strict makes the world's gateway one whose copies need something.
func (w *world) strict(need bridge.Need, paths bridge.Paths) {
	w.t.Helper()
	w.config.CopiesNeed, w.config.Paths = need, paths
	w.g = try(w, func() (*bridge.Gateway, error) { return bridge.New(w.config) })
}

// Whatever the mode is, a copy leaves only on a path that meets the need, and what leaves instead has nothing of the message. Prepare is asked
// anew for each connection, so the same delivery is one or the other.
func TestPathDecidesWithTheMode(t *testing.T) {
	for _, need := range []bridge.Need{bridge.NeedAny, bridge.NeedTLS, bridge.NeedVerified} {
		t.Run(string(need), func(t *testing.T) {
			w := newWorld(t)
			w.strict(need, nil)
			ctx := t.Context()
			w.outgoing()
			w.must(w.g.SetContactMode(ctx, w.operator, w.second.ID, bridge.ModeSecure))
			for _, mode := range []bridge.Mode{bridge.ModeSecure, bridge.ModeConvenience} {
				w.must(w.g.SetMode(ctx, w.operator, mode))
				_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "CANARY", HTML: "<p>CANARY</p>"})
				w.must(err)
				list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 10)
				w.must(err)
				for _, d := range list {
					if d.Person != w.inside.ID && d.Person != w.second.ID {
						continue
					}
					if d.Domain != "example.org" {
						t.Errorf("it goes to %q, want example.org", d.Domain)
					}
					for _, p := range []bridge.Path{bridge.PathVerified, bridge.PathUnknown, bridge.PathTLS, bridge.PathEncrypted, bridge.PathClear} {
						d.Path = p
						o, err := w.g.Prepare(ctx, "worker", d)
						w.must(err)
						allowed := mode == bridge.ModeConvenience && d.Person == w.inside.ID
						want := bridge.FormNotice
						if allowed && need.MetBy(p) {
							want = bridge.FormCopy
						}
						if o.Form != want {
							t.Errorf("%s mode, path %q: got a %s, want a %s", mode, p, o.Form, want)
						}
						if o.Form == bridge.FormNotice && (o.Text+o.HTML+o.Subject+o.Author+o.ReplyTo+o.Recipient.Name != "" || len(o.Attachments)+len(o.References) > 0) {
							t.Errorf("%s mode, path %q: the notice holds %+v", mode, p, o)
						}
						if o.Form == bridge.FormCopy && o.Need != need {
							t.Errorf("the copy needs %q, want %q", o.Need, need)
						}
						if (o.Why != "") != (allowed && want == bridge.FormNotice) {
							t.Errorf("%s mode, path %q, a %s: it says %q", mode, p, o.Form, o.Why)
						}
					}
					w.must(w.g.RecordRelayed(ctx, "worker", d.ID, bridge.Departure{Form: bridge.FormNotice, Path: bridge.PathClear, Why: "so it is", Said: "250 ok"}))
				}
			}
			v, err := w.g.ReadThread(ctx, bridge.AsPerson(w.staff.ID), bridge.ThreadRead{Thread: w.thread.ID})
			w.must(err)
			shown := 0
			for _, d := range v.Deliveries {
				if d.Path == bridge.PathClear && d.Why == "so it is" && d.Form == bridge.FormNotice {
					shown++
				}
			}
			if shown != 4 {
				t.Errorf("staff see of %d deliveries by which way they left, want 4", shown)
			}
		})
	}
}

func TestPreviewKnowsTheWay(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	paths := fixedPaths{"verified.example": bridge.PathVerified, "tls.example": bridge.PathTLS, "clear.example": bridge.PathClear}
	draft := bridge.Draft{Subject: "Hello", Text: "Hello"}
	for _, domain := range []string{"verified", "tls", "clear", "silent"} {
		draft.Contacts = append(draft.Contacts, bridge.Recipient{Address: "x@" + domain + ".example"}, bridge.Recipient{Address: "y@" + domain + ".example"})
	}
	for need, copies := range map[bridge.Need]string{
		bridge.NeedAny: "verified tls clear silent", bridge.NeedTLS: "verified tls", bridge.NeedVerified: "verified",
	} {
		w.strict(need, paths)
		all, err := w.g.Preview(ctx, bridge.AsPerson(w.staff.ID), draft)
		w.must(err)
		if len(all) != 8 {
			t.Fatalf("%d recipients, want 8", len(all))
		}
		for _, l := range all {
			name := strings.TrimSuffix(l.Address[2:], ".example")
			if got, want := l.Form == bridge.FormCopy, strings.Contains(copies, name); got != want || (len(l.Why) == 0) != want {
				t.Errorf("%s: %s gets a %s (%s)", need, l.Address, l.Form, l.Why)
			}
		}
	}
	w.strict(bridge.NeedTLS, nil)
	all, err := w.g.Preview(ctx, bridge.AsPerson(w.staff.ID), draft)
	w.must(err)
	if all[0].Form != bridge.FormNotice {
		t.Errorf("where nobody knows the ways, it promises a %s", all[0].Form)
	}
}

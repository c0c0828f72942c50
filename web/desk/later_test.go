package desk

import (
	"errors"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestMomentOf(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		in   *time.Location
		want string // UTC; nothing for one that can't be read
	}{
		{"2026-11-21T09:00", berlin, "2026-11-21T08:00:00Z"},
		{" 2026-11-21 09:00 ", berlin, "2026-11-21T08:00:00Z"},
		{"2026-11-21T09:00:30", time.UTC, "2026-11-21T09:00:30Z"},
		{"2026-07-01T09:00", berlin, "2026-07-01T07:00:00Z"},
		{"2026-03-29T02:30", berlin, "2026-03-29T01:30:00Z"}, // the hour that was left out
		{"2026-11-21", berlin, ""},
		{"09:00", berlin, ""},
		{"2026-02-30T09:00", berlin, ""},
		{"2026-11-21T09:00Z", berlin, ""},
		{"tomorrow", berlin, ""},
	} {
		at, err := momentOf(c.text, c.in)
		if c.want == "" {
			if !errors.Is(err, bridge.ErrInvalid) {
				t.Errorf("%q: got %v, %v, want it refused", c.text, at, err)
			}
			continue
		}
		if got := at.UTC().Format(time.RFC3339); err != nil || got != c.want {
			t.Errorf("%q in %s: got %s, %v, want %s", c.text, c.in, got, err, c.want)
		}
	}
}

// The machine's own zone is named so that people know which it is.
func TestZoneName(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.Local)
	for _, c := range []struct {
		at   time.Time
		want string
	}{{at.In(berlin), "Europe/Berlin"}, {at.UTC(), "UTC"}, {at, at.Format("MST")}} {
		if got := zoneName(c.at); got != c.want || got == "Local" {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// FuzzMomentOf wants what can be read to be the same when it is written and read again.
func FuzzMomentOf(f *testing.F) {
	for _, text := range []string{"2026-11-21T09:00", "2026-11-21 09:00:59", "", "T", "0000-00-00T00:00", "9999-12-31T23:59:60"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := momentOf(text, time.UTC)
		if err != nil {
			if !errors.Is(err, bridge.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := momentOf(at.Format(inputTime+":05"), time.UTC)
		if err != nil || at.Sub(again) >= time.Second || at.Before(again) {
			t.Errorf("%q: %v, then %v, %v", text, at, again, err)
		}
	})
}

package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The style sheet's colours keep the contrasts of WCAG 2.2: 4.5 for text (1.4.3), 3 for what one operates (1.4.11), in the
// light and in the dark.
func TestContrast(t *testing.T) {
	static, err := newStatic()
	if err != nil {
		t.Fatal(err)
	}
	css, err := static.Content("app.css")
	if err != nil {
		t.Fatal(err)
	}
	roots := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(string(css), -1)
	if len(roots) != 2 {
		t.Fatalf("got %d sets of colours, want a light and a dark one", len(roots))
	}
	colours := map[string]string{}
	for i, name := range []string{"light", "dark"} {
		for _, m := range regexp.MustCompile(`(--[a-z-]+): (#[0-9a-f]{3,6});`).FindAllStringSubmatch(roots[i][1], -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []struct {
			over, under string
			least       float64
		}{
			{"--ink", "--sheet", 7},
			{"--ink", "--desk", 7},
			{"--ink", "--note", 7},
			{"--ink", "--wash", 7},
			{"--ink", "--bad-wash", 7},
			{"--soft", "--sheet", 4.5},
			{"--soft", "--desk", 4.5},
			{"--soft", "--note", 4.5},
			{"--soft", "--wash", 4.5},
			{"--soft", "--bad-wash", 4.5},
			{"--accent", "--bad-wash", 4.5},
			{"--accent", "--wash", 4.5},
			{"--accent", "--sheet", 4.5},
			{"--accent", "--desk", 4.5},
			{"--accent-deep", "--wash", 4.5},
			{"--on-accent", "--accent", 4.5},
			{"--on-accent", "--accent-deep", 4.5},
			{"--seal", "--sheet", 4.5},
			{"--seal", "--desk", 4.5},
			{"--sheet", "--seal", 4.5},
			{"--good", "--sheet", 4.5},
			{"--good", "--desk", 4.5},
			{"--warn", "--sheet", 4.5},
			{"--warn", "--desk", 4.5},
			{"--bad", "--sheet", 4.5},
			{"--bad", "--desk", 4.5},
			{"--bad", "--bad-wash", 4.5},
			{"--edge", "--sheet", 3},
			{"--edge", "--desk", 3},
			{"--note-edge", "--note", 3},
			{"--note-edge", "--sheet", 3},
		} {
			if got := contrast(t, colours[pair.over], colours[pair.under]); got < pair.least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, pair.over, pair.under, got, pair.least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	hex = strings.TrimPrefix(hex, "#")
	if len(hex) == 3 {
		hex = fmt.Sprintf("%c%c%c%c%c%c", hex[0], hex[0], hex[1], hex[1], hex[2], hex[2])
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		t.Fatalf("%q is no colour", hex)
	}
	part := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

// The sheet is one page's weight at most, fetches nothing, and works from right to left.
func TestStyleSheet(t *testing.T) {
	static, err := newStatic()
	if err != nil {
		t.Fatal(err)
	}
	f := static.files[static.urls["app.css"]]
	if len(f.gzip) > 8<<10 {
		t.Errorf("the style sheet weighs %d octets on the way", len(f.gzip))
	}
	for _, bad := range []string{"url(", "@import", "margin-left", "margin-right", "padding-left", "padding-right", "text-align: left", "text-align: right", "float:"} {
		if strings.Contains(string(f.plain), bad) {
			t.Errorf("%q is in the style sheet", bad)
		}
	}
}

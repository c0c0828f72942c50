package mailin

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden results anew")

type golden struct {
	name string
	raw  []byte
}

// goldenMails reads testdata/*.eml.
func goldenMails(t testing.TB) []golden {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no mails in testdata: %v", err)
	}
	var list []golden
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, golden{strings.TrimSuffix(filepath.Base(p), ".eml"), b})
	}
	return list
}

// TestGolden reads every mail of testdata and compares with the result beside it. Each has a line in testdata/index.txt that says why
// it is there.
func TestGolden(t *testing.T) {
	index, err := os.ReadFile("testdata/index.txt")
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]bool{}
	for line := range strings.Lines(string(index)) {
		if name, reason, ok := strings.Cut(line, ": "); ok && strings.TrimSpace(reason) != "" {
			why[name] = true
		}
	}
	for _, g := range goldenMails(t) {
		t.Run(g.name, func(t *testing.T) {
			if !why[g.name] {
				t.Errorf("testdata/index.txt does not say why %s is there", g.name)
			}
			m := Parse(g.raw, Limits{})
			checkMail(t, m)
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(Describe(m)); err != nil {
				t.Fatal(err)
			}
			path := "testdata/" + g.name + ".json"
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

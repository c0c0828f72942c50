package mailin

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"letterlock/bridge"
)

// reportMail is one mail of testdata/bounces.txt: a bounce or something that looks like one, and what it is.
type reportMail struct {
	family, why       string
	kind              bridge.MailKind
	recipients, class []string // of a bounce, in pairs
	status, action    string   // of its first recipient; empty where several are right
	raw               []byte
}

// reportMails reads the corpus. Each mail stands below two lines that begin with "=== ": its family and why it is there; its kind and, of a bounce,
// its recipients, their classes, its status and its action, with "-" for what isn't compared.
func reportMails(t testing.TB) []reportMail {
	t.Helper()
	b, err := os.ReadFile("testdata/bounces.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []reportMail
	rest := "\n" + string(b)
	for {
		_, after, ok := strings.Cut(rest, "\n=== ")
		if !ok {
			return list
		}
		first, after, _ := strings.Cut(after, "\n=== ")
		second, after, _ := strings.Cut(after, "\n")
		raw, _, _ := strings.Cut(after, "\n=== ")
		rest = after[min(len(raw), len(after)):]
		family, why, ok := strings.Cut(first, ": ")
		if !ok || strings.TrimSpace(why) == "" {
			t.Fatalf("%q does not say why it is there", first)
		}
		m := reportMail{family: family, why: why, raw: []byte(raw)}
		f := strings.Fields(second)
		m.kind = bridge.MailKind(f[0])
		if m.kind == bridge.KindBounce {
			m.recipients, m.class = strings.Split(f[1], ","), strings.Split(f[2], ",")
			m.status, m.action = strings.Trim(f[3], "-"), strings.Trim(f[4], "-")
		}
		list = append(list, m)
	}
}

// TestBounces reads the corpus and prints, for each family, how many were recognised and rightly read.
func TestBounces(t *testing.T) {
	type score struct{ all, kind, recipient, class int }
	families := map[string]*score{}
	total := &score{}
	mails := reportMails(t)
	if len(mails) < 150 {
		t.Errorf("only %d mails", len(mails))
	}
	for _, c := range mails {
		s := families[c.family]
		if s == nil {
			s = &score{}
			families[c.family] = s
		}
		m := Parse(c.raw, Limits{})
		checkMail(t, m)
		var recipients, class []string
		for _, r := range m.Report {
			recipients, class = append(recipients, r.Recipient), append(class, r.Class)
			if r.Action == "" || r.Status == "" {
				t.Errorf("%s, %s: no action or status in %+v", c.family, c.why, r)
			}
		}
		for _, s := range []*score{s, total} {
			s.all++
			if m.Kind == c.kind {
				s.kind++
			}
			if slices.Equal(recipients, c.recipients) {
				s.recipient++
			}
			if slices.Equal(class, c.class) {
				s.class++
			}
		}
		if m.Kind != c.kind || !slices.Equal(recipients, c.recipients) || !slices.Equal(class, c.class) {
			t.Errorf("%s, %s: got %s %q %q, want %s %q %q", c.family, c.why, m.Kind, recipients, class, c.kind, c.recipients, c.class)
			continue
		}
		if len(m.Report) > 0 && (c.status != "" && m.Report[0].Status != c.status || c.action != "" && m.Report[0].Action != c.action) {
			t.Errorf("%s, %s: got %+v, want status %s, action %s", c.family, c.why, m.Report[0], c.status, c.action)
		}
		if c.kind == bridge.KindBounce && strings.Contains(string(c.raw), "m.abcdef@") && !slices.Contains(m.ReportedID, "m.abcdef@mail.example.org") {
			t.Errorf("%s, %s: Message-IDs %q", c.family, c.why, m.ReportedID)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(families)) {
		s := families[f]
		t.Logf("%-24s %3d mails, kind %3d, recipient %3d, class %3d", f, s.all, s.kind, s.recipient, s.class)
	}
	t.Logf("%-24s %3d mails, kind %3d, recipient %3d, class %3d", "all", total.all, total.kind, total.recipient, total.class)
}

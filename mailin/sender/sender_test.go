package sender

import (
	"strings"
	"testing"

	"letterlock/bridge"
)

// read is what a lenient parser makes of the From fields: the tests say it outright, so that they need none.
func read(addrs ...string) *bridge.Mail {
	m := &bridge.Mail{}
	for _, a := range addrs {
		m.From = append(m.From, bridge.Address{Addr: a})
	}
	return m
}

func TestAddressPolicy(t *testing.T) {
	const ann = "ann@example.org"
	tests := []struct {
		name   string
		header string
		mail   *bridge.Mail
		claim  string
		want   string // the proven address; empty for a failure
		reason string // part of it
	}{
		{"plain", "From: ann@example.org\r\n", read(ann), ann, ann, "participant"},
		{"named", "Subject: a\r\nFrom: Ann <ann@example.org>\r\nTo: b\r\n", read(ann), ann, ann, ""},
		{"quoted name", "From: \"Ann, <b@x.example>\" <ann@example.org>\r\n", read(ann), ann, ann, ""},
		{"encoded name", "From: =?utf-8?q?=C3=84nn?= <ann@example.org>\r\n", read(ann), ann, ann, ""},
		{"name with a comment", "From: Ann (Sales) <ann@example.org>\r\n", read(ann), ann, ann, ""},
		{"folded", "From: Ann\r\n <ann@example.org>\r\n", read(ann), ann, ann, ""},
		{"another case", "FROM: <Ann@EXAMPLE.org>\r\n", read("Ann@EXAMPLE.org"), ann, ann, ""},
		{"claim in another case", "From: ann@example.org\r\n", read(ann), "ANN@example.ORG", ann, ""},
		{"IDN", "From: ann@bücher.example\r\n", read("ann@bücher.example"), "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example", ""},
		{"no claim", "From: ann@example.org\r\n", read(ann), "", ann, "nothing else"},

		{"another person", "From: bob@example.org\r\n", read("bob@example.org"), ann, "", "not the participant"},
		{"none", "Subject: a\r\n", read(), ann, "", "0 From fields"},
		{"none and no claim", "Subject: a\r\n", read(), "", "", "0 From fields"},
		{"two fields", "From: ann@example.org\r\nFrom: bob@example.org\r\n", read(ann), ann, "", "2 From fields"},
		{"two equal fields", "From: ann@example.org\r\nfrom : ann@example.org\r\n", read(ann), ann, "", "2 From fields"},
		{"several mailboxes", "From: ann@example.org, bob@example.org\r\n", read(ann, "bob@example.org"), ann, "", "several"},
		{"several, read as one", "From: bob@example.org, ann@example.org\r\n", read(ann), ann, "", "several"},
		{"group", "From: staff: ann@example.org;\r\n", read(ann), ann, "", "group"},
		{"empty group", "From: undisclosed:;\r\n", read(), ann, "", "group"},
		{"empty", "From: \r\n", read(), ann, "", "empty"},
		{"null", "From: <>\r\n", read(), ann, "", "empty address"},
		{"route", "From: <@relay.example:ann@example.org>\r\n", read(ann), ann, "", "plain"},
		{"encoded local part", "From: <=?utf-8?q?ann?=@example.org>\r\n", read(ann), ann, "", "encoded"},
		{"encoded whole", "From: =?utf-8?q?ann=40example.org?=\r\n", read(ann), ann, "", "encoded"},
		{"quoted local part", "From: <\"ann\"@example.org>\r\n", read("\"ann\"@example.org"), ann, "", "plain"},
		{"two at", "From: <ann@example.org@evil.example>\r\n", read("ann@example.org@evil.example"), ann, "", "plain"},
		{"address in name", "From: ann@example.org <bob@evil.example>\r\n", read("bob@evil.example"), ann, "", "second address"},
		{"the address as its own name", "From: ann@example.org <ann@example.org>\r\n", read(ann), ann, ann, ""},
		{"the address as its own name, folded", "From: ann@example.org\r\n\t<ann@example.org>\r\n", read(ann), ann, ann, ""},
		{"twice as its name", "From: ann@example.org ann@example.org <ann@example.org>\r\n", read(ann), ann, "", "second address"},
		{"two equal mailboxes", "From: ann@example.org, <ann@example.org>\r\n", read(ann), ann, "", "second address"},
		{"an address like it in its name", "From: ann@example.org.evil.example <ann@example.org>\r\n", read(ann), ann, "", "second address"},
		{"two brackets", "From: <ann@example.org> <bob@evil.example>\r\n", read(ann), ann, "", "plain"},
		{"text behind", "From: <ann@example.org> bob\r\n", read(ann), ann, "", "after the address"},
		{"comment behind", "From: ann@example.org (<bob@evil.example>)\r\n", read(ann), ann, "", "second address"},
		{"address in a comment", "From: Ann (<bob@evil.example>) <ann@example.org>\r\n", read(ann), ann, "", "in a comment"},
		{"comment within", "From: ann(x)@example.org\r\n", read(ann), ann, "", "plain"},
		{"space within", "From: <ann @example.org>\r\n", read(ann), ann, "", "space"},
		{"invisible", "From: <an\u200bn@example.org>\r\n", read(ann), ann, "", "invisible"},
		{"a name from right to left", "From: \u202etfel <ann@example.org>\r\n", read(ann), ann, "", "direction"},
		{"a name in Hebrew", "From: \u05d0\u05e0\u05d4\u200f <ann@example.org>\r\n", read(ann), ann, ann, ""},
		{"NUL", "From: ann@example.org\x00\r\n", read(ann), ann, "", "control"},
		{"bare CR hides a field", "X: a\rFrom: ann@example.org\r\nFrom: ann@example.org\r\n", read(ann), ann, "", "bare CR"},
		{"not UTF-8", "From: \xff <ann@example.org>\r\n", read(ann), ann, "", "UTF-8"},
		{"unclosed quote", "From: \"Ann <ann@example.org>\r\n", read(ann), ann, "", "does not end"},
		{"readings differ", "From: Ann <ann@example.org>\r\n", read("bob@example.org"), ann, "", "more than one way"},
		{"parser found none", "From: ann@example.org\r\n", read(), ann, "", "one mailbox"},
		{"in the body only", "Subject: a\r\n\r\nFrom: ann@example.org\r\n", read(), ann, "", "0 From fields"},
		{"very long", "From: " + strings.Repeat("a", maxField) + " <ann@example.org>\r\n", read(ann), ann, "", "too long"},
		{"folded for ever", "From: a\r\n" + strings.Repeat(" "+strings.Repeat("a", 70)+"\r\n", 100), read(ann), ann, "", "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte(tt.header)
			if !strings.Contains(tt.header, "\r\n\r\n") {
				raw = []byte(tt.header + "\r\nHello\r\n")
			}
			v := AddressPolicy{}.Judge(t.Context(), bridge.Envelope{}, Peer{}, raw, tt.mail, bridge.Claim{Address: tt.claim})
			if v.Address != tt.want {
				t.Errorf("address: got %q, want %q", v.Address, tt.want)
			}
			if (v.Result == bridge.VerdictPass) != (tt.want != "") {
				t.Errorf("result: got %q", v.Result)
			}
			if v.Method != MethodAddress || len(v.Reasons) != 1 || !strings.Contains(v.Reasons[0], tt.reason) {
				t.Errorf("got method %q and reasons %q, want one with %q", v.Method, v.Reasons, tt.reason)
			}
		})
	}
	if v := (AddressPolicy{}).Judge(t.Context(), bridge.Envelope{}, Peer{}, []byte("From: a@b.example\r\n\r\n"), nil, bridge.Claim{}); v.Result != bridge.VerdictReject {
		t.Errorf("without a parsed mail: got %q, want it rejected", v.Result)
	}
}

func FuzzPlainMailbox(f *testing.F) {
	for _, s := range []string{"ann@example.org", "Ann <ann@example.org>", "\"a\\\"\" (b) <c@d.example>", "a: b@c.example;", "<@a:b@c>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		addr, err := plainMailbox(field)
		if err != nil {
			if addr != "" {
				t.Errorf("an address with an error: %q", addr)
			}
			return
		}
		if !strings.Contains(field, addr) || strings.Count(addr, "@") != 1 || strings.ContainsAny(addr, " \t\r\n<>(),:;\"\\\x00") {
			t.Errorf("%q gave %q", field, addr)
		}
	})
}

func FuzzFieldsNamed(f *testing.F) {
	f.Add([]byte("From: a\r\n b\r\nFROM : c\r\n\r\nFrom: d\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fields, err := fieldsNamed(raw, "from")
		if err != nil {
			return
		}
		for _, v := range fields {
			if len(v) > maxField || strings.ContainsAny(v, "\r\n") {
				t.Errorf("field %q", v)
			}
		}
	})
}

func BenchmarkAddressPolicy(b *testing.B) {
	raw := []byte(strings.Repeat("Received: from a.example by b.example; Fri, 20 Nov 2026 08:00:00 +0000\r\n", 8) +
		"From: Ann <ann@example.org>\r\nSubject: hello\r\n\r\n" + strings.Repeat("text\r\n", 300))
	mail, claim := read("ann@example.org"), bridge.Claim{Address: "ann@example.org"}
	b.ReportAllocs()
	for b.Loop() {
		if v := (AddressPolicy{}).Judge(b.Context(), bridge.Envelope{}, Peer{}, raw, mail, claim); v.Result != bridge.VerdictPass {
			b.Fatal(v)
		}
	}
}

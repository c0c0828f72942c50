package sender

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.yaml.in/yaml/v3"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/bridge/resolver/dnstest"
)

// spfSuite is one document of the suite for RFC 7208 that ships with the library.
type spfSuite struct {
	Description string
	Tests       map[string]struct {
		Skip     string
		Helo     string
		Host     string
		MailFrom string `yaml:"mailfrom"`
		Result   oneOrMore
	}
	ZoneData map[string][]struct {
		A         oneOrMore `yaml:"A"`
		AAAA      oneOrMore `yaml:"AAAA"`
		SPF       oneOrMore `yaml:"SPF"`
		TXT       oneOrMore `yaml:"TXT"`
		PTR       oneOrMore `yaml:"PTR"`
		MX        []string  `yaml:"MX"`
		CNAME     string    `yaml:"CNAME"`
		TIMEOUT   bool      `yaml:"TIMEOUT"`
		SERVFAIL  bool      `yaml:"SERVFAIL"`
		CNAMELOOP bool      `yaml:"CNAMELOOP"`
	} `yaml:"zonedata"`
}

// oneOrMore is a list, or one text alone.
type oneOrMore []string

func (l *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	var many []string
	if err := n.Decode(&many); err == nil {
		*l = many
		return nil
	}
	var one string
	err := n.Decode(&one)
	*l = []string{one}
	return err
}

// TestSPFSuite runs the library on its suites with our resolver, over a real DNS server.
func TestSPFSuite(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "blitiri.com.ar/go/spf").Output()
	if err != nil || len(strings.TrimSpace(string(dir))) == 0 {
		skip(t, "the SPF library's sources are not at hand: run \"go mod download\"")
	}
	for _, name := range []string{"rfc7208-tests.yml", "rfc4408-tests.yml", "pyspf-tests.yml", "blitirispf-tests.yml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			ran := 0
			for d := yaml.NewDecoder(f); ; {
				var s spfSuite
				if err := d.Decode(&s); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				ran += s.run(t)
			}
			if ran < 5 {
				t.Errorf("only %d tests ran", ran)
			}
			t.Logf("%d tests", ran)
		})
	}
}

func (s spfSuite) run(t *testing.T) int {
	server, err := dnstest.Start("")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s.serve(t, server)
	r, err := resolver.New(resolver.Config{Servers: []string{server.Addr}, Timeout: 5 * time.Second, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for name, test := range s.Tests {
		if test.Skip != "" && test.Skip != "false" {
			continue
		}
		ran++
		got, err := checkSPF(t.Context(), r, net.ParseIP(test.Host), test.Helo, test.MailFrom)
		if !slices.Contains(test.Result, string(got)) {
			t.Errorf("%s, %s: got %s (%v), want %s", s.Description, name, got, err, test.Result)
		}
	}
	return ran
}

// serve makes a DNS server answer as the suite's zone says.
func (s spfSuite) serve(t *testing.T, server *dnstest.Server) {
	var records []dns.RR
	for domain, list := range s.ZoneData {
		name := zoneName(domain)
		add := func(kind uint16, format string, args ...any) {
			line := name + " 3600 IN " + dns.TypeToString[kind] + " " + fmt.Sprintf(format, args...)
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Logf("left out: %q: %v", line, err)
				return
			}
			records = append(records, rr)
		}
		texts := 0
		for _, r := range list {
			texts += len(r.TXT)
		}
		for _, r := range list {
			// A server that does not answer is one to the resolver, sooner; its own tests wait.
			if r.TIMEOUT || r.SERVFAIL || r.CNAMELOOP {
				server.Answer(name, dns.RcodeServerFailure)
			}
			for _, a := range r.A {
				add(dns.TypeA, "%s", a)
			}
			for _, a := range r.AAAA {
				add(dns.TypeAAAA, "%s", a)
			}
			if len(r.MX) == 2 {
				add(dns.TypeMX, "%s %s", r.MX[0], zoneName(r.MX[1]))
			}
			for _, p := range r.PTR {
				add(dns.TypePTR, "%s", zoneName(p))
			}
			if r.CNAME != "" {
				add(dns.TypeCNAME, "%s", zoneName(r.CNAME))
			}
			for _, one := range r.TXT {
				add(dns.TypeTXT, "%s", zoneText(one))
			}
			// Of old the record type SPF was asked, too; the suite has it where it means TXT.
			if texts == 0 && len(r.SPF) > 0 {
				add(dns.TypeTXT, "%s", zoneText(strings.Join(r.SPF, "")))
			}
		}
	}
	server.SetRecords(records)
}

// zoneName writes a name as in a zone file.
func zoneName(s string) string {
	var b strings.Builder
	for _, c := range []byte(strings.TrimSuffix(s, ".")) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`\"();@$`, c) >= 0 {
			fmt.Fprintf(&b, `\%03d`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + "."
}

// zoneText writes a text as character-strings of at most 255 octets.
func zoneText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) || i == 0; i += 200 {
		b.WriteByte('"')
		for _, c := range []byte(s[i:min(len(s), i+200)]) {
			fmt.Fprintf(&b, `\%03d`, c)
		}
		b.WriteString(`" `)
	}
	return b.String()
}

func TestPlainPath(t *testing.T) {
	for path, want := range map[string]string{
		"": "", "ann@Example.ORG": "ann@example.org", "ann+x=y@example.org": "ann+x=y@example.org",
		`"a@legit.example"@evil.example`: "-", "@relay.example:ann@example.org": "-", "ann": "-", "ann@": "-", "@example.org": "-",
		"ann@[192.0.2.1]": "-", "a b@example.org": "-", "ann%legit.example@evil.example": "-", "ann@localhost": "-",
		"ann@evil.example\x00.legit.example": "-", "a@b@example.org": "-", "ann@example.org.": "-",
		"änn@example.org": "änn@example.org", "安@Bücher.example": "安@xn--bcher-kva.example", "ann@bücher": "-", "ann@bücher..example": "-",
		"a\u200bn@example.org": "-", "\xffnn@example.org": "-", "ann\u3000@example.org": "-", "ann@\xff.example": "-", "ann＠legit.example@evil.example": "-",
	} {
		got, ok := plainPath(path)
		if ok != (want != "-") || ok && got != want {
			t.Errorf("%q (%s): got %q, %v, want %q", path, hex.EncodeToString([]byte(path)), got, ok, want)
		}
	}
}

func TestSPFOfAMail(t *testing.T) {
	w := newWorld(t, `
		example.org.      IN TXT "v=spf1 ip4:192.0.2.1 -all"
		all.example.      IN TXT "v=spf1 +all"
		every.example.    IN TXT "v=spf1 include:all.example -all"
		host.example.org. IN TXT "v=spf1 ip4:192.0.2.1 -all"
		xn--bcher-kva.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"
		each.example.     IN TXT "v=spf1 exists:%{l}.of.each.example -all"
		ann.of.each.example. IN A 127.0.0.2
		postmaster.of.each.example. IN A 127.0.0.2
	`)
	tests := []struct {
		name, from, helo, ip string
		result, domain       string
	}{
		{"its own host", "ann@example.org", "host.example.org", "192.0.2.1", "pass", "example.org"},
		{"IPv4 in IPv6", "ann@example.org", "host.example.org", "::ffff:192.0.2.1", "pass", "example.org"},
		{"another host", "ann@example.org", "host.example.org", "192.0.2.2", "fail", "example.org"},
		{"in other letters", "änn@bücher.example", "host.example.org", "192.0.2.1", "pass", "xn--bcher-kva.example"},
		{"in other letters, another host", "änn@bücher.example", "host.example.org", "192.0.2.2", "fail", "xn--bcher-kva.example"},
		{"by the local part", "ann@each.example", "host.example.org", "192.0.2.1", "pass", "each.example"},
		{"by one that no record can name", "änn@each.example", "host.example.org", "192.0.2.1", "fail", "each.example"},
		{"everybody", "ann@all.example", "host.example.org", "192.0.2.1", "neutral", "all.example"},
		{"everybody, by way of another", "ann@every.example", "host.example.org", "192.0.2.1", "neutral", "every.example"},
		{"null and HELO", "", "host.example.org", "192.0.2.1", "pass", ""},
		{"null and a strange HELO", "", "[192.0.2.1]", "192.0.2.1", "none", ""},
		{"a quoted at", `"x@example.org"@evil.example`, "host.example.org", "192.0.2.1", "none", ""},
		{"no record", "ann@nowhere.example", "host.example.org", "192.0.2.1", "none", "nowhere.example"},
	}
	for _, tt := range tests {
		r := w.prover.spf(t.Context(), bridge.Envelope{ReversePath: tt.from}, Peer{IP: netip.MustParseAddr(tt.ip).Unmap(), Helo: tt.helo})
		if string(r.result) != tt.result || r.domain != tt.domain || r.note == "" {
			t.Errorf("%s: got %+v, want %s for %q", tt.name, r, tt.result, tt.domain)
		}
	}
	if r := w.prover.spf(t.Context(), bridge.Envelope{ReversePath: "ann@example.org"}, Peer{}); r.known || r.result != "" {
		t.Errorf("without a client: got %+v", r)
	}
}

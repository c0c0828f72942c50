package dkim

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"letterlock/bridge"
)

const domain = "clinic.example"

// ring is a Keys whose answer a test can change.
type ring struct {
	mu    sync.Mutex
	pair  bridge.SigningPair
	err   error
	asked int
}

func (r *ring) SigningKeys(context.Context) (bridge.SigningPair, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.pair, r.err
}

var newPair = sync.OnceValue(func() bridge.SigningPair { return makePair("one") })

func makePair(name string) bridge.SigningPair {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	rsaPublic, _ := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	rsaPrivate, _ := x509.MarshalPKCS8PrivateKey(rsaKey)
	edPrivate, _ := x509.MarshalPKCS8PrivateKey(edKey)
	return bridge.SigningPair{ID: bridge.NewID(), State: bridge.SigningCurrent, Keys: []bridge.SigningKey{
		{Algorithm: bridge.SigningRSA, Selector: name + "-rsa", Public: rsaPublic, Private: rsaPrivate},
		{Algorithm: bridge.SigningEd25519, Selector: name + "-ed", Public: edPublic, Private: edPrivate},
	}}
}

// zone is a Names of published records.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	texts, ok := z[strings.TrimSuffix(name, ".")]
	if !ok {
		return nil, &net.DNSError{Err: "no such name", Name: name, IsNotFound: true}
	}
	return texts, nil
}

func published(pairs ...bridge.SigningPair) zone {
	z := zone{}
	for _, p := range pairs {
		for _, k := range p.Keys {
			z[strings.TrimSuffix(k.Name(domain), ".")] = []string{k.Record()}
		}
	}
	return z
}

func newSigner(tb testing.TB, k Keys) *Signer {
	tb.Helper()
	s, err := New(Config{Keys: k, Domain: domain})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func signed(tb testing.TB, s *Signer, mail string) string {
	tb.Helper()
	fields, err := s.Sign(tb.Context(), []byte(mail))
	if err != nil {
		tb.Fatal(err)
	}
	return string(fields) + mail
}

// verify returns the errors of the signatures of a mail, in their order.
func verify(tb testing.TB, z zone, mail string) []error {
	tb.Helper()
	results, err := dkim.VerifyWithOptions(strings.NewReader(mail), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return z.LookupTXT(tb.Context(), name) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	errs := make([]error, len(results))
	for i, r := range results {
		errs[i] = r.Err
		if r.Domain != domain {
			tb.Errorf("it is signed by %s", r.Domain)
		}
	}
	return errs
}

const letter = "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n" +
	"From: =?utf-8?q?Kl=C3=ADnika?= <no-reply@clinic.example>\r\n" +
	"To: ann@example.org\r\n" +
	"Subject: You have\r\n a  message\t\r\n" +
	"Message-ID: <1@clinic.example>\r\n" +
	"Auto-Submitted: auto-generated\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n" +
	"Content-Transfer-Encoding: quoted-printable\r\n" +
	"\r\n" +
	"Dear  Ann,\t\r\n \r\n\r\nsign in to read it. \r\n  Bye\r\n\r\n \t\r\n"

func TestSignatures(t *testing.T) {
	s := newSigner(t, &ring{pair: newPair()})
	for name, mail := range map[string]string{
		"a notice":                letter,
		"an empty text":           letter[:strings.Index(letter, "\r\n\r\n")+4],
		"empty lines alone":       letter[:strings.Index(letter, "\r\n\r\n")+4] + "\r\n \r\n\t\r\n",
		"a long field":            "References: " + strings.Repeat("<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@clinic.example>\r\n ", 50) + "<b@c>\r\n" + letter,
		"an address beyond ASCII": strings.Replace(letter, "ann@", "ünn@", 1),
		"fields twice":            "Subject: b\r\nSubject: a\r\n" + letter,
		"a large text":            letter + strings.Repeat(strings.Repeat("0123456789abcdef", 4)+"\r\n", 5000),
	} {
		mail := signed(t, s, mail)
		got := verify(t, published(newPair()), mail)
		if len(got) != 2 || got[0] != nil || got[1] != nil {
			t.Errorf("%s: got %v, want two signatures that are right\n%.3000s", name, got, mail)
		}
		head, _, _ := strings.Cut(mail, "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if strings.HasPrefix(line, "DKIM") && len(line) > 78 {
				t.Errorf("%s: a line has %d octets: %s", name, len(line), line)
			}
		}
	}
}

// TestChanges changes a mail on its way. What a relay may do breaks nothing; what says something else does.
func TestChanges(t *testing.T) {
	mail := signed(t, newSigner(t, &ring{pair: newPair()}), letter)
	if strings.Contains(mail, " l=") {
		t.Error("the signature covers a part of the text only")
	}
	replaced := func(old, new string) string {
		if !strings.Contains(mail, old) {
			t.Fatalf("there is no %q", old)
		}
		return strings.Replace(mail, old, new, 1)
	}
	above := func(field string) string { return field + "\r\n" + mail }
	for _, one := range []struct {
		name, mail string
		good       bool
	}{
		{"trace fields", above("Received: from a by b; Fri, 20 Nov 2026 10:00:00 +0000"), true},
		{"a field folded otherwise", replaced("You have\r\n a  message\t\r\n", "You\r\n\thave a message\r\n"), true},
		{"empty lines at the end", mail + "\r\n\r\n", true},
		{"a Sender field of a list", above("Sender: list@lists.example"), true},
		{"another subject", replaced("a  message", "a virus"), false},
		{"another text", replaced("sign in", "log on"), false},
		{"more text", mail + "PS: send money\r\n", false},
		{"another author", replaced("no-reply@", "boss@"), false},
		{"a second From", above("From: boss@evil.example"), false},
		{"a second Subject", above("Subject: Urgent"), false},
		{"a second To", above("To: x@y.example"), false},
		{"a second Date", above("Date: Fri, 20 Nov 2020 10:00:00 +0000"), false},
		{"a Reply-To", above("Reply-To: mallory@evil.example"), false},
		{"a Cc", above("Cc: mallory@evil.example"), false},
		{"a way to unsubscribe", above("List-Unsubscribe: <https://evil.example/>"), false},
		{"one with a click", above("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), false},
		{"a second Content-Type", above("Content-Type: text/html"), false},
		{"a second encoding", above("Content-Transfer-Encoding: base64"), false},
	} {
		for i, err := range verify(t, published(newPair()), one.mail) {
			if (err == nil) != one.good {
				t.Errorf("%s: signature %d: got %v", one.name, i, err)
			}
		}
	}
}

// TestWhatCannotBeSigned: nothing is signed that a verifier would read otherwise.
func TestWhatCannotBeSigned(t *testing.T) {
	s := newSigner(t, &ring{pair: newPair()})
	for name, mail := range map[string]string{
		"nothing":          "",
		"no end of header": "From: a@clinic.example\r\nSubject: s\r\n",
		"no From":          "Subject: s\r\n\r\ntext\r\n",
		"no field":         "From: a@clinic.example\r\nwhat is this\r\n\r\ntext\r\n",
		"an empty name":    "From: a@clinic.example\r\n: x\r\n\r\ntext\r\n",
		"LF in the header": "From: a@clinic.example\nSubject: s\r\n\r\ntext\r\n",
		"CR in the header": "From: a@clinic.example\r\nSubject: s\rx\r\n\r\ntext\r\n",
		"LF in the text":   letter + "a\nb\r\n",
		"CR in the text":   letter + "a\rb\r\n",
		"no end of line":   letter + "a",
		"too many fields":  strings.Repeat("X: y\r\n", maxFields+1) + letter,
	} {
		if fields, err := s.Sign(t.Context(), []byte(mail)); err == nil || len(fields) > 0 {
			t.Errorf("%s: got %d octets, %v, want an error", name, len(fields), err)
		}
	}
}

// TestChangeOfKeys: a switch is seen within Fresh, a store that is away stops nothing, and keys are parsed once.
func TestChangeOfKeys(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	first, second := newPair(), makePair("two")
	k := &ring{err: bridge.ErrNotFound}
	s, err := New(Config{Keys: k, Domain: "CLINIC.example", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	by := func() string {
		t.Helper()
		fields, err := s.Sign(t.Context(), []byte(letter))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"one", "two"} {
			if strings.Contains(string(fields), "s="+p+"-rsa; ") && strings.Contains(string(fields), "s="+p+"-ed; ") {
				return p
			}
		}
		return string(fields)
	}
	if got := by(); got != "" {
		t.Errorf("got %q, want no signature without keys", got)
	}
	k.pair, k.err = first, nil
	now = now.Add(Fresh)
	if got := by(); got != "one" {
		t.Errorf("got %q", got)
	}
	parsed := s.current
	k.pair = second
	asked := k.asked
	if got := by(); got != "one" || k.asked != asked {
		t.Errorf("got %q, asked %d times more, want what is remembered", got, k.asked-asked)
	}
	k.pair = first
	now = now.Add(Fresh)
	if by(); s.current != parsed {
		t.Error("the same keys were parsed again")
	}
	k.pair = second
	now = now.Add(Fresh)
	if got := by(); got != "two" {
		t.Errorf("got %q after the switch", got)
	}
	k.err = errors.New("the database is away")
	now = now.Add(Fresh)
	if got := by(); got != "two" {
		t.Errorf("got %q while the database is away", got)
	}

	// A process that begins then does not send without a signature.
	if fields, err := newSigner(t, k).Sign(t.Context(), []byte(letter)); err == nil || fields != nil {
		t.Errorf("got %q, %v, want an error", fields, err)
	}
	broken := makePair("three")
	broken.Keys[0].Private = []byte("hush")
	if _, err := newSigner(t, &ring{pair: broken}).Sign(t.Context(), []byte(letter)); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v, want an error without the key", err)
	}
}

// TestSignAtOnce signs from many goroutines.
func TestSignAtOnce(t *testing.T) {
	s := newSigner(t, &ring{pair: newPair()})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if errs := verify(t, published(newPair()), signed(t, s, letter)); errors.Join(errs...) != nil {
				t.Error(errs)
			}
		})
	}
	all.Wait()
}

func TestDomain(t *testing.T) {
	for in, want := range map[string]string{"Clinic.Example": "clinic.example", "bücher.example": "xn--bcher-kva.example", "": "", "a b": "", "x\r\ny": ""} {
		got, err := Domain(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestPublished(t *testing.T) {
	rsaKey, ed := newPair().Keys[0], newPair().Keys[1]
	p := func(k bridge.SigningKey) string { return k.Record()[strings.Index(k.Record(), "p=")+2:] }
	for _, one := range []struct {
		name    string
		key     bridge.SigningKey
		records []string
		want    error
	}{
		{"as we print it", rsaKey, []string{rsaKey.Record()}, nil},
		{"Ed25519", ed, []string{ed.Record()}, nil},
		{"with spaces and a semicolon", rsaKey, []string{"v=DKIM1 ;  k = rsa;t=s; p=" + p(rsaKey)[:100] + " " + p(rsaKey)[100:] + " ; "}, nil},
		{"the least that counts", rsaKey, []string{"p=" + p(rsaKey)}, nil},
		{"nothing", rsaKey, nil, ErrUnpublished},
		{"two", rsaKey, []string{rsaKey.Record(), rsaKey.Record()}, ErrOther},
		{"a part", rsaKey, []string{rsaKey.Record()[:255]}, ErrOther},
		{"of another key", rsaKey, []string{makePair("x").Keys[0].Record()}, ErrOther},
		{"another algorithm", ed, []string{"v=DKIM1; p=" + p(ed)}, ErrOther},
		{"revoked", ed, []string{"v=DKIM1; k=ed25519; p="}, ErrOther},
		{"a test", ed, []string{ed.Record() + "; t=s:y"}, ErrOther},
		{"for other hashes", ed, []string{ed.Record() + "; h=sha1"}, ErrOther},
		{"for other services", ed, []string{ed.Record() + "; s=tlsrpt"}, ErrOther},
		{"v= in the wrong place", ed, []string{"k=ed25519; v=DKIM1; p=" + p(ed)}, ErrOther},
		{"a tag twice", ed, []string{ed.Record() + "; p=x"}, ErrOther},
		{"something else", ed, []string{"hello"}, ErrOther},
		{"very much", ed, []string{ed.Record() + "; n=" + strings.Repeat("x", maxRecord)}, ErrOther},
	} {
		z := zone{}
		if one.records != nil {
			z[strings.TrimSuffix(one.key.Name(domain), ".")] = one.records
		}
		if err := Published(t.Context(), z, domain, one.key); !errors.Is(err, one.want) || (err == nil) != (one.want == nil) {
			t.Errorf("%s: got %v, want %v", one.name, err, one.want)
		}
	}
}

func TestZoneText(t *testing.T) {
	for _, n := range []int{0, 1, 254, 255, 256, 510, 511, 1000} {
		text := strings.Repeat("x", n)
		parts := strings.Split(ZoneText(text), `" "`)
		if got := strings.Trim(strings.Join(parts, ""), `"`); got != text || len(parts) != max(1, (n+254)/255) {
			t.Errorf("%d octets: %d parts, %d octets", n, len(parts), len(got))
		}
	}
	if got := ZoneText(`a"b\`); got != `"a\"b\\"` {
		t.Errorf("got %s", got)
	}
}

// FuzzSign: what can be signed at all verifies, by a verifier that is not ours.
func FuzzSign(f *testing.F) {
	head, body, _ := strings.Cut(letter, "\r\n\r\n")
	f.Add(head, body)
	f.Add("From: a\r\nSubject:\r\n", " \r\n\r\n\t \t\r\na  b\t\tc \r\n\r\n")
	f.Add("fRoM \t: a\r\n\tb \r\n c", "x")
	s := newSigner(f, &ring{pair: newPair()})
	z := published(newPair())
	f.Fuzz(func(t *testing.T, head, body string) {
		mail := head + "\r\n\r\n" + body
		if len(mail) > 1<<16 {
			t.Skip()
		}
		fields, err := s.Sign(t.Context(), []byte(mail))
		if err != nil {
			return
		}
		results, err := dkim.VerifyWithOptions(strings.NewReader(string(fields)+mail), &dkim.VerifyOptions{
			LookupTXT: func(name string) ([]string, error) { return z.LookupTXT(t.Context(), name) }, MaxVerifications: 2,
		})
		if err != nil {
			return
		}
		for _, r := range results[:min(2, len(results))] {
			if r.Err != nil {
				t.Errorf("%v:\n%q", r.Err, string(fields)+mail)
			}
		}
	})
}

// BenchmarkSign measures one mail: a notice of the usual size and a copy with files of ten million octets, with each algorithm apart, both together,
// and as go-msgauth does both.
func BenchmarkSign(b *testing.B) {
	line := strings.Repeat("0123456789abcdef", 4) + "\r\n"
	for _, size := range []struct {
		name   string
		octets int
	}{{"notice", 6 << 10}, {"copy", 10_000_000}} {
		mail := []byte(letter + strings.Repeat(line, size.octets/len(line)))
		for _, how := range []struct {
			name string
			keys []bridge.SigningKey
		}{{"rsa", newPair().Keys[:1]}, {"ed25519", newPair().Keys[1:]}, {"both", newPair().Keys}} {
			b.Run(fmt.Sprintf("%s/%s", size.name, how.name), func(b *testing.B) {
				p := newPair()
				p.Keys = how.keys
				s := newSigner(b, &ring{pair: p})
				b.SetBytes(int64(len(mail)))
				b.ReportAllocs()
				defer processorTime(b)()
				for b.Loop() {
					if _, err := s.Sign(b.Context(), mail); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(size.name+"/go-msgauth", func(b *testing.B) {
			ready, err := parse(newPair())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(mail)))
			b.ReportAllocs()
			defer processorTime(b)()
			for b.Loop() {
				for _, k := range ready.keys {
					s, err := dkim.NewSigner(&dkim.SignOptions{
						Domain: domain, Selector: k.selector, Signer: k.private, HeaderKeys: sealedFields,
						HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
					})
					if err != nil {
						b.Fatal(err)
					}
					if _, err := s.Write(mail); err != nil {
						b.Fatal(err)
					}
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// processorTime reports the time of processors that was spent for one mail, which others who use the machine change less than the time that passed.
func processorTime(b *testing.B) func() {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	return func() { b.ReportMetric(float64((spent()-before).Microseconds())/float64(b.N), "cpu-µs/op") }
}

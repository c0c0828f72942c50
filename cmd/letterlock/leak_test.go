package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/compose"
)

var (
	envelopeToken = regexp.MustCompile(`ENVID=([a-z2-7]{42})`)
	offLink       = regexp.MustCompile(`/u/[a-z2-7]{42}`)
	signatureTags = regexp.MustCompile(`( t=)\d+|( s=)ll\d{8}[a-z0-9]{4}-|( bh=)[A-Za-z0-9+/=]+|( b=)(?:[A-Za-z0-9+/=]|\r\n  )+`)
)

// mask takes away what may differ between two notices to one person, after a look that each of these is what it must be: the link, the
// Message-ID, the reverse-path and the envelope's id, which name the delivery, its date, and the signatures.
func (c *correspondents) mask(m overheard, deliveries map[bridge.ID]bridge.Delivery) (overheard, bridge.Delivery, error) {
	found := envelopeToken.FindStringSubmatch(m.said)
	if found == nil {
		return m, bridge.Delivery{}, fmt.Errorf("no envelope id in %q", m.said)
	}
	issuer := c.g.Issuer()
	id, ok := issuer.OpenEnvelopeID(found[1])
	if !ok {
		return m, bridge.Delivery{}, errors.New("the envelope's id is not ours")
	}
	d, ok := deliveries[id]
	if !ok {
		return m, d, errors.New("it is the mail of no delivery")
	}
	_, link, _ := strings.Cut(issuer.Link(id), "/m/")
	messageID, _, _ := strings.Cut(issuer.MessageID(id), "@")
	m.said = strings.ReplaceAll(m.said, found[1], "(path)")
	for _, line := range []string{"RSET\r\n", "NOOP\r\n"} {
		m.said = strings.ReplaceAll(m.said, line, "")
	}
	signatures, mail, _ := strings.Cut(m.data, "\r\nDate: ")
	date, mail, _ := strings.Cut(mail, "\r\n")
	if want := d.CreatedAt.Format(time.RFC1123Z); date != want {
		return m, d, fmt.Errorf("its date is %q, want %q", date, want)
	}
	m.data = signatureTags.ReplaceAllString(signatures, "$1$2$3$4(signature)") + "\r\nDate: (date)\r\n" + mail
	for _, token := range []string{link, messageID} {
		m.data = withoutToken(m.data, token)
	}
	return m, d, nil
}

// withoutToken masks a token, also where quoted-printable broke it over two lines.
func withoutToken(data, token string) string {
	var out strings.Builder
	for {
		at := strings.IndexByte(data, token[0])
		if at < 0 {
			out.WriteString(data)
			return out.String()
		}
		out.WriteString(data[:at])
		rest, n, broken := data[at:], 0, ""
		for n < len(token) && rest != "" {
			if strings.HasPrefix(rest, "=\r\n") {
				rest, broken = rest[3:], "=\r\n"
			} else if rest[0] == token[n] {
				rest, n = rest[1:], n+1
			} else {
				break
			}
		}
		if n < len(token) {
			out.WriteByte(token[0])
			data = data[at+1:]
			continue
		}
		out.WriteString("(token)" + broken)
		data = rest
	}
}

// blank returns what a person gets told who is told nothing: all words in it are ours, theirs, or SMTP's.
func (c *correspondents) blank(composer *compose.Composer, d bridge.Delivery) *haystack {
	c.t.Helper()
	p, issuer := c.people[d.Person], c.g.Issuer()
	id := bridge.NewID()
	m, err := composer.Compose(c.t.Context(), bridge.Outgoing{
		Delivery: bridge.Delivery{ID: id, Kind: d.Kind}, Form: bridge.FormNotice, ReversePath: issuer.ReversePath(id), Recipient: bridge.Address{Addr: p.Address},
		From: bridge.Address{Addr: "no-reply@example.com"}, MessageID: issuer.MessageID(id), Date: c.now(), Locale: p.Locale, Organization: "Harbour Clinic",
		BaseURL: "https://portal.example.com", Link: issuer.Link(id), Unsubscribe: issuer.UnsubscribeURL(p.Unsubscribe), ToStaff: p.Kind == bridge.Staff, First: p.Kind == bridge.Contact && p.SignedInAt.IsZero(), Phrase: c.phrases[p.ID],
	})
	if err != nil {
		c.t.Fatal(err)
	}
	said := "MAIL FROM:<bounce+@example.com> SIZE= RET=HDRS ENVID= BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<" + m.Recipient + "> NOTIFY=FAILURE,DELAY ORCPT=rfc822;\r\nDATA\r\n"
	signed := "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=; h=Content-Transfer-Encoding:List-Unsubscribe-Post:In-Reply-To:References:Reply-To; a=ed25519-sha256;"
	data := offLink.ReplaceAllString(signed+"\r\n"+string(m.Data), "/u/(token)")
	return newHaystack(spread(c.t, overheard{said, data})...)
}

// secrets returns the words that a mail of a delivery must not hold: what its message says, and who else takes part.
func (c *correspondents) secrets(d bridge.Delivery) []string {
	text := c.subjects[d.Thread] + "\n" + c.written[d.Message]
	if d.Kind != bridge.DeliverMessage {
		text += c.all[d.Thread] // which a reminder is about, of them all
	}
	for _, id := range c.in[d.Thread] {
		if id != d.Person {
			text += "\n" + c.people[id].Name + "\n" + c.people[id].Address
		}
	}
	return tokens(text)
}

// findings are what a search through all mail came to.
type findings struct {
	mails, leaking  int
	sought, ours    int // words that were looked for, and those that were not since they are ours too
	different       int // mails to one person that differ in more than they may
	first, twoMails string
}

// search looks for every secret in every mail.
func (c *correspondents) search(deliveries map[bridge.ID]bridge.Delivery) findings {
	c.t.Helper()
	composer, err := compose.New(compose.Config{Files: c.g})
	if err != nil {
		c.t.Fatal(err)
	}
	var f findings
	type told struct {
		person bridge.ID
		kind   bridge.DeliveryKind
	}
	blanks, earlier, stacks := map[told]*haystack{}, map[told]overheard{}, map[overheard]*haystack{}
	for _, m := range c.hop.taken() {
		masked, d, err := c.mask(m, deliveries)
		if err != nil {
			c.t.Fatal(err)
		}
		who := told{d.Person, d.Kind}
		if before, ok := earlier[who]; !ok {
			earlier[who] = masked
			blanks[who] = c.blank(composer, d)
		} else if before != masked {
			f.different++
			f.twoMails = before.said + before.data + "\n--- and ---\n" + masked.said + masked.data
		}
		// The link that turns mails off is the recipient's, and random: it is the same in all mails to them, and four letters of it may be anybody's word.
		masked.data = offLink.ReplaceAllString(masked.data, "/u/(token)")
		if stacks[masked] == nil {
			stacks[masked] = newHaystack(spread(c.t, masked)...)
		}
		f.mails++
		leaks := false
		for _, word := range c.secrets(d) {
			if blanks[who].holds(word) {
				f.ours++
				continue
			}
			f.sought++
			if stacks[masked].holds(word) {
				leaks = true
				if f.first == "" {
					f.first = fmt.Sprintf("%q of a message is in the mail about it:\n%s%s", word, m.said, m.data)
				}
			}
		}
		if leaks {
			f.leaking++
		}
	}
	for said := range c.hop.heard {
		if said != "EHLO gateway.example.com\r\n" {
			c.t.Errorf("before its first mail a connection said %q", said)
		}
	}
	return f
}

// leakSeed is the same each time, so that what passes once passes again; LETTERLOCK_TEST_SEED sets another one, and "new" one that nobody has tried.
func leakSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(1)
	switch text := os.Getenv("LETTERLOCK_TEST_SEED"); text {
	case "":
	case "new":
		seed = uint64(time.Now().UnixNano())
	default:
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal("LETTERLOCK_TEST_SEED is neither a number nor \"new\"")
		}
	}
	t.Logf("LETTERLOCK_TEST_SEED=%d", seed)
	return seed
}

// TestNothingLeaks writes ten thousand random messages and looks for every word of theirs in all that leaves, as octets and decoded in every way. They are
// written in secure mode, and in convenience mode where the path or a rule forbids a copy.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	seed := leakSeed(t)
	for _, tt := range []struct {
		name     string
		mode     bridge.Mode
		need     bridge.Need
		messages int
		change   func(i int, e *entry)
	}{
		{"secure mode", bridge.ModeSecure, bridge.NeedAny, 6000, nil},
		{"the path forbids a copy", bridge.ModeConvenience, bridge.NeedTLS, 2000, nil},
		{"a rule forbids a copy", bridge.ModeConvenience, bridge.NeedAny, 2000, func(i int, e *entry) {
			switch i % 5 {
			case 0:
				e.text += " 4111 1111 1111 1111 "
			case 1:
				e.text += " Zwielicht "
			case 2:
				e.files = append(e.files, [2]string{"Befund mandelbaum.txt", "muskatnuss"})
			case 3:
				e.secure = true
			case 4:
				e.html = "<p>GB33 BUKB 2020 1555 5555 55</p>"
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := tt.messages
			if testing.Short() {
				n /= 20
			}
			c := startCorrespondence(t, seed, tt.mode, tt.need)
			c.write(n, tt.change)
			c.leave()
			c.ahead.Add(int64(73 * time.Hour))
			if err := c.g.Remind(t.Context()); err != nil {
				t.Fatal(err)
			}
			deliveries := c.leave()
			kept, reminders := 0, 0
			for _, d := range deliveries {
				switch {
				case d.State == bridge.Suppressed:
					kept++
				case d.State != bridge.Relayed || d.Form != bridge.FormNotice:
					t.Fatalf("a delivery is %s as a %s: %s", d.State, d.Form, d.Diagnostic)
				case d.Kind == bridge.DeliverReminder:
					reminders++
				case (d.Why != "") != (tt.mode == bridge.ModeConvenience && c.people[d.Person].Kind == bridge.Contact):
					t.Errorf("it left as a notice because %q", d.Why)
				}
			}
			f := c.search(deliveries)
			t.Logf("%d messages, %d mails (%d of them reminders; %d were read first), %d words looked for, %d left out that are in our own texts or in the recipient's address", n, f.mails, reminders, kept, f.sought, f.ours)
			if f.leaking > 0 {
				t.Errorf("%d mails hold what they must not, such as %s", f.leaking, f.first)
			}
			if f.different > 0 {
				t.Errorf("%d mails differ from another to the same person in more than link, Message-ID, date and signature, such as\n%s", f.different, f.twoMails)
			}
			if f.mails+kept != len(deliveries) || f.mails < n/2 || reminders == 0 || f.sought < 10*f.mails || f.ours > f.sought/4 {
				t.Errorf("it looked at too little: %+v", f)
			}
		})
	}
}

// TestSearchFindsLeaks has copies leave, on purpose: the search finds words of its message in each.
func TestSearchFindsLeaks(t *testing.T) {
	t.Parallel()
	c := startCorrespondence(t, leakSeed(t), bridge.ModeConvenience, bridge.NeedAny)
	c.write(60, nil)
	deliveries := c.leave()
	copies := 0
	for _, d := range deliveries {
		if d.Form == bridge.FormCopy {
			copies++
		}
	}
	if f := c.search(deliveries); f.leaking != copies || copies < 50 {
		t.Errorf("%d of %d copies were found to hold their message", f.leaking, copies)
	}
}

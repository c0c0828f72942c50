package smtpd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// talker is a client that knows what the standard says to each command where the conversation stands, and holds the server to it.
type talker struct {
	*client
	o    *office
	lmtp bool
	id   string // begins the subject of each of its mails

	helo, open, tls, over bool
	rcpts                 []string // accepted ones, as often as they were
	strange               int      // commands that go-smtp does not know: it closes at the fourth
	mails                 int
	want                  map[string]int // deliveries, by subject
}

var talkers atomic.Int64

// expect reads a reply and compares its code.
func (k *talker) expect(code string) {
	k.t.Helper()
	if got := k.reply(); !strings.HasPrefix(got[len(got)-1], code) {
		k.t.Fatalf("got %q, want %s", got, code)
	}
}

func (k *talker) say(line, code string) {
	k.t.Helper()
	k.send(line + "\r\n")
	k.expect(code)
}

func (k *talker) reset() { k.open, k.rcpts = false, nil }

func (k *talker) end() {
	k.t.Helper()
	k.over = true
	k.closed()
}

// smuggles are the ends of mails that none is.
var smuggles = []string{
	"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\r\r\n.\r\n", "\r\n.\r\r\n", "\r\n\r.\r\n", "\n\n.\r\n", "\r\n.\r\r\n.\r\n", "x\n\r\n.\r\n",
}

// steps are what a client may do next, whatever it did before.
var steps = []func(k *talker, n byte){
	func(k *talker, _ byte) { k.hello("EHLO") },
	func(k *talker, _ byte) { k.hello("HELO") },
	func(k *talker, _ byte) { k.hello("LHLO") },
	func(k *talker, n byte) {
		k.mail([]string{"<ann@example.org>", "<>", "<ann@example.org> SIZE=10 BODY=8BITMIME"}[n%3])
	},
	func(k *talker, n byte) { k.mail("<ann@example.org>") },
	func(k *talker, n byte) {
		k.rcpt([]string{"reply+ann@desk.example", "reply+bob@desk.example", "Reply+ANN@desk.example", "no-reply@desk.example"}[n%4], true)
	},
	func(k *talker, n byte) { k.rcpt("reply+ann@desk.example", true) },
	func(k *talker, n byte) { k.rcpt("nobody@desk.example", false) },
	func(k *talker, n byte) {
		k.data([]string{"hello", "..dots\r\n...", "\r\n\r\n", strings.Repeat("x", 3000)}[n%4])
	},
	func(k *talker, n byte) { k.data("hello") },
	func(k *talker, n byte) { k.smuggle(smuggles[int(n)%len(smuggles)]) },
	func(k *talker, _ byte) { k.tooLarge() },
	func(k *talker, _ byte) { k.say("RSET", "250"); k.reset() },
	func(k *talker, _ byte) { k.say("NOOP", "250") },
	func(k *talker, _ byte) { k.say("VRFY ann", "252") },
	func(k *talker, _ byte) { k.startTLS() },
	func(k *talker, _ byte) { k.inject() },
	func(k *talker, _ byte) { k.say("BDAT 5 LAST", "502"); k.end() },
	func(k *talker, _ byte) {
		k.say("AUTH PLAIN AGEAYg==", map[bool]string{true: "523", false: "502"}[k.helo])
	},
	func(k *talker, _ byte) { k.unknown("FROB") },
	func(k *talker, _ byte) { k.forward() },
	func(k *talker, _ byte) { k.say("QUIT", "221"); k.end() },
}

func (k *talker) hello(verb string) {
	k.t.Helper()
	if (verb == "LHLO") != k.lmtp {
		k.say(verb+" client.example", "500")
		return
	}
	k.say(verb+" client.example", "250")
	k.helo = true
	k.reset()
}

func (k *talker) mail(from string) {
	k.t.Helper()
	switch {
	case !k.helo:
		k.say("MAIL FROM:"+from, "502")
	case k.open:
		k.say("MAIL FROM:"+from, "503")
	default:
		k.say("MAIL FROM:"+from, "250")
		k.open = true
	}
}

func (k *talker) rcpt(to string, known bool) {
	k.t.Helper()
	switch {
	case !k.open:
		k.say("RCPT TO:<"+to+">", "502")
	case known:
		k.say("RCPT TO:<"+to+">", "250")
		k.rcpts = append(k.rcpts, to)
	default:
		k.say("RCPT TO:<"+to+">", "550")
	}
}

// begin says DATA and reports whether a mail may follow.
func (k *talker) begin() bool {
	k.t.Helper()
	if len(k.rcpts) == 0 {
		k.say("DATA", "502")
		return false
	}
	k.say("DATA", "354")
	return true
}

// answers expects what is said to a mail, once, or to each recipient.
func (k *talker) answers(one string, each func(to string) string) {
	k.t.Helper()
	if !k.lmtp {
		k.expect(one)
		return
	}
	for _, to := range k.rcpts {
		got := k.reply()
		if !strings.HasPrefix(got[0], each(to)) || !strings.Contains(got[0], "<"+to+">") {
			k.t.Fatalf("got %q for %s, want %s", got, to, each(to))
		}
	}
}

func (k *talker) data(body string) {
	k.t.Helper()
	if !k.begin() {
		return
	}
	k.mails++
	subject := fmt.Sprintf("%s-%d", k.id, k.mails)
	k.send("Subject: " + subject + "\r\n\r\n" + body + "\r\n.\r\n")
	one, seen := "550", map[string]bool{}
	for _, to := range k.rcpts {
		low := strings.ToLower(to)
		if low != "no-reply@desk.example" && !seen[low] {
			seen[low] = true
			k.want[subject]++
			one = "250"
		}
	}
	k.answers(one, func(to string) string {
		if strings.HasPrefix(to, "no-reply") {
			return "550"
		}
		return "250"
	})
	k.reset()
}

func (k *talker) smuggle(end string) {
	k.t.Helper()
	if !k.begin() {
		return
	}
	k.mails++
	k.send("Subject: " + k.id + "\r\n\r\ntext" + end + "MAIL FROM:<boss@example.org>\r\nRCPT TO:<reply+bob@desk.example>\r\nDATA\r\nSubject: " + k.id + "\r\n\r\nsmuggled\r\n.\r\nNOOP\r\n")
	k.answers("550", func(string) string { return "550" })
	k.end()
}

func (k *talker) tooLarge() {
	k.t.Helper()
	if !k.begin() {
		return
	}
	k.send("Subject: " + k.id + "\r\n\r\n" + strings.Repeat(strings.Repeat("x", 98)+"\r\n", 200) + ".\r\n")
	k.answers("552", func(string) string { return "552" })
	k.reset()
}

func (k *talker) startTLS() {
	k.t.Helper()
	if k.lmtp || k.tls {
		k.say("STARTTLS", "502")
		return
	}
	k.say("STARTTLS", "220")
	k.secure()
	k.tls, k.helo, k.strange = true, false, 0
	k.reset()
}

// inject puts a command behind STARTTLS, in clear text.
func (k *talker) inject() {
	k.t.Helper()
	if k.lmtp || k.tls {
		return
	}
	k.say("STARTTLS\r\nMAIL FROM:<mallory@example.org>", "554")
	k.end()
}

func (k *talker) unknown(line string) {
	k.t.Helper()
	k.say(line, "50")
	if k.strange++; k.strange > 3 {
		k.expect("500")
		k.end()
	}
}

func (k *talker) forward() {
	k.t.Helper()
	switch {
	case !k.lmtp:
		k.unknown("XFORWARD ADDR=192.0.2.1")
	case k.open:
		k.say("XFORWARD ADDR=192.0.2.1", "503")
	default:
		k.say("XFORWARD ADDR=192.0.2.1", "250")
	}
}

// FuzzConversation holds whole conversations, of SMTP and of LMTP: several mails, in any order of commands that makes sense or none, with and
// without TLS. Each reply must be the one that is due, and in the end exactly the mails that were answered 250 are there.
func FuzzConversation(f *testing.F) {
	o := newOffice()
	limits := func(c *Config) {
		c.MaxSize, c.MaxRefused, c.MaxFaults, c.MaxNetConns, c.MaxConns, c.MaxRecipients = 10_000, 1<<20, 1<<20, 1000, 1000, 1000
	}
	smtp, _ := start(f, o, func(c *Config) {
		limits(c)
		c.TLS = certificate(f)
	})
	lmtp, _ := start(f, o, func(c *Config) {
		limits(c)
		overLMTP(c)
	})
	f.Add(false, []byte{0, 0, 3, 0, 5, 0, 8, 0, 3, 1, 5, 1, 7, 0, 8, 1, 21, 0})
	f.Add(true, []byte{2, 0, 20, 0, 3, 0, 5, 0, 5, 2, 5, 3, 8, 0, 3, 0, 5, 0, 10, 4})
	f.Add(false, []byte{0, 0, 15, 0, 3, 0, 0, 0, 3, 0, 5, 0, 8, 2, 12, 0, 4, 0, 6, 0, 11, 0, 4, 0, 6, 0, 9, 0, 16, 0, 17, 0})
	f.Add(false, []byte{0, 0, 4, 0, 16, 0})
	f.Add(false, []byte{19, 0, 19, 0, 19, 0, 19, 0})
	for i := range smuggles {
		f.Add(i%2 == 0, []byte{byte(2 * (1 - i%2)), 0, 0, 0, 2, 0, 4, 0, 6, 0, 9, 0, 4, 0, 6, 0, 10, byte(i)})
	}
	f.Fuzz(func(t *testing.T, local bool, script []byte) {
		addr := smtp
		if local {
			addr = lmtp
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Skip(err)
		}
		k := &talker{client: dialled(t, conn), o: o, lmtp: local, id: fmt.Sprintf("talker%d", talkers.Add(1)), want: map[string]int{}}
		defer func() { k.conn.Close() }()
		k.expect("220")
		for i := 0; i+1 < len(script) && i < 200 && !k.over; i += 2 {
			steps[int(script[i])%len(steps)](k, script[i+1])
		}
		if !k.over {
			k.say("QUIT", "221")
			_ = k.conn.SetReadDeadline(time.Now().Add(wait))
			_, _ = io.Copy(io.Discard, k.r)
		}
		got := map[string]int{}
		o.mu.Lock()
		for _, m := range o.mails {
			if _, subject, _ := strings.Cut(m.raw, "\r\nSubject: "); strings.HasPrefix(subject, k.id) {
				subject, _, _ = strings.Cut(subject, "\r\n")
				got[subject]++
			}
		}
		o.mails = nil
		o.mu.Unlock()
		if fmt.Sprint(got) != fmt.Sprint(k.want) {
			t.Errorf("got mails %v, want %v", got, k.want)
		}
	})
}

package mailout_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/submit"
)

// What a hostile peer may do at a step, beside saying something else.
const (
	honest  = ""
	drop    = "(drop)"
	silence = "(silence)"
	endless = "(endless)"
	keep    = "(keep and drop)" // at the end of the data: the mail is taken, and nobody is told
	halfway = "(halfway)"       // drop in the middle of the data
	slow    = "(slow)"
	creep   = "(creep)" // an octet now and then, each in time and the reply never
	flood   = "(flood)" // one line without end
	noise   = "(noise)" // in place of TLS, what is none
)

// few is put before what a peer says to every other one of the first dozen commands of a kind, on whatever connection.
const few = "(few)"

// hostile is an SMTP server that does what is wrong on its first connections and nothing wrong on those after.
type hostile struct {
	addr       string
	fault      map[string]string // by step: banner, EHLO, STARTTLS, TLS, AUTH, MAIL, RCPT, DATA, end, RSET, NOOP, QUIT
	times      int               // connections that have the fault
	extensions string            // lines of the reply to EHLO
	refuse     string            // while at fault, a parameter of MAIL or RCPT that it announced and does not know
	cert       *tls.Certificate

	mu    sync.Mutex
	conns int
	kept  map[string]int    // how often a Message-ID was kept
	first map[string]string // its mail
	other int               // mails that are not as the first of their Message-ID
	clear int               // mails that came without TLS
	asked map[string]int    // commands by step
}

func (h *hostile) start(tb testing.TB) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	h.addr, h.kept, h.first, h.asked = l.Addr().String(), map[string]int{}, map[string]string{}, map[string]int{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.conns++
			n := h.conns
			h.mu.Unlock()
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(15 * time.Second))
				h.talk(c, n)
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		all.Wait()
	})
}

var messageID = regexp.MustCompile(`(?im)^Message-ID:\s*(\S+)`)

// wrong reports whether the nth connection has the fault.
func (h *hostile) wrong(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return n <= h.times
}

// does returns what is wrong at a step of the nth connection.
func (h *hostile) does(n int, step string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n > h.times {
		return honest
	}
	sometimes, ok := strings.CutPrefix(h.fault[step], few)
	if !ok {
		return h.fault[step]
	}
	if h.asked[step]++; h.asked[step] > 12 || h.asked[step]%2 == 0 {
		return honest
	}
	return sometimes
}

// talk is the nth connection.
func (h *hostile) talk(c net.Conn, n int) {
	r := bufio.NewReader(c)
	encrypted := false
	// do does what is wrong at a step, or says what is right, and reports whether the conversation goes on.
	do := func(what, right string) bool {
		switch what {
		case honest:
			_, err := io.WriteString(c, right+"\r\n")
			return err == nil
		case drop, keep:
			return false
		case silence:
			_, _ = r.ReadByte()
			return false
		case endless:
			for {
				if _, err := io.WriteString(c, right[:3]+"-and so on\r\n"); err != nil {
					return false
				}
			}
		case flood:
			for {
				if _, err := io.WriteString(c, strings.Repeat("x", 1<<12)); err != nil {
					return false
				}
			}
		case slow, creep:
			pause := 2 * time.Millisecond
			if what == creep {
				pause = 100 * time.Millisecond
			}
			for _, b := range []byte(right + "\r\n") {
				time.Sleep(pause)
				if _, err := c.Write([]byte{b}); err != nil {
					return false
				}
			}
			return true
		}
		_, err := io.WriteString(c, what)
		return err == nil && !strings.HasPrefix(what, "421") && strings.HasSuffix(what, "\r\n")
	}
	if !do(h.does(n, "banner"), "220 mx.example ready") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		right := "250 2.0.0 ok"
		switch verb {
		case "EHLO":
			right = "250-mx.example\r\n250-DSN\r\n250-8BITMIME\r\n" + h.extensions
			if h.cert != nil && !encrypted {
				right += "250-STARTTLS\r\n"
			}
			right += "250 SIZE 1000000"
		case "DATA":
			right = "354 go ahead"
		case "QUIT":
			_ = do(h.does(n, "QUIT"), "221 bye")
			return
		case "AUTH":
			right = "235 2.7.0 welcome"
		case "STARTTLS":
			right = "220 go ahead"
		}
		if h.refuse != "" && strings.Contains(strings.ToUpper(line), h.refuse) && h.wrong(n) {
			_, _ = io.WriteString(c, "555 5.5.4 unsupported parameter\r\n")
			continue
		}
		what := h.does(n, verb)
		if !do(what, right) {
			return
		}
		if verb == "STARTTLS" {
			if f := h.does(n, "TLS"); f != honest {
				if f == noise {
					_, _ = io.WriteString(c, strings.Repeat("250 2.0.0 who needs TLS?\r\n", 100))
				}
				_, _ = io.Copy(io.Discard, r)
				return
			}
			t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*h.cert}})
			if t.Handshake() != nil {
				return
			}
			c, r, encrypted = t, bufio.NewReader(t), true
		}
		if verb != "DATA" || what != honest && what != slow {
			continue
		}
		what = h.does(n, "end")
		var data strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if what == halfway && data.Len() > 200 {
				return
			}
			if line == ".\r\n" {
				break
			}
			data.WriteString(line)
		}
		id := messageID.FindStringSubmatch(data.String())
		if what == honest || what == keep || what == slow || what == creep || strings.HasPrefix(what, "2") {
			h.mu.Lock()
			if h.kept[id[1]]++; h.kept[id[1]] == 1 {
				h.first[id[1]] = data.String()
			} else if h.first[id[1]] != data.String() {
				h.other++
			}
			if !encrypted {
				h.clear++
			}
			h.mu.Unlock()
		}
		if !do(what, "250 2.0.0 taken") {
			return
		}
	}
}

// TestHostilePeers sends through each fault: in the end every mail has been taken, once where that can be, and with one Message-ID.
func TestHostilePeers(t *testing.T) {
	huge := func(code string) string {
		return strings.Repeat(code+"-"+strings.Repeat("x", 70)+"\r\n", 2000) + code + " ok\r\n"
	}
	type peer struct {
		fault    map[string]string
		refuse   string
		again    bool          // the peer keeps mails and does not say so: that it gets them again can't be avoided (RFC 5321, section 6.1)
		noTries  bool          // the fault does not cost an attempt
		patience time.Duration // how long our side waits; 0 for hardly at all
		some     int           // how many deliveries the fault costs one attempt each, and no others any; 0: whatever it costs
	}
	peers := map[string]peer{
		"slow octets":                            {fault: map[string]string{"banner": slow, "EHLO": slow, "MAIL": slow, "RCPT": slow, "DATA": slow, "end": slow}, noTries: true, patience: 20 * time.Second},
		"closes in the middle of the banner":     {fault: map[string]string{"banner": "220-mx.exa"}},
		"closes before its banner":               {fault: map[string]string{"banner": drop}},
		"never greets":                           {fault: map[string]string{"banner": silence}},
		"greets as something else":               {fault: map[string]string{"banner": "HTTP/1.1 400 Bad Request\r\n"}},
		"greets without end":                     {fault: map[string]string{"banner": endless}},
		"knows EHLO without end":                 {fault: map[string]string{"EHLO": endless}},
		"drops at the end, having kept it":       {fault: map[string]string{"end": keep}, again: true},
		"drops at the end, having lost it":       {fault: map[string]string{"end": drop}},
		"drops in the middle of the data":        {fault: map[string]string{"end": halfway}},
		"never answers to the data":              {fault: map[string]string{"end": silence}},
		"answers to the data without end":        {fault: map[string]string{"end": endless}},
		"greylists":                              {fault: map[string]string{"RCPT": "451 4.7.1 greylisted, come back in five minutes\r\n"}},
		"mailbox busy":                           {fault: map[string]string{"RCPT": "450 4.2.1 busy\r\n"}},
		"too many recipients, as of old":         {fault: map[string]string{"RCPT": "552 too many recipients\r\n"}},
		"no room":                                {fault: map[string]string{"end": "452 4.3.1 no room\r\n"}},
		"huge reply to EHLO":                     {fault: map[string]string{"EHLO": huge("250")}},
		"huge reply to RCPT":                     {fault: map[string]string{"RCPT": huge("250")}},
		"huge refusal":                           {fault: map[string]string{"MAIL": huge("451")}},
		"NUL and 8-bit octets in its replies":    {fault: map[string]string{"banner": "220 mx\x00\xff\xfe\r\n", "MAIL": "250 \x00\x80ok\r\n", "end": "250 \xffok\x00\x1b[31m\r\n"}, noTries: true},
		"answers twice to MAIL":                  {fault: map[string]string{"MAIL": "250 ok\r\n250 ok\r\n"}},
		"answers twice to RCPT":                  {fault: map[string]string{"RCPT": "250 ok\r\n250 ok\r\n"}},
		"takes the mail before it was sent":      {fault: map[string]string{"DATA": "354 go\r\n250 taken\r\n"}},
		"answers all at once":                    {fault: map[string]string{"MAIL": "250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"}},
		"does not say 354":                       {fault: map[string]string{"DATA": "250 ok\r\n"}},
		"says what is no reply":                  {fault: map[string]string{"MAIL": "what?\r\n"}},
		"says a code that is none":               {fault: map[string]string{"MAIL": "999 what?\r\n"}},
		"does not know the DSN that it offered":  {refuse: "RET=", noTries: true},
		"does not know the NOTIFY it offered":    {refuse: "NOTIFY=", noTries: true},
		"does not know the SIZE that it offered": {refuse: "SIZE=", noTries: true},
		"greets octet by octet, without end":     {fault: map[string]string{"banner": creep}},
		"answers octet by octet, without end":    {fault: map[string]string{"MAIL": creep}},
		"takes it octet by octet, without end":   {fault: map[string]string{"end": creep}, again: true},
		"one line without end":                   {fault: map[string]string{"RCPT": flood}},
		"one line without end, after the data":   {fault: map[string]string{"end": flood}},
		"two codes in one reply":                 {fault: map[string]string{"RCPT": "250-ok\r\n451 no\r\n"}},
		"greylists and is gone at RSET":          {fault: map[string]string{"RCPT": "451 4.7.1 greylisted\r\n", "RSET": drop}},
		"greylists and says 421 to RSET":         {fault: map[string]string{"RCPT": "451 4.7.1 greylisted\r\n", "RSET": "421 4.3.2 shutting down\r\n"}},
		"greylists and never answers RSET":       {fault: map[string]string{"RCPT": "451 4.7.1 greylisted\r\n", "RSET": silence}},
		"never lets go":                          {fault: map[string]string{"QUIT": silence}, noTries: true},
		"lets go without end":                    {fault: map[string]string{"QUIT": endless}, noTries: true},
		"greylists every other recipient":        {fault: map[string]string{"RCPT": few + "451 4.7.1 greylisted\r\n"}, some: 6},
		"has no room for every other mail":       {fault: map[string]string{"end": few + "452 4.3.1 no room\r\n"}, some: 6},
		"loses every other mail":                 {fault: map[string]string{"end": few + "451 4.3.0 try again\r\n"}, some: 6},
	}
	for _, step := range []string{"banner", "EHLO", "MAIL", "RCPT", "DATA", "end"} {
		peers["421 at "+step] = peer{fault: map[string]string{step: "421 4.3.2 shutting down\r\n"}}
		peers["drops at "+step] = peer{fault: map[string]string{step: drop}}
	}
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hostile{fault: p.fault, refuse: p.refuse, times: 3}
			if p.some > 0 {
				h.times = 1000
			}
			h.start(t)
			b := newBox()
			ids := b.add(12, bridge.DeliverMessage, 5)
			patience := p.patience
			if patience == 0 {
				patience = impatient
			}
			run(t, b, patientRelay(t, h.addr, submit.TLSNone, nil, patience), func(c *mailout.Config) { c.Concurrency = 3 })
			settle(t, b, ids)
			h.mu.Lock()
			defer h.mu.Unlock()
			twice, tried := 0, 0
			for _, id := range ids {
				tried += b.get(id).Attempts - 1
				n := h.kept["<"+id.String()+"@clinic.example>"]
				if n == 0 {
					t.Errorf("a mail that counts as relayed was never taken: %+v", b.get(id))
				}
				twice += n - 1
				if d := b.get(id); p.noTries && d.Attempts != 1 {
					t.Errorf("it took %d attempts, want 1: %q", d.Attempts, d.Diagnostic)
				} else if strings.ContainsFunc(d.Diagnostic, unicode.IsControl) || !utf8.ValidString(d.Diagnostic) || len(d.Diagnostic) > 1000 {
					t.Errorf("the record holds %q", d.Diagnostic)
				}
			}
			if p.some > 0 && tried != p.some {
				t.Errorf("%d attempts were in vain, want %d", tried, p.some)
			}
			if len(h.kept) != len(ids) || h.other > 0 {
				t.Errorf("%d Message-IDs, want %d; %d mails are not as the first of theirs", len(h.kept), len(ids), h.other)
			}
			if twice > 0 && !p.again {
				t.Errorf("%d mails were taken twice", twice)
			}
		})
	}
}

// impatientRelay is a client that waits for nothing long.
func impatientRelay(tb testing.TB, addr string, security submit.Security, config *tls.Config) *submit.Relay {
	tb.Helper()
	return patientRelay(tb, addr, security, config, impatient)
}

const impatient = 400 * time.Millisecond

func patientRelay(tb testing.TB, addr string, security submit.Security, config *tls.Config, patience time.Duration) *submit.Relay {
	tb.Helper()
	r, err := submit.NewRelay(submit.RelayConfig{
		Address: addr, Security: security, TLS: config, LocalName: "gateway.example", Connections: 3, MaxMails: 5,
		ConnectTimeout: 2 * time.Second, CommandTimeout: patience, BlockTimeout: patience, FinalTimeout: patience,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// settle turns the clock until every delivery was relayed.
func settle(t *testing.T, b *box, ids []bridge.ID) {
	t.Helper()
	for late := time.Now().Add(40 * time.Second); b.count(bridge.Relayed) < len(ids); time.Sleep(20 * time.Millisecond) {
		if b.count(bridge.Failed) > 0 || time.Now().After(late) {
			states := ""
			for _, id := range ids {
				d := b.get(id)
				states += fmt.Sprintf("\n%s %d %q", d.State, d.Attempts, d.Diagnostic)
			}
			t.Fatalf("not all are relayed:%s", states)
		}
		b.forward(20 * time.Second)
	}
}

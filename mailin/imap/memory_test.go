package imap

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// memory is go-imap's server with a mailbox in memory, behind a wire of our own that can be cut.
type memory struct {
	user *imapmemserver.User
	wire *wire
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	return newMemoryWith(t, func(s imapserver.SessionIMAP4rev2) imapserver.Session { return s })
}

// newMemoryWith is newMemory with sessions that do something else.
func newMemoryWith(t testing.TB, session func(imapserver.SessionIMAP4rev2) imapserver.Session) *memory {
	t.Helper()
	m := &memory{user: imapmemserver.NewUser("ann", "secret")}
	if err := m.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mem := imapmemserver.New()
	mem.AddUser(m.user)
	s := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return session(mem.NewSession().(imapserver.SessionIMAP4rev2)), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}},
		InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	m.wire = newWire(t, l.Addr().String())
	return m
}

func (m *memory) account() Account {
	return Account{Name: "ann", Addr: m.wire.addr, Security: Plain, Username: "ann", Password: "secret"}
}

func (m *memory) deliver(t testing.TB, raw string) {
	t.Helper()
	if _, err := m.user.Append("INBOX", literal{strings.NewReader(raw)}, &imap.AppendOptions{}); err != nil {
		t.Fatal(err)
	}
}

// remove deletes a message, as somebody does who reads the mailbox too.
func (m *memory) remove(t testing.TB, uid imap.UID) {
	a := m.account()
	a.Addr = m.wire.to
	c := signIn(t, a)
	defer c.Close()
	_, err := c.Select("INBOX", nil).Wait()
	if err == nil {
		err = c.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close()
	}
	if err == nil {
		err = c.Expunge().Close()
	}
	if err != nil {
		t.Errorf("remove: %v", err)
	}
}

func (m *memory) down(*testing.T) { m.wire.set(func(w *wire) { w.down = true }) }
func (m *memory) up(*testing.T)   { m.wire.set(func(w *wire) { w.down = false }) }

func (m *memory) renumber(t *testing.T) {
	t.Helper()
	if err := m.user.Delete("INBOX"); err != nil {
		t.Fatal(err)
	}
	if err := m.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	m.wire.set(func(*wire) {})
}

// nudge makes the server announce what it has to announce. In IDLE it would keep what came just before IDLE began.
func (m *memory) nudge(t *testing.T) {
	t.Helper()
	a := m.account()
	a.Addr = m.wire.to
	c := signIn(t, a)
	defer c.Close()
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}}, nil).Close(); err != nil {
		t.Fatal(err)
	}
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// wire carries connections to a server. It can be cut, and it can change what passes.
type wire struct {
	addr, to string

	mu     sync.Mutex
	down   bool
	noIdle bool   // hides the capability
	poison string // a text from the server that breaks the connection
	conns  map[net.Conn]bool
}

func newWire(t testing.TB, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String(), to: to, conns: make(map[net.Conn]bool)}
	t.Cleanup(func() {
		l.Close()
		w.set(func(w *wire) { w.down = true })
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(c)
		}
	}()
	return w
}

// set changes the wire, and cuts what it carries.
func (w *wire) set(change func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
	for c := range w.conns {
		c.Close()
	}
	clear(w.conns)
}

func (w *wire) carry(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer s.Close()
	w.mu.Lock()
	if w.down {
		w.mu.Unlock()
		return
	}
	w.conns[c], w.conns[s] = true, true
	noIdle, poison := w.noIdle, w.poison
	w.mu.Unlock()
	go func() {
		io.Copy(s, c)
		s.Close()
		c.Close()
	}()
	var before []byte // the end of what passed, since the text may come in pieces
	buf := make([]byte, 64<<10)
	for {
		n, err := s.Read(buf)
		if err != nil {
			return
		}
		b := buf[:n]
		if noIdle {
			b = bytes.ReplaceAll(b, []byte(" IDLE"), []byte(" XDLE"))
		}
		if before = append(before, b...); poison != "" && bytes.Contains(before, []byte(poison)) {
			return
		}
		before = before[max(0, len(before)-100):]
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func TestWithoutIdle(t *testing.T) {
	s, o := newMemory(t), newOffice()
	s.wire.set(func(w *wire) { w.noIdle = true })
	start(t, o, nil, s.account())
	s.deliver(t, letter("one"))
	o.awaitMails(t, "one")
	s.deliver(t, letter("two"))
	o.awaitMails(t, "one two")
	o.awaitProgress(t, 2)
}

func TestTooLarge(t *testing.T) {
	s, o := newMemory(t), newOffice()
	a := s.account()
	a.After = Seen
	s.deliver(t, letter("one"))
	s.deliver(t, letter("large")+strings.Repeat(strings.Repeat("a", 70)+"\r\n", 3000))
	s.deliver(t, letter("two"))
	start(t, o, func(c *Config) { c.MaxSize = 100 << 10 }, a)
	o.awaitMails(t, "one large two")
	o.awaitProgress(t, 3)
	if m := o.mails["large"]; !strings.Contains(m.OverBound, "more than the limit of 102400") || len(m.Raw) > beginning {
		t.Errorf("got OverBound %q and %d octets", m.OverBound, len(m.Raw))
	}
	if m := o.mails["two"]; m.OverBound != "" {
		t.Errorf("got OverBound %q for a small one", m.OverBound)
	}
	if all, seen := look(t, s.account(), "INBOX"); all != 3 || seen != 2 {
		t.Errorf("got %d messages, %d of them seen, want 3 and 2", all, seen)
	}
}

// sizeless is a session that does not tell the size of the second message.
type sizeless struct {
	imapserver.SessionIMAP4rev2
	how string
}

// Fetch implements imapserver.Session.
func (s sizeless) Fetch(w *imapserver.FetchWriter, set imap.NumSet, options *imap.FetchOptions) error {
	uids, ok := set.(imap.UIDSet)
	if !options.RFC822Size || !ok || !uids.Contains(2) {
		return s.SessionIMAP4rev2.Fetch(w, set, options)
	}
	if s.how == "no" {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "it is broken"}
	}
	rest := imap.UIDSet{}
	for _, r := range uids {
		for uid := r.Start; uid <= r.Stop; uid++ {
			if uid != 2 {
				rest.AddNum(uid)
			}
		}
	}
	if s.how != "silence" {
		m := w.CreateMessage(2)
		m.WriteUID(2)
		if s.how == "zero" {
			m.WriteRFC822Size(0)
		}
		if err := m.Close(); err != nil {
			return err
		}
	}
	return s.SessionIMAP4rev2.Fetch(w, rest, options)
}

// A mail whose size the server does not tell is fetched all the same, and recorded by its beginning where it is too large.
func TestSizeThatIsNotTold(t *testing.T) {
	for _, how := range []string{"no", "nothing", "zero", "silence"} {
		t.Run(how, func(t *testing.T) {
			open := func() (*memory, *office) {
				return newMemoryWith(t, func(s imapserver.SessionIMAP4rev2) imapserver.Session { return sizeless{s, how} }), newOffice()
			}
			s, o := open()
			s.deliver(t, letter("one"))
			large := letter("large") + strings.Repeat(strings.Repeat("a", 70)+"\r\n", 30_000)
			s.deliver(t, large)
			s.deliver(t, letter("two"))
			start(t, o, nil, s.account())
			o.awaitMails(t, "one large two")
			o.awaitProgress(t, 3)
			if m := o.mails["large"]; m.OverBound != "" || string(m.Raw) != large {
				t.Errorf("got OverBound %q and %d octets of %d", m.OverBound, len(m.Raw), len(large))
			}

			s, o = open()
			a := s.account()
			a.After = Seen
			s.deliver(t, letter("one"))
			s.deliver(t, large)
			s.deliver(t, letter("two"))
			start(t, o, func(c *Config) { c.MaxSize = int64(len(large)) - 1 }, a)
			o.awaitMails(t, "one large two")
			o.awaitProgress(t, 3)
			want := fmt.Sprintf("the mail has more octets than the limit of %d; it stays in mailbox INBOX of ann", len(large)-1)
			if m := o.mails["large"]; m.OverBound != want || len(m.Raw) != beginning {
				t.Errorf("got OverBound %q and %d octets, want %q", m.OverBound, len(m.Raw), want)
			}
			if all, seen := look(t, s.account(), "INBOX"); all != 3 || seen != 2 {
				t.Errorf("got %d messages, %d of them seen, want 3 and 2", all, seen)
			}
		})
	}
}

// vanishing is a session in which something happens before the answer to the first SEARCH.
type vanishing struct {
	imapserver.SessionIMAP4rev2
	happened *atomic.Bool
	happens  func()
}

// Search implements imapserver.Session.
func (s vanishing) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria, options *imap.SearchOptions) (*imap.SearchData, error) {
	data, err := s.SessionIMAP4rev2.Search(kind, criteria, options)
	if !s.happened.Swap(true) {
		s.happens()
	}
	return data, err
}

// A mail that somebody deletes after it was found is not waited for.
func TestGoneBeforeItIsMeasured(t *testing.T) {
	var s *memory
	happened := &atomic.Bool{}
	s = newMemoryWith(t, func(inner imapserver.SessionIMAP4rev2) imapserver.Session {
		return vanishing{inner, happened, func() { s.remove(t, 2) }}
	})
	o := newOffice()
	for _, subject := range strings.Fields("one two three") {
		s.deliver(t, letter(subject))
	}
	start(t, o, nil, s.account())
	o.awaitMails(t, "one three")
	o.awaitProgress(t, 3)
	if state, err := o.Mailbox(t.Context(), "ann", "INBOX"); err != nil || len(state.Missing) != 0 {
		t.Errorf("got %+v, %v, want that nothing is missing", state, err)
	}
}

func TestManyInBatches(t *testing.T) {
	s, o := newMemory(t), newOffice()
	var want []string
	for i := range 250 {
		subject := "m" + strings.Repeat("x", i%7) + string(rune('a'+i%26))
		want = append(want, subject)
		s.deliver(t, "Message-ID: <"+strings.Repeat("y", i)+"@z.example>\r\n"+letter(subject))
	}
	start(t, o, func(c *Config) { c.Batch, c.BatchBytes = 40, 3000 }, s.account())
	o.awaitMails(t, strings.Join(want, " "))
	o.awaitProgress(t, 250)
}

// A mail that the parser can't read is put aside, and given up after others went through; a record says so.
func TestBadMessage(t *testing.T) {
	s, o := newMemory(t), newOffice()
	s.deliver(t, letter("one"))
	s.deliver(t, letter("panic"))
	s.deliver(t, letter("two"))
	start(t, o, func(c *Config) { c.Tries = 2 }, s.account())
	o.awaitMails(t, "one two")
	o.awaitProgress(t, 1)
	s.deliver(t, letter("three"))
	o.awaitMails(t, "one two three")
	want := "one two three Message 2 of mailbox INBOX of ann could not be read. It stays there."
	s.deliver(t, letter("four"))
	o.await(t, "given up", func() bool {
		return strings.Contains(o.got(), "could not be read") && strings.Contains(o.got(), "four")
	})
	if got := strings.Replace(o.got(), " four", "", 1); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	o.awaitProgress(t, 5)
}

// A mail that breaks the connection each time it is fetched holds up nobody.
func TestBreakingMessage(t *testing.T) {
	s, o := newMemory(t), newOffice()
	s.wire.set(func(w *wire) { w.poison = "Subject: poison" })
	s.deliver(t, letter("one"))
	s.deliver(t, letter("poison"))
	s.deliver(t, letter("two"))
	start(t, o, func(c *Config) { c.Tries = 1000 }, s.account())
	o.awaitMails(t, "one two")
	s.deliver(t, letter("three"))
	o.awaitMails(t, "one two three")
	o.awaitProgress(t, 1)
	// The fault passes, and so does the mail.
	s.wire.set(func(w *wire) { w.poison = "" })
	o.awaitMails(t, "one two three poison")
	o.awaitProgress(t, 4)
}

// One that breaks it already when its size is asked for, likewise.
func TestBreakingSize(t *testing.T) {
	s, o := newMemory(t), newOffice()
	s.wire.set(func(w *wire) { w.poison = "RFC822.SIZE 777" })
	s.deliver(t, letter("one"))
	bad := letter("poison")
	s.deliver(t, bad+strings.Repeat("a", 777-len(bad)))
	s.deliver(t, letter("two"))
	start(t, o, func(c *Config) { c.Tries = 3 }, s.account())
	o.awaitMails(t, "one two")
	n := 0
	o.await(t, "given up", func() bool {
		n++
		s.deliver(t, letter(strconv.Itoa(n))) // as long as others go through
		return strings.Contains(o.got(), "Message 2 of mailbox INBOX of ann could not be read")
	})
}

// One mail of many can't be recorded: the others are all the same, in their order, and still many at once.
func TestOneBadAmongMany(t *testing.T) {
	s, o := newMemory(t), newOffice()
	o.fail = func(subject string) error {
		if subject == "bad" {
			return errors.New("receive: no")
		}
		return nil
	}
	var want []string
	for i := range 250 {
		subject := strconv.Itoa(i)
		if i == 100 {
			subject = "bad"
		} else {
			want = append(want, subject)
		}
		s.deliver(t, letter(subject))
	}
	start(t, o, nil, s.account())
	o.awaitMails(t, strings.Join(want, " "))
	o.awaitProgress(t, 100)
	if o.transactions > 20 {
		t.Errorf("it took %d transactions", o.transactions)
	}
	state, err := o.Mailbox(t.Context(), "ann", "INBOX")
	if err != nil || state.LastUID != 250 || len(state.Missing) != 1 {
		t.Errorf("got %+v, %v, want one mail missing", state, err)
	}
}

// When nothing can be recorded, no mail is to blame: each comes in the end, however long it takes.
func TestNothingWorks(t *testing.T) {
	s, o := newMemory(t), newOffice()
	tries := 0
	o.fail = func(string) error {
		if tries++; tries < 60 {
			return errDown
		}
		return nil
	}
	for _, subject := range strings.Fields("a b c d e f g h") {
		s.deliver(t, letter(subject))
	}
	start(t, o, func(c *Config) { c.Tries, c.RetryMin, c.RetryMax = 1, 1, 1 }, s.account())
	o.await(t, "eight mails", func() bool { return len(strings.Fields(o.got())) == 8 })
	o.awaitProgress(t, 8)
}

// The same while several groups are under way: each comes, and none twice.
func TestNothingWorksAmongGroups(t *testing.T) {
	s, o := newMemory(t), newOffice()
	recorded, tries := 0, 0
	o.fail = func(string) error {
		if recorded++; recorded > 23 {
			if tries++; tries < 40 {
				return errDown
			}
		}
		return nil
	}
	for i := range 80 {
		s.deliver(t, letter(strconv.Itoa(i)))
	}
	start(t, o, func(c *Config) { c.Batch, c.Together, c.RetryMin, c.RetryMax = 7, 3, 1, 1 }, s.account())
	o.await(t, "80 mails", func() bool { return len(strings.Fields(o.got())) == 80 })
	o.awaitProgress(t, 80)
	if o.again != 0 {
		t.Errorf("%d mails were taken twice", o.again)
	}
}

// What waits to be recorded is bounded by its octets and by the number of groups; one group may always be recorded while the next is fetched.
func TestUnderWay(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	tests := []struct {
		name   string
		octets []int64
		first  chan struct{}
		want   bool
	}{
		{"none", nil, nil, false},
		{"one that is too large", []int64{500}, nil, false},
		{"two that fit", []int64{50, 50}, nil, false},
		{"two that do not", []int64{50, 51}, nil, true},
		{"too many", make([]int64, ahead), nil, true},
		{"one that ended", []int64{1}, ended, true},
	}
	for _, tt := range tests {
		w := &recorder{}
		for i, n := range tt.octets {
			rec := &recording{octets: n}
			if i == 0 {
				rec.ended = tt.first
			}
			w.underWay = append(w.underWay, rec)
		}
		if got := w.due(100); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What fails for a moment comes in its place.
func TestOrderIsKept(t *testing.T) {
	s, o := newMemory(t), newOffice()
	failed := false
	o.fail = func(subject string) error {
		if subject == "two" && !failed {
			failed = true
			return errDown
		}
		return nil
	}
	for _, subject := range strings.Fields("one two three") {
		s.deliver(t, letter(subject))
	}
	start(t, o, nil, s.account())
	o.awaitMails(t, "one two three")
}

func TestPlainOnlyOnThisMachine(t *testing.T) {
	r := newReader(&Poller{Config{TLS: &tls.Config{}, Log: slog.New(slog.DiscardHandler)}}, Account{Name: "ann", Addr: "192.0.2.1:143", Security: Plain})
	c := &connection{conn: farConn{}, timeout: wait}
	if err := r.greet(t.Context(), c, "192.0.2.1", login{}); err == nil || !strings.Contains(err.Error(), "without encryption") {
		t.Errorf("got %v, want a refusal", err)
	}
}

// farConn is a connection to another machine that must not be used.
type farConn struct{ net.Conn }

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 143} }

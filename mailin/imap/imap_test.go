package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

const wait = 20 * time.Second

// office is a Gateway and a place for progress that remember what they were given.
type office struct {
	mu       sync.Mutex
	subjects []string // of mails recorded, in order
	seen     map[[32]byte]bool
	again    int // mails that were known already
	mails    map[string]*bridge.Mail
	envelope map[string]bridge.Envelope
	progress map[string]bridge.MailboxState
	fail     func(subject string) error // before a mail is recorded
	changed  chan struct{}

	transactions int
}

func newOffice() *office {
	return &office{
		seen: make(map[[32]byte]bool), mails: make(map[string]*bridge.Mail), envelope: make(map[string]bridge.Envelope),
		progress: make(map[string]bridge.MailboxState), changed: make(chan struct{}, 1),
	}
}

func (o *office) Author(context.Context, bridge.Envelope, *bridge.Mail) (bridge.Claim, error) {
	return bridge.Claim{}, nil
}

func (o *office) Domain() string { return "desk.example" }

func (o *office) ReceiveAll(_ context.Context, mails []bridge.Arrival) ([]bridge.Received, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.tell()
	for _, a := range mails { // all or none
		if o.fail != nil {
			if err := o.fail(a.Mail.Subject); err != nil {
				return nil, err
			}
		}
	}
	received := make([]bridge.Received, len(mails))
	for i, a := range mails {
		received[i] = o.receive(a.Envelope, a.Mail)
	}
	o.transactions++
	return received, nil
}

func (o *office) receive(e bridge.Envelope, m *bridge.Mail) bridge.Received {
	r := bridge.Received{ID: bridge.NewID(), Disposition: bridge.Appended}
	if o.seen[m.Digest] {
		o.again++
		r.Disposition = bridge.Duplicate
		return r
	}
	o.seen[m.Digest] = true
	name := m.Subject
	if e.ForwardPath == "postmaster@desk.example" {
		name = m.OverBound
	}
	o.subjects = append(o.subjects, name)
	o.mails[name], o.envelope[name] = m, e
	return r
}

func (o *office) Mailbox(_ context.Context, account, mailbox string) (bridge.MailboxState, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.progress[account+"/"+mailbox]
	if !ok {
		return s, fmt.Errorf("mailbox: %w", bridge.ErrNotFound)
	}
	return s, nil
}

func (o *office) SetMailbox(_ context.Context, s bridge.MailboxState) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.tell()
	o.progress[s.Account+"/"+s.Mailbox] = s
	return nil
}

func (o *office) tell() {
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// got returns the subjects so far.
func (o *office) got() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.subjects, " ")
}

// await waits until something holds. It is looked at whenever the office changed, and now and then.
func (o *office) await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	over := time.After(wait)
	for !holds() {
		select {
		case <-o.changed:
		case <-time.After(20 * time.Millisecond): // what the server holds is not announced
		case <-over:
			t.Fatalf("%s: it did not come to that; got %q", what, o.got())
		}
	}
}

// awaitMails waits for exactly these subjects.
func (o *office) awaitMails(t *testing.T, want string) {
	t.Helper()
	o.await(t, "mails "+want, func() bool { return o.got() == want })
}

func (o *office) awaitProgress(t *testing.T, last uint32) {
	t.Helper()
	o.await(t, fmt.Sprintf("progress %d", last), func() bool {
		s, err := o.Mailbox(t.Context(), "ann", "INBOX")
		return err == nil && dealt(s) == last
	})
}

// dealt returns the last UID up to which everything was dealt with.
func dealt(s bridge.MailboxState) uint32 {
	if len(s.Missing) > 0 {
		return s.Missing[0].First - 1
	}
	return s.LastUID
}

func parse(raw []byte) *bridge.Mail {
	if bytes.Contains(raw, []byte("Subject: panic\r\n")) {
		panic("a bug in the parser")
	}
	m := &bridge.Mail{Kind: bridge.KindMessage, Raw: raw, Digest: sha256.Sum256(raw)}
	for l := range strings.SplitSeq(string(raw), "\r\n") {
		if s, ok := strings.CutPrefix(l, "Subject: "); ok {
			m.Subject = s
			break
		}
	}
	return m
}

func letter(subject string) string {
	return "Return-Path: <bob@example.org>\r\nFrom: bob@example.org\r\nSubject: " + subject + "\r\n\r\nHello\r\n"
}

// server is an IMAP server with the account ann.
type server interface {
	account() Account
	deliver(t testing.TB, raw string) // also while it is down
	down(t *testing.T)
	up(t *testing.T)
	renumber(t *testing.T) // gives INBOX another UIDVALIDITY
}

// start reads an account until the test ends or stop is called.
func start(t testing.TB, o *office, change func(*Config), accounts ...Account) (stop func()) {
	t.Helper()
	p := newPoller(t, o, change, accounts...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(wait):
			t.Error("the poller does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

func newPoller(t testing.TB, o *office, change func(*Config), accounts ...Account) *Poller {
	t.Helper()
	c := Config{
		Gateway: o, Progress: o, Parse: parse, Judge: sender.AddressPolicy{}, Accounts: accounts,
		TLS:  &tls.Config{InsecureSkipVerify: true},
		Poll: 50 * time.Millisecond, RetryMin: 10 * time.Millisecond, RetryMax: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
	if testing.Verbose() {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// look returns how many messages a mailbox has, and how many of them are seen. A mailbox that is not there has none.
func look(t *testing.T, a Account, mailbox string) (all, seen int) {
	t.Helper()
	c := signIn(t, a)
	defer c.Close()
	data, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return 0, 0
	}
	if data.NumMessages == 0 {
		return 0, 0
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}, nil).Wait()
	if err != nil {
		t.Fatalf("search: %v", err)
	}
	return int(data.NumMessages), len(found.AllUIDs())
}

func signIn(t testing.TB, a Account) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(a.Addr, nil)
	if a.Security == TLS {
		c, err = imapclient.DialTLS(a.Addr, &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	}
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	if err := c.Login(a.Username, a.Password).Wait(); err != nil {
		t.Fatalf("sign in: %v", err)
	}
	return c
}

func TestSettings(t *testing.T) {
	good := Account{Name: "ann", Addr: "mail.example:993", Username: "ann"}
	tests := []struct {
		name   string
		change func(*Account)
		want   string
	}{
		{"fine", func(*Account) {}, ""},
		{"no name", func(a *Account) { a.Name = "" }, "no name"},
		{"no port", func(a *Account) { a.Addr = "mail.example" }, "host:port"},
		{"no user", func(a *Account) { a.Username = "" }, "user name"},
		{"odd security", func(a *Account) { a.Security = "ssl" }, "none of tls"},
		{"odd after", func(a *Account) { a.After = "burn" }, "none of keep"},
		{"move nowhere", func(a *Account) { a.After = Move }, "another folder"},
		{"move to itself", func(a *Account) { a.After, a.Folder = Move, "INBOX" }, "another folder"},
	}
	o := newOffice()
	for _, tt := range tests {
		a := good
		tt.change(&a)
		_, err := New(Config{Gateway: o, Progress: o, Parse: parse, Judge: sender.AddressPolicy{}, Accounts: []Account{a}})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := New(Config{Gateway: o, Progress: o, Parse: parse, Judge: sender.AddressPolicy{}, Accounts: []Account{good, good}}); err == nil {
		t.Error("two accounts of one name")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("an empty config")
	}
}

func TestReturnPath(t *testing.T) {
	for raw, want := range map[string]string{
		"Return-Path: <a@b.example>\r\nReturn-Path: <c@d.example>\r\n\r\n": "a@b.example",
		"Received: x\r\nreturn-path:<a@b.example> \r\n\r\n":                "a@b.example",
		"Return-Path: <>\r\n\r\n":                                          "",
		"Return-Path: a@b.example\r\n\r\n":                                 "",
		"Subject: a\r\n\r\nReturn-Path: <a@b.example>\r\n":                 "",
		"": "",
	} {
		if got := returnPath([]byte(raw)); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

func FuzzLineEnds(f *testing.F) {
	f.Add([]byte("a\nb\r\nc\r"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := withCRLF(bytes.Clone(raw))
		if bytes.Count(got, []byte{'\n'}) != bytes.Count(got, []byte("\r\n")) {
			t.Errorf("%q gave %q", raw, got)
		}
		if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))) {
			t.Errorf("%q became %q", raw, got)
		}
		if p := returnPath(raw); strings.ContainsAny(p, "\r\n") {
			t.Errorf("path %q", p)
		}
	})
}

var errDown = fmt.Errorf("receive: %w", bridge.ErrUnavailable)

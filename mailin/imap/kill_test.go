package imap

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

// ledger is an office on disk, so that it outlives the process.
type ledger struct{ dir string }

func (l ledger) Author(context.Context, bridge.Envelope, *bridge.Mail) (bridge.Claim, error) {
	return bridge.Claim{}, nil
}

func (l ledger) Domain() string { return "desk.example" }

func (l ledger) ReceiveAll(_ context.Context, mails []bridge.Arrival) (received []bridge.Received, err error) {
	for _, a := range mails {
		r, err := l.receive(a.Mail)
		if err != nil {
			return nil, err
		}
		received = append(received, r)
	}
	return received, nil
}

func (l ledger) receive(m *bridge.Mail) (bridge.Received, error) {
	digest := hex.EncodeToString(m.Digest[:])
	for _, line := range l.lines() {
		if line == digest {
			return bridge.Received{ID: bridge.NewID(), Disposition: bridge.Duplicate}, nil
		}
	}
	f, err := os.OpenFile(filepath.Join(l.dir, "mails"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return bridge.Received{}, err
	}
	defer f.Close()
	if _, err := f.WriteString(digest + "\n"); err != nil {
		return bridge.Received{}, err
	}
	return bridge.Received{ID: bridge.NewID(), Disposition: bridge.Appended}, f.Sync()
}

func (l ledger) lines() []string {
	b, _ := os.ReadFile(filepath.Join(l.dir, "mails"))
	return strings.Fields(string(b))
}

func (l ledger) Mailbox(context.Context, string, string) (s bridge.MailboxState, err error) {
	b, err := os.ReadFile(filepath.Join(l.dir, "progress"))
	if errors.Is(err, os.ErrNotExist) {
		return s, bridge.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

func (l ledger) SetMailbox(_ context.Context, s bridge.MailboxState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp := filepath.Join(l.dir, "progress.new")
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(l.dir, "progress"))
}

// The environment of the child process: the folder of its ledger, the server, and whether it kills itself before it flags.
const (
	childDir  = "LETTERLOCK_TEST_LEDGER"
	childAddr = "LETTERLOCK_TEST_IMAP"
	childKill = "LETTERLOCK_TEST_KILL"
)

// TestChild is no test: it is the process that the other tests here start and kill.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	c := Config{
		Gateway: ledger{dir}, Progress: ledger{dir}, Parse: parse, Judge: sender.AddressPolicy{}, Batch: 7, Poll: 20 * time.Millisecond,
		Accounts: []Account{{Name: "ann", Addr: os.Getenv(childAddr), Security: Plain, Username: "ann", Password: "secret", After: Seen}},
		Log:      slog.New(slog.DiscardHandler),
	}
	if os.Getenv(childKill) != "" {
		c.AfterReceive = func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Run(context.Background())
}

func startChild(t *testing.T, l ledger, a Account, kill string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childDir+"="+l.dir, childAddr+"="+a.Addr, childKill+"="+kill)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// The process is killed after mails were recorded and before they are flagged: the next one finds them known.
func TestKilledBeforeFlag(t *testing.T) {
	s, l := newMemory(t), ledger{t.TempDir()}
	for _, subject := range strings.Fields("a b c d e") {
		s.deliver(t, letter(subject))
	}
	cmd := startChild(t, l, s.account(), "yes")
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v", err)
	}
	if got := len(l.lines()); got != 5 {
		t.Fatalf("got %d mails, want 5", got)
	}
	if _, seen := look(t, s.account(), "INBOX"); seen != 0 {
		t.Fatal("they were flagged, so this tests nothing")
	}
	startChild(t, l, s.account(), "")
	newOffice().await(t, "five flagged", func() bool { _, seen := look(t, s.account(), "INBOX"); return seen == 5 })
	if got := len(l.lines()); got != 5 {
		t.Errorf("got %d mails, want 5", got)
	}
}

// The process is killed at any moment, again and again. In the end each mail is there once.
func TestKilledAtRandom(t *testing.T) {
	s, l := newMemory(t), ledger{t.TempDir()}
	n := 0
	for round := range 12 {
		for range 10 {
			n++
			s.deliver(t, "X-Number: "+strings.Repeat("i", n)+"\r\n"+letter("a"))
		}
		cmd := startChild(t, l, s.account(), "")
		time.Sleep(rand.N(time.Duration(10+5*round) * time.Millisecond)) // the moment is the point
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	startChild(t, l, s.account(), "")
	newOffice().await(t, "all flagged", func() bool { _, seen := look(t, s.account(), "INBOX"); return seen == n })
	lines := l.lines()
	once := make(map[string]bool)
	for _, line := range lines {
		once[line] = true
	}
	if len(lines) != n || len(once) != n {
		t.Errorf("got %d records of %d mails, want %d of each", len(lines), len(once), n)
	}
}

// BenchmarkRead reads a full mailbox from the server in memory, with a Gateway that only counts.
func BenchmarkRead(b *testing.B) {
	s := newMemory(b)
	body := letter("hello") + strings.Repeat(strings.Repeat("a", 74)+"\r\n", 26)
	for i := range b.N {
		s.deliver(b, "X-Number: "+strconv.Itoa(i)+"\r\n"+body)
	}
	o := newOffice()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	b.ResetTimer()
	stop := start(b, o, nil, s.account())
	o.await(b, "all of them", func() bool {
		s, err := o.Mailbox(b.Context(), "ann", "INBOX")
		return err == nil && int(s.LastUID) == b.N
	})
	b.StopTimer()
	stop()
}

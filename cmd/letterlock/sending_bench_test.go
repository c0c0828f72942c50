package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/compose"
	"letterlock/mailout/dkim"
	"letterlock/mailout/submit"
	"letterlock/store"
	"letterlock/store/seal"
)

// BenchmarkSendingAgainstPostfix empties three queues of the same notices into Postfix's smtp-sink, in turn: the outbox, by the worker, from
// the claim to the durable record that each has left; the queue of a Postfix; and a slice in memory, by a loop around go-smtp's client
// that does nothing else. The worker does so four times: without signatures, with each of the two, and with both, as mail leaves. Its time ends when the
// last record is on the disk. Postfix's begins when its first mail has arrived, so that its start costs it nothing, and it signs nothing. It needs root and the
// Debian package postfix:
//
//	go test -run '^$' -bench SendingAgainstPostfix -benchtime 1x -timeout 30m ./cmd/letterlock
//
// LETTERLOCK_BENCH_MAILS sets how many mails a round has (5000).
func BenchmarkSendingAgainstPostfix(b *testing.B) {
	if _, err := exec.LookPath("smtp-sink"); err != nil || os.Getuid() != 0 {
		b.Skip("it needs root and smtp-sink, from the Debian package postfix")
	}
	mails := 5000
	if n, err := strconv.Atoi(os.Getenv("LETTERLOCK_BENCH_MAILS")); err == nil {
		mails = n
	}
	sink := startSink(b)
	o := newBenchOutbox(b)
	p := startBenchPostfix(b)
	signers := o.signers(b)
	for range b.N {
		for _, connections := range []int{1, 10} {
			figures := map[string][]float64{}
			note := func(name string, f float64) { figures[name] = append(figures[name], f) }
			for range 3 {
				for _, signed := range signers {
					mails := o.fill(b, mails)
					if signed.signer != nil {
						note(signed.name, o.empty(b, sink, connections, mails, signed.signer))
						continue
					}
					letters := o.letters(b, mails)
					note(signed.name, o.empty(b, sink, connections, mails, nil))
					note("Postfix", p.empty(b, sink, connections, letters))
					note("ratio", figures[signed.name][len(figures[signed.name])-1]/figures["Postfix"][len(figures["Postfix"])-1])
					note("bare client", bareClient(b, sink, connections, letters))
				}
			}
			line := fmt.Sprintf("%2d connections, mails a second:", connections)
			for _, name := range []string{unsignedName, "RSA", "Ed25519", "both", "Postfix", "bare client"} {
				line += fmt.Sprintf("  %s %.0f %.0f", name, median(figures[name]), figures[name])
			}
			b.Log(line)
			b.ReportMetric(median(figures["ratio"]), fmt.Sprintf("x-postfix-%d", connections))
			b.ReportMetric(median(figures["both"])/median(figures["Postfix"]), fmt.Sprintf("signed-x-postfix-%d", connections))
		}
	}
	b.Logf("%.3f commits a mail", float64(o.commits)/float64(o.sent))
}

// BenchmarkSending is the worker's part alone, at ten connections, for a profile.
//
//	go test -run '^$' -bench Sending$ -benchtime 20000x -cpuprofile cpu ./cmd/letterlock
func BenchmarkSending(b *testing.B) {
	if _, err := exec.LookPath("smtp-sink"); err != nil {
		b.Skip("it needs smtp-sink, from the Debian package postfix")
	}
	sink := startSink(b)
	o := newBenchOutbox(b)
	mails := o.fill(b, b.N)
	b.ResetTimer()
	b.ReportMetric(o.empty(b, sink, 10, mails, nil), "mails/s")
}

// BenchmarkSendingSigned is the same with both signatures.
func BenchmarkSendingSigned(b *testing.B) {
	if _, err := exec.LookPath("smtp-sink"); err != nil {
		b.Skip("it needs smtp-sink, from the Debian package postfix")
	}
	sink := startSink(b)
	o := newBenchOutbox(b)
	signers := o.signers(b)
	mails := o.fill(b, b.N)
	b.ResetTimer()
	b.ReportMetric(o.empty(b, sink, 10, mails, signers[len(signers)-1].signer), "mails/s")
}

// benchSink is an smtp-sink that tells how many mails it took.
type benchSink struct {
	addr  string
	taken atomic.Int64
}

var sinkCount = regexp.MustCompile(`mesg=(\d+)`)

func startSink(b *testing.B) *benchSink {
	b.Helper()
	addr, err := freeAddr()
	if err != nil {
		b.Fatal(err)
	}
	args := []string{"-c", addr, "1000"}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "postfix"}, args...)
	}
	cmd := exec.Command("smtp-sink", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &benchSink{addr: addr}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := bufio.NewReaderSize(out, 1<<16)
		for {
			line, err := r.ReadString('\r')
			if m := sinkCount.FindStringSubmatch(line); m != nil {
				if n, err := strconv.ParseInt(m[1], 10, 64); err == nil {
					s.taken.Store(n)
				}
			}
			if err != nil {
				return
			}
		}
	}()
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	waitFor(b, addr)
	return s
}

// until waits until the sink has taken so many mails in all, and returns when that was.
func (s *benchSink) until(b *testing.B, n int64) time.Time {
	b.Helper()
	for bound := time.Now().Add(5 * time.Minute); time.Now().Before(bound); time.Sleep(time.Millisecond) {
		if s.taken.Load() >= n {
			return time.Now()
		}
	}
	b.Fatalf("the sink has %d mails, want %d", s.taken.Load(), n)
	return time.Time{}
}

// benchOutbox is a gateway on a store, with conversations to which notices are owed.
type benchOutbox struct {
	g       *bridge.Gateway
	db      *store.DB
	ahead   atomic.Int64 // the clock's lead
	sent    int
	commits uint64
}

const benchContacts = 50 // in each conversation

func newBenchOutbox(b testing.TB) *benchOutbox {
	b.Helper()
	ctx := b.Context()
	keys, err := seal.Generate()
	if err != nil {
		b.Fatal(err)
	}
	o := &benchOutbox{}
	if o.db, err = store.Open(ctx, store.Config{Path: filepath.Join(b.TempDir(), "letterlock.db"), Keys: keys}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = o.db.Close() })
	o.g, err = bridge.New(bridge.Config{
		Store: o.db, Keyring: keys, Domain: "example.com", BaseURL: "https://portal.example.com", Organization: "Harbour Clinic", Now: o.now,
	})
	if err != nil {
		b.Fatal(err)
	}
	return o
}

func (o *benchOutbox) now() time.Time { return time.Now().Add(time.Duration(o.ahead.Load())) }

// signedBy is a way to sign, with its name in the results.
type signedBy struct {
	name   string
	signer mailout.Signer
}

const unsignedName = "unsigned"

// heldKeys is some of the keys that there are.
type heldKeys bridge.SigningPair

func (k heldKeys) SigningKeys(context.Context) (bridge.SigningPair, error) {
	return bridge.SigningPair(k), nil
}

// signers returns the ways to sign: not at all, with one kind of key, and with both.
func (o *benchOutbox) signers(b *testing.B) []signedBy {
	b.Helper()
	if _, err := o.g.FirstSigningKeys(b.Context()); err != nil {
		b.Fatal(err)
	}
	pair, err := o.g.SigningKeys(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	list := []signedBy{{unsignedName, nil}}
	for _, one := range []struct {
		name string
		keys []bridge.SigningKey
	}{{"RSA", pair.Keys[:1]}, {"Ed25519", pair.Keys[1:]}, {"both", pair.Keys}} {
		held := pair
		held.Keys = one.keys
		signer, err := dkim.New(dkim.Config{Keys: heldKeys(held), Domain: "example.com"})
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, signedBy{one.name, signer})
	}
	return list
}

// fill makes at least so many notices wait, lets so much time pass that all of them are due, and returns how many there are.
func (o *benchOutbox) fill(b testing.TB, atLeast int) (mails int) {
	b.Helper()
	n := 0
	for ; n < atLeast; n += benchContacts {
		// A conversation for each fifty, since several messages in one would be told of by one notice.
		start := bridge.ThreadStart{Subject: "Your appointment", Text: "It is on Thursday, number " + strconv.Itoa(n) + "."}
		for i := range benchContacts {
			start.Contacts = append(start.Contacts, bridge.Recipient{Address: fmt.Sprintf("ann-%d@example.org", i)})
		}
		if _, _, err := o.g.StartThread(b.Context(), bridge.AsOperator(), start); err != nil {
			b.Fatal(err)
		}
	}
	o.ahead.Add(int64(time.Hour))
	return n
}

// letters returns as many mails as wait, as the worker would compose them.
func (o *benchOutbox) letters(b *testing.B, mails int) []compose.Mail {
	b.Helper()
	c, err := compose.New(compose.Config{Files: o.g})
	if err != nil {
		b.Fatal(err)
	}
	list, err := o.g.ClaimDeliveries(b.Context(), "bench", time.Minute, 1)
	if err != nil || len(list) == 0 {
		b.Fatal(list, err)
	}
	out, err := o.g.Prepare(b.Context(), "bench", list[0])
	if err != nil {
		b.Fatal(err)
	}
	if err := o.g.ReleaseLeases(b.Context(), "bench"); err != nil {
		b.Fatal(err)
	}
	all := make([]compose.Mail, mails)
	for i := range all {
		out.Recipient.Addr = fmt.Sprintf("ann-%d@example.org", i)
		if all[i], err = c.Compose(b.Context(), out); err != nil {
			b.Fatal(err)
		}
	}
	return all
}

// empty runs a worker until nothing waits, and returns how many mails left in a second.
func (o *benchOutbox) empty(b *testing.B, sink *benchSink, connections, mails int, signer mailout.Signer) float64 {
	b.Helper()
	relay, err := submit.NewRelay(submit.RelayConfig{Address: sink.addr, Security: submit.TLSNone, LocalName: "gateway.example.com", Connections: connections})
	if err != nil {
		b.Fatal(err)
	}
	defer relay.Close()
	left, all := atomic.Int64{}, make(chan struct{})
	w, err := mailout.New(mailout.Config{
		Gateway: o.g, Transport: relay, Signer: signer, Concurrency: connections, Now: o.now,
		AfterRecord: func(bridge.ID) {
			if left.Add(1) == int64(mails) {
				close(all)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	before, taken := o.db.Stats(), sink.taken.Load()
	start := time.Now()
	go func() { ended <- w.Run(ctx) }()
	select {
	case <-all:
	case <-time.After(5 * time.Minute):
		b.Fatalf("%d of %d mails are recorded", left.Load(), mails)
	}
	took := time.Since(start)
	after := o.db.Stats()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	sink.until(b, taken+int64(mails))
	if _, err := o.g.NextDelivery(b.Context()); !errors.Is(err, bridge.ErrNotFound) {
		b.Fatalf("something waits still: %v", err)
	}
	o.sent += mails
	o.commits += after.Commits - before.Commits
	return float64(mails) / took.Seconds()
}

// bareClient sends mails with nothing but go-smtp, and returns how many it sent in a second.
func bareClient(b *testing.B, sink *benchSink, connections int, mails []compose.Mail) float64 {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range connections {
		all.Go(func() {
			conn, err := net.Dial("tcp", sink.addr)
			if err != nil {
				b.Error(err)
				return
			}
			c := smtp.NewClient(conn)
			defer c.Close()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(mails) {
					return
				}
				if err := c.SendMail(mails[i].ReversePath, []string{mails[i].Recipient}, strings.NewReader(string(mails[i].Data))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(len(mails)) / time.Since(start).Seconds()
}

// empty puts mails into Postfix's queue, lets it deliver them to the sink, and returns how many arrived in a second.
func (p benchPostfix) empty(b *testing.B, sink *benchSink, connections int, mails []compose.Mail) float64 {
	b.Helper()
	config := filepath.Join(filepath.Dir(p.spool), "etc")
	do := func(args ...string) {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	// What is deferred is left alone until all of it is there: a queue that is tried again every other second never comes to rest.
	do("postconf", "-c", config, "-e", "defer_transports=smtp", "minimal_backoff_time=3000s", "maximal_backoff_time=4000s", "queue_run_delay=3000s")
	do("postfix", "-c", config, "reload")
	waitFor(b, p.addr)
	bareClient(b, &benchSink{addr: p.addr}, 10, mails)
	p.settle(b)

	taken := sink.taken.Load()
	do("postconf", "-c", config, "-e", "defer_transports=", "relayhost=["+strings.Replace(sink.addr, ":", "]:", 1),
		"smtp_destination_concurrency_limit="+strconv.Itoa(connections), "initial_destination_concurrency="+strconv.Itoa(connections),
		"smtp_destination_recipient_limit=1", "smtp_tls_security_level=none", "qmgr_message_active_limit=100000", "minimal_backoff_time=1s", "queue_run_delay=2s")
	do("postfix", "-c", config, "reload")
	do("postqueue", "-c", config, "-f")
	start := sink.until(b, taken+1)
	return float64(len(mails)-1) / sink.until(b, taken+int64(len(mails))).Sub(start).Seconds()
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"letterlock/mailin/imap/dovecottest"
)

// BenchmarkAgainstMbsync takes all mail out of the same mailbox on a real Dovecot, in turn with a gateway on empty conversations and with mbsync
// into an empty Maildir, with its FSync on. The gateway's are replies: parsed, read for what is new, sealed, put into their threads and
// committed with an fsync; mbsync writes each to a file with an fsync. Both are measured from the start of their process, the gateway to the line in its log
// that follows the last commit, mbsync to its end. It needs root and the Debian packages dovecot-imapd and isync:
//
//	go test -run '^$' -bench AgainstMbsync -benchtime 1x -timeout 30m ./cmd/letterlock
//
// LETTERLOCK_BENCH_MAILS sets how many mails the mailbox has (10000), LETTERLOCK_BENCH_ROUNDS how many rounds are made (3).
func BenchmarkAgainstMbsync(b *testing.B) {
	dovecottest.Need(b)
	if _, err := exec.LookPath("mbsync"); err != nil {
		b.Skip("there is no mbsync: install the Debian package isync")
	}
	mails, rounds := 10_000, 3
	if n, err := strconv.Atoi(os.Getenv("LETTERLOCK_BENCH_MAILS")); err == nil {
		mails = n
	}
	if n, err := strconv.Atoi(os.Getenv("LETTERLOCK_BENCH_ROUNDS")); err == nil {
		rounds = n
	}
	p := prepareImport(b, 50)
	d := dovecottest.Start(b)
	d.Fill(b, mails, p.reply)
	var ours, theirs, ratios []float64
	peak := 0
	for range b.N {
		for range rounds {
			other := float64(mails) / mbsync(b, d, mails).Seconds()
			data := p.copyOfData(b)
			start := time.Now()
			g := p.serve(b, data, d)
			g.awaitRead(b)
			one := float64(mails) / time.Since(start).Seconds()
			if got, want := g.messages(b), mails+len(p.replies); got != want {
				b.Fatalf("the conversations have %d messages, want %d", got, want)
			}
			peak = max(peak, g.peak(b))
			g.stop(b)
			b.Logf("gateway %6.0f/s   mbsync %6.0f/s   ratio %.2f", one, other, one/other)
			ours, theirs, ratios = append(ours, one), append(theirs, other), append(ratios, one/other)
		}
	}
	b.Logf("median: gateway %.0f/s, mbsync %.0f/s, ratio %.2f; the gateway's memory at its peak: %d MiB", median(ours), median(theirs), median(ratios), peak>>20)
	b.ReportMetric(median(ratios), "x-mbsync")
	b.ReportMetric(median(ours), "mails/s")
}

// mbsync pulls the whole mailbox into a new Maildir, and returns how long that took.
func mbsync(b *testing.B, d *dovecottest.Server, mails int) time.Duration {
	b.Helper()
	dir := b.TempDir()
	conf := fmt.Sprintf(`FSync yes
IMAPStore far
Host 127.0.0.1
Port %s
User ann
Pass secret
SSLType None
AuthMechs LOGIN

MaildirStore near
Path %[2]s/near/
Inbox %[2]s/near/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX
Sync Pull
Create Near
SyncState *
`, d.Addr[strings.LastIndexByte(d.Addr, ':')+1:], dir)
	if err := os.WriteFile(filepath.Join(dir, "rc"), []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "near"), 0o700); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("mbsync", "-q", "-c", filepath.Join(dir, "rc"), "all")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil {
		b.Fatalf("mbsync: %v\n%s", err, out)
	}
	n := 0
	for _, sub := range []string{"new", "cur"} {
		files, err := os.ReadDir(filepath.Join(dir, "near/INBOX", sub))
		if err != nil {
			b.Fatal(err)
		}
		n += len(files)
	}
	if n != mails {
		b.Fatalf("mbsync got %d mails, want %d\n%s", n, mails, out)
	}
	return took
}

package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/mailin/clamd"
)

// eicar is the test file of the European Institute for Computer Antivirus Research, in two pieces, so that no scanner minds this one.
var eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR` + `-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// startClamd starts a real clamd that knows one signature, and returns its socket and what stops it.
func startClamd(t *testing.T, dir string) (address string, stop func()) {
	t.Helper()
	db := filepath.Join(dir, "db")
	if err := os.MkdirAll(db, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "clamd")
	for path, text := range map[string]string{
		// The file's own words, so that it is found wherever it stands; real databases have it too.
		filepath.Join(db, "test.ndb"):    "Eicar-Test:0:*:" + hex.EncodeToString([]byte(eicar)) + "\n",
		filepath.Join(dir, "clamd.conf"): "LocalSocket " + socket + "\nDatabaseDirectory " + db + "\nForeground yes\nMaxThreads 4\nStreamMaxLength 1M\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("clamd", "--config-file="+filepath.Join(dir, "clamd.conf"))
	var said lockedBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.Remove(socket)
	}
	t.Cleanup(stop)
	address = "unix:" + socket
	c, err := clamd.New(clamd.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(50 * time.Millisecond) {
		if err = c.Ping(t.Context()); err == nil {
			return address, stop
		}
	}
	t.Fatalf("clamd does not begin: %v\n%s", err, &said)
	return "", nil
}

// withFile is a mail with one file.
func withFile(text, name, content string) string {
	return "From: ann@example.org\r\nSubject: Re: Your appointment\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + text +
		"\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\n\r\n" +
		wrapped(base64.StdEncoding.EncodeToString([]byte(content))) + "--b--\r\n"
}

func wrapped(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := min(76, len(s))
		b.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	return b.String()
}

// With a real clamd: what it finds is refused with the file's name, what it can't be asked about waits, and all else comes in.
func TestClamd(t *testing.T) {
	t.Parallel()
	need(t, "install the Debian package clamav-daemon", "clamd")
	dir, err := os.MkdirTemp("", "clamd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address, stopClamd := startClamd(t, dir)
	p := newProcess(t, "LETTERLOCK_CLAMD_ADDRESS="+address)
	p.serve()
	ann := p.converse("ann@example.org")
	mail := func(text, name, content string) (code int, said string) {
		t.Helper()
		err := send(t, p.smtp, "127.0.0.1", "ann@example.org", []string{ann.reply}, withFile(text, name, content))
		var refused *smtp.SMTPError
		switch {
		case err == nil:
			return 250, ""
		case errors.As(err, &refused):
			return refused.Code, refused.Message
		}
		t.Fatal(err)
		return 0, ""
	}
	upload := func(name, content string) (status int, answer []byte) {
		return p.call(http.MethodPost, "/threads/"+ann.id+"/messages", fmt.Sprintf(`{"text":"With a file.","files":[{"filename":%q,"content":%q}]}`,
			name, base64.StdEncoding.EncodeToString([]byte(content))))
	}

	if code, said := mail("Clean.", "plan.txt", "all is well"); code != 250 {
		t.Errorf("a clean mail: got %d %s", code, said)
	}
	if code, said := mail("Harmful.", "holiday plan.txt", eicar); code != 554 || !strings.Contains(said, `The file "holiday plan.txt" holds something harmful (Eicar-Test`) {
		t.Errorf("a harmful file: got %d %s", code, said)
	}
	if code, said := mail("Large.", "large.bin", strings.Repeat("x", 2<<20)); code != 552 || !strings.Contains(said, `The file "large.bin" is larger than what can be searched`) {
		t.Errorf("a file over clamd's own limit: got %d %s", code, said)
	}
	if status, answer := upload("plan.txt", eicar); status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "something harmful") {
		t.Errorf("a harmful upload: got %d %s", status, answer)
	}
	if status, answer := upload("plan.txt", "fine"); status != http.StatusCreated {
		t.Errorf("a clean upload: got %d %s", status, answer)
	}

	if out, _ := p.command("doctor").Output(); !strings.Contains(string(out), "ok       clamd "+address) {
		t.Errorf("the doctor says:\n%s", out)
	}

	stopClamd()
	if out, err := p.command("doctor").Output(); err == nil || !strings.Contains(string(out), "FAULT    clamd "+address) {
		t.Errorf("the doctor says, without clamd: %v\n%s", err, out)
	}
	if code, said := mail("Early.", "plan.txt", "all is well, too"); code != 451 {
		t.Errorf("without clamd: got %d %s, want 451", code, said)
	}
	if status, answer := upload("plan.txt", "fine"); status != http.StatusServiceUnavailable {
		t.Errorf("an upload without clamd: got %d %s", status, answer)
	}
	startClamd(t, dir)
	if code, said := mail("Early.", "plan.txt", "all is well, too"); code != 250 {
		t.Errorf("with clamd again: got %d %s", code, said)
	}
	if got, want := strings.Join(p.texts(ann.id), " "), "Does it suit? Clean. With a file. Early."; got != want {
		t.Errorf("the thread has %q, want %q", got, want)
	}
	p.stop()
	for _, word := range []string{"holiday", "plan.txt", "ann@example.org", ann.reply} {
		if strings.Contains(p.logged(), word) {
			t.Errorf("the log has %q:\n%s", word, p.logged())
		}
	}
	if !strings.Contains(p.logged(), "harmful content refused") {
		t.Error("the log does not say that something was found")
	}
}

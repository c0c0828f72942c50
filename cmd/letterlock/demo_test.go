package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// runningDemo is a demo in this process, its story told.
type runningDemo struct {
	*demo
	out  *bytes.Buffer
	stop func() error // ends it and waits
}

func startDemo(t *testing.T, c demoCommand) *runningDemo {
	t.Helper()
	r := &runningDemo{out: &bytes.Buffer{}}
	env := &environment{stdout: r.out, stderr: io.Discard}
	ctx, cancel := context.WithCancel(t.Context())
	var err error
	if r.demo, err = c.open(ctx, env, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		err := r.run(ctx, func(ctx context.Context) error {
			err := r.settle(ctx)
			if err == nil {
				err = r.tell(r.out, c.Data)
			}
			begun <- err
			return err
		})
		ended <- errors.Join(err, r.remove())
	}()
	r.stop = func() error {
		cancel()
		select {
		case err := <-ended:
			ended <- err
			return err
		case <-time.After(30 * time.Second):
			return errors.New("the demo does not end")
		}
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	select {
	case err := <-begun:
		if err != nil {
			t.Fatalf("the demo does not begin: %v", err)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the demo does not begin")
	}
	return r
}

func (r *runningDemo) get(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + r.opened.mailbox + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// answerFrom presses one of the buttons under a mail and returns the page that follows.
func (r *runningDemo) answerFrom(t *testing.T, path, as, text string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+r.opened.mailbox+path, strings.NewReader(url.Values{"as": {as}, "text": {text}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("answer: %d, %v: %s", resp.StatusCode, err, b)
	}
	return string(b)
}

func (r *runningDemo) thread(t *testing.T, subject string) bridge.ThreadView {
	t.Helper()
	page, err := r.app.gateway.ListThreads(t.Context(), bridge.AsOperator(), bridge.ThreadList{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range page.Threads {
		if row.Subject == subject {
			v, err := r.app.gateway.ReadThread(t.Context(), bridge.AsOperator(), bridge.ThreadRead{Thread: row.ID})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("there is no thread %q", subject)
	return bridge.ThreadView{}
}

// The demos of the tests run at the same time: what takes long is that their notices wait.
func TestDemo(t *testing.T) {
	// What is temporary must end up, and be gone, where the test can see it.
	temporary, folder := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Cleanup(func() {
		if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
			t.Errorf("they leave %v behind (%v)", left, err)
		}
	})
	t.Run("tells its story", func(t *testing.T) {
		t.Parallel()
		demoTellsItsStory(t)
	})
	t.Run("keeps its folder", func(t *testing.T) {
		t.Parallel()
		demoKeepsItsFolder(t, folder)
	})
}

func demoTellsItsStory(t *testing.T) {
	// A port that somebody has already.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r := startDemo(t, demoCommand{PortalPort: taken.Addr().(*net.TCPAddr).Port})
	for _, want := range []string{"is in use, so the portal is on port", r.opened.http, r.opened.mailbox, mara.Address, mara.Password, ada.Address, "What to try"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("it does not print %q:\n%s", want, r.out)
		}
	}

	// The past that the story tells: an answer by email with its quote folded away, a stranger held, secure mode in the end.
	v := r.thread(t, "Your exercises for the shoulder")
	if got, want := len(v.Messages), 4; got != want {
		t.Fatalf("the exercises: got %d messages, want %d", got, want)
	}
	answer := v.Messages[1]
	if strings.Contains(answer.Text, "as promised") || !strings.Contains(answer.Quoted, "as promised") || !strings.Contains(answer.Text, "exercise 4") {
		t.Errorf("Jonas's answer: got text %q and quoted %q", answer.Text, answer.Quoted)
	}
	if held, err := r.app.gateway.CountWaiting(t.Context(), bridge.AsOperator()); err != nil || held != 1 {
		t.Errorf("got %d held mails (%v), want the stranger's", held, err)
	}
	if mode, err := r.app.gateway.Mode(t.Context(), bridge.AsOperator()); err != nil || mode.Organization != bridge.ModeSecure {
		t.Errorf("got mode %q (%v), want secure", mode.Organization, err)
	}

	// The mailbox shows it.
	if status, page := r.get(t, "/"); status != http.StatusOK || !strings.Contains(page, "Jonas Weber") || !strings.Contains(page, "notice") {
		t.Errorf("front page: got %d, %s", status, page)
	}
	mails := r.sink.list(jonas.Address)
	if newest := mails[0]; newest.Letter.form() != mailNotice {
		t.Errorf("newest mail to Jonas: got a %s, want a notice", newest.Letter.form())
	}
	first := mails[len(mails)-1]
	if first.Letter.form() != mailCopy || len(first.Letter.Files) != 1 || first.Letter.Files[0].Name != "Exercises, weeks 1 to 3.pdf" {
		t.Errorf("first mail to Jonas: got %+v, want a copy with the plan", first.Letter)
	}
	for _, path := range []string{"/mail/1", "/mail/1?as=text", "/mail/1?as=source", "/mail/1/page", "/mail/1/source", "/mail/1/file/0", "/?who=" + url.QueryEscape(ada.Address), "/mailbox.css", "/mailbox.js", "/mailbox.svg", "/state"} {
		if status, _ := r.get(t, path); status != http.StatusOK {
			t.Errorf("%s: got status %d", path, status)
		}
	}
	for _, path := range []string{"/mail/999", "/mail/x", "/mail/1/file/9", "/mail/1/file/-1", "/nothing"} {
		if status, _ := r.get(t, path); status != http.StatusNotFound {
			t.Errorf("%s: got status %d, want 404", path, status)
		}
	}

	// In secure mode an answer is refused at the door, with the reason.
	if page := r.answerFrom(t, "/mail/1", "recipient", "May I swim?"); !strings.Contains(page, "550 5.7.1") || !strings.Contains(page, "Refused.") {
		t.Errorf("an answer in secure mode: got %s", page)
	}
	// In convenience mode it lands in the conversation, and a stranger's is held.
	if err := r.app.gateway.SetMode(t.Context(), bridge.AsOperator(), bridge.ModeConvenience); err != nil {
		t.Fatal(err)
	}
	if page := r.answerFrom(t, "/mail/1", "recipient", "May I swim?"); !strings.Contains(page, "250 2.0.0") {
		t.Errorf("an answer: got %s", page)
	}
	if page := r.answerFrom(t, "/mail/1", "stranger", "Send me the files."); !strings.Contains(page, "held for staff") {
		t.Errorf("a stranger's answer: got %s", page)
	}
	v = r.thread(t, "Your exercises for the shoulder")
	if last := v.Messages[len(v.Messages)-1]; len(v.Messages) != 5 || last.Text != "May I swim?" || last.AuthorName != jonas.Name {
		t.Errorf("got %d messages, the last by %s: %q", len(v.Messages), last.AuthorName, last.Text)
	}

	mailboxKeepsToItself(t, r)
	if err := r.stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(r.app.config.Data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder is left behind (%v)", err)
	}
	for _, address := range []string{r.opened.http, r.opened.mailbox, r.opened.smtp} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("somebody still listens on %s", address)
		}
	}
}

// The mailbox has no sign-in, so it must not answer to another page's name for this machine, nor take its forms.
func mailboxKeepsToItself(t *testing.T, r *runningDemo) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+r.opened.mailbox+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another name: got status %d", resp.StatusCode)
	}
	req, err = http.NewRequest(http.MethodPost, "http://"+r.opened.mailbox+"/mail/1", strings.NewReader("text=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if resp, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("another page's form: got status %d", resp.StatusCode)
	}
}

// With a folder the demo goes on where it was.
func demoKeepsItsFolder(t *testing.T, folder string) {
	r := startDemo(t, demoCommand{Data: folder})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder + "/letterlock.key"); err != nil {
		t.Fatal(err)
	}
	r = startDemo(t, demoCommand{Data: folder})
	if !strings.Contains(r.out.String(), "It goes on with the data") {
		t.Errorf("got %s", r.out)
	}
	page, err := r.app.gateway.ListThreads(t.Context(), bridge.AsOperator(), bridge.ThreadList{})
	if err != nil || len(page.Threads) != 5 {
		t.Errorf("got %d threads (%v), want the five of the first time", len(page.Threads), err)
	}
}

// The sink keeps the newest mails, within its bounds.
func TestSinkIsBounded(t *testing.T) {
	s := newSink("relay.example", time.Now, slog.New(slog.DiscardHandler))
	for range maxSinkMails + 10 {
		s.add("", []string{"a@example.org"}, []byte("Subject: x\r\n\r\ny\r\n"))
	}
	all := s.list("")
	if len(all) != maxSinkMails || all[0].Number != maxSinkMails+10 {
		t.Errorf("got %d mails, the newest %d", len(all), all[0].Number)
	}
	big := append([]byte("Subject: x\r\n\r\n"), bytes.Repeat([]byte("y"), maxSinkOctets/2)...)
	for range 5 {
		s.add("", []string{"a@example.org"}, big)
	}
	if all := s.list(""); len(all) > 2 {
		t.Errorf("got %d big mails kept", len(all))
	}
}

func TestReadLetterOfNonsense(t *testing.T) {
	for _, raw := range []string{"", "\x00", "Content-Type: multipart/mixed\r\n\r\n", "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n--a\r\n", "From: <\r\n\r\n"} {
		readLetter([]byte(raw)) // it must return
	}
}

func TestListenSaysWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := listen("smtp.listen", taken.Addr().String()); err == nil || !strings.Contains(err.Error(), "another program listens") {
		t.Errorf("got %v", err)
	}
	if _, err := listen("smtp.listen", "192.0.2.1:25"); err == nil || !strings.Contains(err.Error(), "no address of this machine") {
		t.Errorf("got %v", err)
	}
}

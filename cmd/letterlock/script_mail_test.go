package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	"github.com/emersion/go-smtp"
	"github.com/rogpeppe/go-internal/testscript"
)

// relay is the next hop of a script: a real SMTP server that keeps what it is given, and answers DATA as it was told.
type scriptRelay struct {
	server *smtp.Server
	addr   string

	mu      sync.Mutex
	answers []int  // for the next DATA commands; 250 when empty
	said    string // with a refusal, instead of the usual words
	mails   []relayed
	tries   int
	changed chan struct{}
}

type relayed struct {
	from, to string
	data     []byte
}

func startRelay() (*scriptRelay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &scriptRelay{addr: l.Addr().String(), changed: make(chan struct{})}
	r.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &relaySession{r: r}, nil }))
	r.server.Domain = "relay.test"
	r.server.EnableSMTPUTF8 = true
	go r.server.Serve(l)
	return r, nil
}

type relaySession struct {
	r        *scriptRelay
	from, to string
}

func (s *relaySession) Reset()        { s.from, s.to = "", "" }
func (s *relaySession) Logout() error { return nil }
func (s *relaySession) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *relaySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *relaySession) Data(body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	answer := 250
	if len(s.r.answers) > 0 {
		answer, s.r.answers = s.r.answers[0], s.r.answers[1:]
	}
	s.r.tries++
	if answer == 250 {
		s.r.mails = append(s.r.mails, relayed{s.from, s.to, data})
	}
	close(s.r.changed)
	s.r.changed = make(chan struct{})
	switch {
	case answer >= 500:
		return &smtp.SMTPError{Code: answer, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: cmp.Or(s.r.said, "No such mailbox")}
	case answer >= 400:
		return &smtp.SMTPError{Code: answer, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not now"}
	}
	return nil
}

// wait blocks until ready holds, which it asks again after every change, or the bound is over.
func (r *scriptRelay) wait(ready func() bool) bool {
	bound := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		done, changed := ready(), r.changed
		r.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-bound:
			return false
		}
	}
}

// cmdRelay is the script command "relay":
//
//	relay answers 451 250     what the next DATA commands are answered with
//	relay tried 2             waits until DATA was tried so often, in all
func cmdRelay(ts *testscript.TestScript, _ bool, args []string) {
	r := scriptOf(ts).relay
	if len(args) < 2 {
		ts.Fatalf("usage: relay answers CODE... | relay tried N")
	}
	var numbers []int
	for _, a := range args[1:] {
		n, err := strconv.Atoi(a)
		ts.Check(err)
		numbers = append(numbers, n)
	}
	switch args[0] {
	case "answers":
		r.mu.Lock()
		r.answers = numbers
		r.mu.Unlock()
	case "tried":
		if !r.wait(func() bool { return r.tries >= numbers[0] }) {
			ts.Fatalf("only %d tries", r.tries)
		}
	default:
		ts.Fatalf("relay answers or tried")
	}
}

// cmdMail is the script command "mail TO [N]": waits for the Nth mail to an address (the first if not said), prints its fields and text,
// and leaves mail.eml (as sent), mail.txt and mail.html. It sets MAIL_ID, REPLY_TO, LINK and CODE from it.
// "! mail TO N" is true if fewer than N came so far.
func cmdMail(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: mail TO [N]")
	}
	n := 1
	if len(args) > 1 {
		var err error
		n, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	r := scriptOf(ts).relay
	var found *relayed
	look := func() bool {
		count := 0
		for i := range r.mails {
			if r.mails[i].to == args[0] {
				if count++; count == n {
					found = &r.mails[i]
					return true
				}
			}
		}
		return false
	}
	if neg {
		r.mu.Lock()
		defer r.mu.Unlock()
		if look() {
			ts.Fatalf("mail %d to %s came:\n%s", n, args[0], found.data)
		}
		return
	}
	if !r.wait(look) {
		log, _ := os.ReadFile(ts.MkAbs("serve.log"))
		ts.Fatalf("mail %d to %s did not come\n%s", n, args[0], log)
	}
	text, htmlText, header := readMail(ts, found.data)
	ts.Check(os.WriteFile(ts.MkAbs("mail.eml"), found.data, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("mail.txt"), []byte(text), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("mail.html"), []byte(htmlText), 0o600))
	ts.Setenv("MAIL_ID", strings.Trim(header.Get("Message-Id"), "<>"))
	replyTo := header.Get("Reply-To")
	if m := regexp.MustCompile(`[^<> ]+@[^<> ]+`).FindString(replyTo); m != "" {
		replyTo = m
	}
	ts.Setenv("REPLY_TO", replyTo)
	ts.Setenv("REVERSE_PATH", found.from)
	ts.Setenv("LINK", regexp.MustCompile(`/m/[a-z2-7]{42}`).FindString(text))
	code := regexp.MustCompile(`(?m)\b\d{4} ?\d{4}\b`).FindString(text)
	ts.Setenv("CODE", code)
	subject, err := header.Text("Subject")
	ts.Check(err)
	from, err := header.Text("From")
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "From: %s\nSubject: %s\nReply-To: %s\nIn-Reply-To: %s\n\n%s\n", from, subject, header.Get("Reply-To"), header.Get("In-Reply-To"), text)
}

// readMail returns a mail's decoded text and HTML, and names its attachments below the text.
func readMail(ts *testscript.TestScript, data []byte) (text, htmlText string, header message.Header) {
	e, err := message.Read(bytes.NewReader(data))
	ts.Check(err)
	err = e.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil {
			return err
		}
		kind, params, _ := part.Header.ContentType()
		if strings.HasPrefix(kind, "multipart/") {
			return nil
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return err
		}
		disposition, dparams, _ := part.Header.ContentDisposition()
		switch {
		case disposition == "attachment":
			text += fmt.Sprintf("\n[attachment %s%s, %d octets]\n", dparams["filename"], params["x"], len(body))
		case kind == "text/plain":
			text = strings.ReplaceAll(string(body), "\r\n", "\n") + text
		case kind == "text/html":
			htmlText = string(body)
		}
		return nil
	})
	ts.Check(err)
	return text, htmlText, e.Header
}

// cmdSMTP is the script command "smtp FROM TO FILE": sends a file as one mail to the gateway's own port, and prints what it answers.
// $NAMES in the file are replaced from the script's environment. With ! the mail must be refused.
func cmdSMTP(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: smtp FROM TO FILE")
	}
	from := args[0]
	if from == "<>" {
		from = ""
	}
	data := os.Expand(ts.ReadFile(args[2]), ts.Getenv)
	data = strings.ReplaceAll(data, "\n", "\r\n")
	answer, err := sendSMTP(ts.Getenv("SMTP"), from, args[1], []byte(data))
	if err != nil {
		fmt.Fprintf(ts.Stdout(), "%v\n", err)
	} else {
		fmt.Fprintf(ts.Stdout(), "250 %s\n", answer)
	}
	if (err != nil) != neg {
		log, _ := os.ReadFile(ts.MkAbs("serve.log"))
		ts.Fatalf("answer: %v %v\n%s", answer, err, log)
	}
}

func sendSMTP(addr, from, to string, data []byte) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return "", err
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := c.Hello("client.test"); err != nil {
		return "", err
	}
	if err := c.Mail(from, nil); err != nil {
		return "", described("MAIL", err)
	}
	if err := c.Rcpt(to, nil); err != nil {
		return "", described("RCPT", err)
	}
	w, err := c.Data()
	if err != nil {
		return "", described("DATA", err)
	}
	if _, err := w.Write(data); err != nil {
		return "", err
	}
	answer, err := w.CloseWithResponse()
	if err != nil {
		return "", described("DATA", err)
	}
	_ = c.Quit()
	return answer.StatusText, nil
}

// described tells at which command the server refused, with its code and text.
func described(command string, err error) error {
	var refused *smtp.SMTPError
	if errors.As(err, &refused) {
		c := refused.EnhancedCode
		return fmt.Errorf("%s: %d %d.%d.%d %s", command, refused.Code, c[0], c[1], c[2], refused.Message)
	}
	return fmt.Errorf("%s: %w", command, err)
}

// stop ends the relay.
func (r *scriptRelay) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.server.Shutdown(ctx)
	_ = r.server.Close()
}

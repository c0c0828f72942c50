package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script run the real program as a process of its own, with a relay, browsers and mailboxes of the
// test's own around it, and read as correspondence. Besides testscript's commands they have serve, ends, dies, relay, mail,
// smtp, mailbox, browse and api, each described where it is made.

func TestMain(m *testing.M) {
	kill := func() {
		// As kill -9 would, at the moment the hook names.
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	main := func(h hooks) func() {
		return func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, h)) }
	}
	// Half of what these tests do is wait for processes, on all processors at once. go test -parallel says otherwise.
	_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	testscript.Main(m, map[string]func(){
		"letterlock":                     main(hooks{}),
		"letterlock-dies-before-its-250": main(hooks{received: kill}),
		"letterlock-dies-after-relaying": main(hooks{relayed: kill}),
		"letterlock-dies-halfway":        main(hooks{progress: diesHalfway(kill), now: inTwoMonths(func(int) {})}),
		"letterlock-dies-expiring": main(hooks{now: inTwoMonths(func(asked int) {
			if asked > 2 { // the Gateway began, one batch was deleted, and the next one begins
				kill()
			}
		})}),
		"letterlock-in-two-months": main(hooks{now: inTwoMonths(func(int) {})}),
		"letterlock-tomorrow":      main(hooks{now: func() time.Time { return time.Now().Add(24 * time.Hour) }}),
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"oneclick": cmdOneClick,
			"serve":    cmdServe,
			"ends":     cmdEnds,
			"dies":     cmdDies,
			"relay":    cmdRelay,
			"mail":     cmdMail,
			"smtp":     cmdSMTP,
			"mailbox":  cmdMailbox,
			"provider": cmdProvider,
			"awaits":   cmdAwaitLine,
			"browse":   cmdBrowse,
			"api":      cmdAPI,
			"setenv":   cmdSetenv,
			"canaries": cmdCanaries,
			"dns":      cmdDNS,
			"sign":     cmdSign,
			"tricks":   cmdTricks,
			"received": func(ts *testscript.TestScript, neg bool, args []string) {
				awaitCount(ts, neg, args, "/received?limit=200", "received", "disposition")
			},
			"finds": func(ts *testscript.TestScript, neg bool, args []string) {
				if len(args) != 2 {
					ts.Fatalf("usage: finds QUERY N")
				}
				awaitCount(ts, neg, []string{"open", args[1]}, "/search?q="+url.QueryEscape(args[0]), "hits", "status")
			},
			"deliveries": func(ts *testscript.TestScript, neg bool, args []string) {
				awaitCount(ts, neg, args, "/deliveries?limit=200", "deliveries", "state")
			},
		},
	})
}

// script is what one running script has around the gateway.
type script struct {
	relay    *scriptRelay
	mailbox  *scriptMailbox
	browsers map[string]*browser
	names    *scriptNames    // nil until there is a DNS server
	provider *scriptProvider // nil until there is one
	gateway  *exec.Cmd
	ended    chan error
}

type scriptKey struct{}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// setUpScript gives a script a relay, free ports and the configuration in variables.
func setUpScript(env *testscript.Env) error {
	r, err := startRelay()
	if err != nil {
		return err
	}
	box, err := startMailbox()
	if err != nil {
		return err
	}
	s := &script{relay: r, mailbox: box, browsers: make(map[string]*browser)}
	env.Values[scriptKey{}] = s
	env.Defer(func() {
		if s.gateway != nil {
			_ = s.gateway.Process.Kill()
			<-s.ended
		}
		box.stop()
		r.stop()
	})
	smtpAddr, err := freeAddr()
	if err != nil {
		return err
	}
	httpAddr, err := freeAddr()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"SMTP": smtpAddr, "BASE": "http://" + httpAddr, "IMAP": box.addr, "RELAY": r.addr,
		"LETTERLOCK_DOMAIN": "example.com", "LETTERLOCK_BASE_URL": "http://" + httpAddr, "LETTERLOCK_ORGANIZATION": "Harbour Clinic",
		"LETTERLOCK_DATA": env.WorkDir + "/data", "LETTERLOCK_KEY_FILE": env.WorkDir + "/letterlock.key",
		"LETTERLOCK_SENDER_POLICY": "address", "LETTERLOCK_SMTP_LISTEN": smtpAddr, "LETTERLOCK_HTTP_LISTEN": httpAddr,
		"LETTERLOCK_RELAY_ADDRESS": r.addr, "LETTERLOCK_RELAY_TLS": "none", "LETTERLOCK_COPIES_NEED": "any", "LETTERLOCK_NOTICES_DELAY": "0s", "LETTERLOCK_NOTICES_UNDO": "0s", "LETTERLOCK_LOG_LEVEL": "debug",
	} {
		env.Setenv(name, value)
	}
	return nil
}

// freeAddr returns a loopback address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// cmdServe is the script command "serve [PROGRAM]": starts the gateway as a process and waits until its portal answers.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: serve [PROGRAM]")
	}
	s := scriptOf(ts)
	if s.gateway != nil {
		ts.Fatalf("the gateway is running")
	}
	program := "letterlock"
	if len(args) == 1 {
		program = args[0]
	}
	path, err := lookIn(ts.Getenv("PATH"), program)
	ts.Check(err)
	log, err := os.OpenFile(ts.MkAbs("serve.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	defer log.Close()
	c := exec.Command(path, "serve")
	c.Dir, c.Stdout, c.Stderr = ts.MkAbs("."), log, log
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "GORACE"} {
		c.Env = append(c.Env, name+"="+ts.Getenv(name))
	}
	for _, name := range []string{"DOMAIN", "BASE_URL", "ORGANIZATION", "DATA", "DATABASE", "KEY_FILE", "KEY_COMMAND", "KEY", "MESSAGE_PACE", "SENDER_POLICY", "SMTP_LISTEN", "HTTP_LISTEN", "RELAY_ADDRESS", "RELAY_TLS", "COPIES_NEED", "NOTICES_DELAY", "NOTICES_UNDO", "LOG_LEVEL", "INBOX", "IMAP", "SEARCH", "DNS_SERVERS"} {
		if v := ts.Getenv("LETTERLOCK_" + name); v != "" {
			c.Env = append(c.Env, "LETTERLOCK_"+name+"="+v)
		}
	}
	ts.Check(c.Start())
	s.gateway, s.ended = c, make(chan error, 1)
	go func() { s.ended <- c.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("BASE")+"/sign-in", nil)
		ts.Check(err)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
			return
		}
		select {
		case err := <-s.ended:
			s.gateway = nil
			text, _ := os.ReadFile(ts.MkAbs("serve.log"))
			ts.Fatalf("serve ended: %v\n%s", err, text)
		case <-ctx.Done():
			ts.Fatalf("serve does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lookIn finds a program on a script's own PATH.
func lookIn(path, program string) (string, error) {
	for _, dir := range strings.Split(path, string(os.PathListSeparator)) {
		if p := dir + "/" + program; isExecutable(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("no program %s", program)
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

// cmdEnds is the script command "ends": asks the gateway to end, which it must do cleanly.
func cmdEnds(ts *testscript.TestScript, _ bool, _ []string) {
	s := scriptOf(ts)
	ts.Check(s.gateway.Process.Signal(syscall.SIGTERM))
	if err := endOf(s); err != nil {
		ts.Fatalf("stop: %v", err)
	}
}

// cmdDies is the script command "dies": waits until the gateway has died of kill -9. "dies now" kills it.
func cmdDies(ts *testscript.TestScript, _ bool, args []string) {
	s := scriptOf(ts)
	if len(args) > 0 {
		ts.Check(s.gateway.Process.Kill())
	}
	var exit *exec.ExitError
	if err := endOf(s); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		ts.Fatalf("the gateway did not die: %v", err)
	}
}

func endOf(s *script) error {
	select {
	case err := <-s.ended:
		s.gateway = nil
		return err
	case <-time.After(30 * time.Second):
		return errors.New("it does not end")
	}
}

// cmdAPI is the script command "api METHOD PATH [FILE]": calls the API with the key in $KEY, a file as its body, in which $NAMES
// are replaced. The answer goes to standard output, indented. With ! the answer must be a problem. IDEMPOTENCY_KEY is sent if set.
func cmdAPI(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: api METHOD PATH [FILE]")
	}
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(os.Expand(ts.ReadFile(args[2]), ts.Getenv))
	}
	r, err := http.NewRequest(args[0], ts.Getenv("BASE")+"/api/v1"+args[1], body)
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+ts.Getenv("KEY"))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if k := ts.Getenv("IDEMPOTENCY_KEY"); k != "" {
		r.Header.Set("Idempotency-Key", k)
	}
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	var pretty bytes.Buffer
	if json.Indent(&pretty, text, "", "  ") == nil {
		text = pretty.Bytes()
	}
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, text)
	if failed := resp.StatusCode >= 400; failed != neg {
		ts.Fatalf("%s %s: %d\n%s", args[0], args[1], resp.StatusCode, text)
	}
}

// awaitCount serves the script commands "received DISPOSITION N", "deliveries STATE N" and "finds QUERY N": they wait until
// the API lists that many.
func awaitCount(ts *testscript.TestScript, neg bool, args []string, path, list, field string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: %s %s N", list, strings.ToUpper(field))
	}
	var last string
	for bound := time.Now().Add(20 * time.Second); time.Now().Before(bound); time.Sleep(200 * time.Millisecond) {
		r, err := http.NewRequest(http.MethodGet, ts.Getenv("BASE")+"/api/v1"+path, nil)
		ts.Check(err)
		r.Header.Set("Authorization", "Bearer "+ts.Getenv("KEY"))
		resp, err := http.DefaultClient.Do(r)
		ts.Check(err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		var answer map[string]json.RawMessage
		var rows []map[string]any
		if err := json.Unmarshal(text, &answer); err == nil {
			_ = json.Unmarshal(answer[list], &rows)
		}
		n := 0
		for _, row := range rows {
			if row[field] == args[0] {
				n++
			}
		}
		if fmt.Sprint(n) == args[1] {
			return
		}
		last = string(text)
	}
	ts.Fatalf("not %s %s %s:\n%s", args[1], list, args[0], last)
}

// cmdSetenv is the script command "setenv NAME REGEXP": sets a variable to the first group that matches the last standard output.
func cmdSetenv(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: setenv NAME REGEXP")
	}
	m := mustMatch(ts, args[1], ts.ReadFile("stdout"))
	ts.Setenv(args[0], m)
}

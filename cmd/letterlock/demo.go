package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// demoCommand is the shop window: the whole gateway on loopback, with people in it.
type demoCommand struct {
	Data        string `placeholder:"FOLDER" help:"Keep the demo's data in this folder, to go on with it another time. Otherwise it is in a temporary folder that is removed at the end."`
	PortalPort  int    `name:"portal-port" default:"8080" placeholder:"PORT" help:"The portal's port (${default}). If it is in use, a free one is taken."`
	MailboxPort int    `name:"mailbox-port" default:"8025" placeholder:"PORT" help:"The port of the mailbox to look into (${default})."`
	SMTPPort    int    `name:"smtp-port" default:"2525" placeholder:"PORT" help:"The port that takes mail (${default})."`
	Verbose     bool   `short:"v" help:"Write the gateway's log to standard error."`
}

// Help is the longer help.
func (demoCommand) Help() string {
	return "Nothing leaves this machine: everything listens on 127.0.0.1, and mail goes to a mailbox page instead of to the world. Ctrl-C ends it."
}

// demo is a running demo.
type demo struct {
	app     *app
	sink    *sink
	mailbox *demoMailbox
	clock   *demoClock
	fresh   bool // nobody is in it yet
	extra   []part
	opened  addresses
	remove  func() error // takes the temporary folder away
}

// Run runs the demo until a signal comes.
func (c *demoCommand) Run(ctx context.Context, env *environment) error {
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: level}))
	d, err := c.open(ctx, env, log)
	if err != nil {
		return err
	}
	err = d.run(ctx, func(ctx context.Context) error {
		if err := d.settle(ctx); err != nil {
			return err
		}
		if env.hooks.ready != nil {
			env.hooks.ready(d.opened)
		}
		return d.tell(env.stdout, c.Data)
	})
	err = errors.Join(err, d.remove())
	if err == nil {
		fmt.Fprintln(env.stdout, "The demo has ended.")
	}
	return err
}

// open makes the folder and opens everything, and starts nothing.
func (c *demoCommand) open(ctx context.Context, env *environment, log *slog.Logger) (_ *demo, err error) {
	d := &demo{clock: &demoClock{}, remove: func() error { return nil }}
	var opened []net.Listener
	defer func() {
		if err != nil {
			for _, l := range opened {
				_ = l.Close()
			}
			err = errors.Join(err, d.remove())
		}
	}()
	folder, err := c.folder(d)
	if err != nil {
		return nil, err
	}
	doors := []struct {
		name string
		port int
	}{{"portal", c.PortalPort}, {"mailbox", c.MailboxPort}, {"SMTP", c.SMTPPort}, {"relay", 0}}
	for _, door := range doors {
		l, err := demoListen(env.stdout, door.name, door.port)
		if err != nil {
			return nil, err
		}
		opened = append(opened, l)
	}
	portal, mailboxAt, smtpAt, relayAt := opened[0], opened[1], opened[2], opened[3]
	d.opened = addresses{smtp: smtpAt.Addr().String(), http: portal.Addr().String(), mailbox: mailboxAt.Addr().String()}

	config := defaultConfig()
	config.Domain, config.BaseURL, config.Organization = demoDomain, "http://"+d.opened.http, demoOrganization
	config.Inbox = []string{"hello@" + demoDomain}
	config.Notices.Delay, config.Notices.lookTime = Duration(2*time.Second), 4*time.Second // who tries it looks at once
	config.CopiesNeed = string(bridge.NeedAny)                                             // its relay is a mailbox page in this process
	config.Data, config.KeyFile, config.SenderPolicy = filepath.Join(folder, "data"), filepath.Join(folder, "letterlock.key"), "address"
	config.SMTP.Listen, config.HTTP.Listen = d.opened.smtp, d.opened.http
	config.Relay.Address, config.Relay.TLS = relayAt.Addr().String(), "none"
	config.SMTP.Hostname = "mail." + demoDomain
	if err := config.complete(); err != nil {
		return nil, err
	}

	d.sink = newSink("relay.example", d.clock.now, log)
	sender := &demoSender{address: d.opened.smtp, host: "mail.post.example"}
	d.mailbox, err = newDemoMailbox(d.sink, demoPeople(), sender, config.BaseURL, demoTour(config.BaseURL), log)
	if err != nil {
		return nil, err
	}
	d.extra = []part{
		{"demo's relay", func(ctx context.Context) error { return d.sink.run(ctx, relayAt) }},
		{"demo's mailbox", func(ctx context.Context) error { return d.mailbox.run(ctx, mailboxAt) }},
	}
	d.app, err = newApp(ctx, appConfig{Config: config, log: log, now: d.clock.now, hooks: env.hooks, smtp: smtpAt, http: portal})
	if err != nil {
		return nil, err
	}
	// The relay must outlive the worker.
	d.app.behind = append(d.app.behind, d.extra[1])
	d.extra = d.extra[:1]
	return d, nil
}

// folder returns where the demo's data is, with a key file in it.
func (c *demoCommand) folder(d *demo) (string, error) {
	folder := c.Data
	if folder == "" {
		temporary, err := os.MkdirTemp("", "letterlock-demo-")
		if err != nil {
			return "", fmt.Errorf("make a temporary folder: %w", err)
		}
		folder = temporary
		d.remove = func() error { return os.RemoveAll(temporary) }
	}
	if err := os.MkdirAll(filepath.Join(folder, "data"), 0o700); err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	if _, err := seal.Create(filepath.Join(folder, "letterlock.key")); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return folder, nil
}

// demoListen listens on a port of this machine alone, or on a free one if that is in use, and then says so.
func demoListen(out io.Writer, name string, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil || port == 0 {
		return l, err
	}
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("listen for the %s: %w", name, err)
	}
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listen for the %s: %w", name, err)
	}
	_, free, _ := net.SplitHostPort(l.Addr().String())
	fmt.Fprintf(out, "Port %d is in use, so the %s is on port %s.\n", port, name, free)
	return l, nil
}

// run runs everything until ctx ends. Begun is called once all is running; its error ends the demo.
func (d *demo) run(ctx context.Context, begun func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	relayCtx, stopRelay := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRelay()
	failed := make(chan error, len(d.extra))
	relay := start(relayCtx, d.extra, failed)

	ended := make(chan error, 1)
	go func() {
		defer stop() // what has begun need not wait for anything any more
		ended <- d.app.run(ctx)
	}()
	err := begun(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // it was told to stop while it began
		}
		stop()
	}
	select {
	case appErr := <-ended:
		err = errors.Join(err, appErr)
	case relayErr := <-failed:
		stop()
		err = errors.Join(err, relayErr, <-ended)
	}
	stopRelay()
	return errors.Join(err, await("the demo's relay", relay, 5*time.Second))
}

// settle tells the demo's story, unless the folder has one already.
func (d *demo) settle(ctx context.Context) error {
	people, _, err := d.app.gateway.ListPeople(ctx, bridge.AsOperator(), bridge.Staff, bridge.Cursor{}, 1)
	if err != nil {
		return fmt.Errorf("look for people: %w", err)
	}
	if len(people) > 0 {
		return nil
	}
	d.fresh = true
	s := &story{gateway: d.app.gateway, sink: d.sink, sender: d.mailbox.sender, clock: d.clock}
	if err := s.tell(ctx); err != nil {
		return fmt.Errorf("tell the demo's story: %w", err)
	}
	return nil
}

// demoTour is what to try, in five steps.
func demoTour(portal string) []tourStep {
	return []tourStep{
		{"Be a patient", "Open the newest notice to " + jonas.Name + ": nothing of the message is in it. Follow its link, ask for a code, find the code here, and read and answer in the portal."},
		{"Be the clinic", "Sign in at " + portal + " with a password, as " + mara.Address + " (in a private window, to stay both). The answer is there. Write back: for ten seconds you can take it back, or choose a time to send it later; then watch another notice leave."},
		{"Let the mail carry the message", "Sign in as " + tobias.Address + ", the admin, and switch the mode under Administration. What is written from now on arrives here as a copy, with subject, text and files."},
		{"Just reply", "Open a copy and answer it by email. It goes to the gateway by real SMTP, with quote and signature; in the conversation stands only what is new. Then send it as a stranger: it is held for staff, who see why."},
		{"Switch back", "Switch to secure again and answer the same copy once more: the mail server refuses it at the door and says where to answer instead."},
	}
}

// tell prints who can sign in, where, and what to try.
func (d *demo) tell(w io.Writer, folder string) error {
	bold, plain := "", ""
	if isTerminal(w) && os.Getenv("NO_COLOR") == "" {
		bold, plain = "\x1b[1m", "\x1b[0m"
	}
	var b strings.Builder
	portal := "http://" + d.opened.http
	fmt.Fprintf(&b, `
%sLetterlock is running, and the %s with it.%s

  Mailbox   %shttp://%s%s   begin here: every mail that leaves
  Portal    %s   for patients, staff and admins
  API       %s/api/v1/docs
  SMTP      %s

%sWho can sign in%s

`, bold, demoOrganization, plain, bold, d.opened.mailbox, plain, portal, portal, d.opened.smtp, bold, plain)
	for _, p := range demoPeople() {
		password := p.Password
		if password == "" {
			password = "by a code, which arrives in the mailbox"
		}
		fmt.Fprintf(&b, "  %-16s%-10s%-30s%s\n", p.Name, p.Role, p.Address, password)
	}
	fmt.Fprintf(&b, "\n%sWhat to try%s\n\n", bold, plain)
	for i, step := range demoTour(portal) {
		fmt.Fprintf(&b, "  %d. %s%s.%s %s\n", i+1, bold, step.Title, plain, wrap(step.Text, 5+len(step.Title)+2, 5, 96))
	}
	switch {
	case folder == "":
		fmt.Fprintf(&b, "\nEverything is in a temporary folder. Ctrl-C ends the demo and removes it.\n")
	case d.fresh:
		fmt.Fprintf(&b, "\nThe data stays in %s. Ctrl-C ends the demo.\n", folder)
	default:
		fmt.Fprintf(&b, "\nIt goes on with the data in %s; the mailbox begins empty. Ctrl-C ends the demo.\n", folder)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks text into lines of at most width characters, the first of which begins at column at, and the others at indent.
func wrap(text string, at, indent, width int) string {
	var b strings.Builder
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case at+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String()
}

// isTerminal reports whether w is a terminal, or at least a device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"letterlock/bridge"
	"letterlock/mailin"
	"letterlock/mailin/sender"
	"letterlock/mailin/smtpd"
	"letterlock/mailout"
	"letterlock/mailout/dkim"
	"letterlock/mailout/submit"
)

// app is the whole gateway: every package, wired to the others.
//
// Its parts stand in two rows. In front are those that let something in: the SMTP server, the mailboxes and the web. Behind them
// are the worker that empties the outbox, and the sweeper. When it ends, the front stops first and finishes what it has begun, then
// the rest, and the database is closed last, so that nothing that was answered with "taken" is left half-done.
type app struct {
	config Config
	log    *slog.Logger
	now    func() time.Time
	name   string // this process's among those that share the data

	*kept
	judge   sender.Judge
	sent    io.Closer    // the way out
	smtp    net.Listener // nil if no mail is taken by SMTP
	lmtp    net.Listener // nil if none is taken by LMTP
	http    net.Listener
	watched net.Listener // for metrics; nil if they are not served
	acme    *acme        // nil if no certificates come by it
	// accounts are those at providers.
	accounts *accountWatch
	// certificates are those in files.
	certificates []*keptCertificate

	front  []part
	behind []part
}

// part is something that runs until its ctx ends, and leaves nothing running behind.
type part struct {
	name string
	run  func(context.Context) error
}

// appConfig says how to make an app. Listeners that are given are used instead of opening those of the configuration; the app closes them.
type appConfig struct {
	Config
	log        *slog.Logger
	now        func() time.Time
	hooks      hooks
	smtp, http net.Listener
}

// How long the parts may take to end, one row after the other. Each part has a shorter limit of its own; this is for one that has not kept to it.
const frontGrace, behindGrace = 40 * time.Second, 30 * time.Second

// newApp opens the data and the listeners and wires everything. Nothing runs yet. The configuration must be complete.
func newApp(ctx context.Context, c appConfig) (_ *app, err error) {
	a := &app{config: c.Config, log: c.log, now: c.now, smtp: c.smtp, http: c.http}
	a.name = processName(c.Config)
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.smtp == nil && c.SMTP.Listen != "" {
		if a.smtp, err = listen("smtp.listen", c.SMTP.Listen); err != nil {
			return nil, err
		}
	}
	if c.LMTP.Listen != "" {
		if a.lmtp, err = c.LMTP.listen(); err != nil {
			return nil, err
		}
	}
	if a.http == nil {
		if a.http, err = listen("http.listen", c.HTTP.Listen); err != nil {
			return nil, err
		}
	}
	if a.kept, err = openKept(ctx, c.Config, c.log, c.now); err != nil {
		return nil, err
	}
	if err := a.checkBucket(ctx); err != nil {
		return nil, err
	}
	if a.judge, err = a.config.judge(a.now); err != nil {
		return nil, err
	}
	a.checkScanner(ctx)
	if len(c.ACME.Domains) > 0 {
		if a.acme, err = newACME(c.Config, a.http, a.keys, c.log.With("part", "acme")); err != nil {
			return nil, err
		}
		a.front = append(a.front, part{"certificates", func(ctx context.Context) error { return a.acme.run(ctx, c.BaseURL) }})
	}
	if err := a.addSMTP(c.hooks); err != nil {
		return nil, err
	}
	if err := a.addMailboxes(ctx, c.hooks); err != nil {
		return nil, err
	}
	if err := a.addWeb(); err != nil {
		return nil, err
	}
	if err := a.addWorker(ctx, c.hooks); err != nil {
		return nil, err
	}
	a.behind = append(a.behind, a.alone(part{"sweeper", a.sweep}), a.alone(part{"messages for later", a.postDue}), a.alone(part{"summaries", a.sendDigests}))
	a.behind = append(a.behind, part{"keys", a.followKeys}, part{"certificates in files", a.followCertificates()})
	a.addIndexer()
	a.addListener()
	return a, nil
}

// checkBucket finds out whether the bucket will take files. A store that is away just now is waited for: what is small needs none.
func (a *app) checkBucket(ctx context.Context) error {
	if a.bucket == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err := a.bucket.Check(ctx)
	if refused := refusedBucket(a.config.Blobs, err); refused != nil {
		return refused
	}
	if err != nil {
		a.log.WarnContext(ctx, "the bucket for files can't be reached", "error", err)
	}
	return nil
}

// checkScanner warns if nothing can come in.
func (a *app) checkScanner(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, f := range checkClamd(ctx, &patient{config: a.config}) {
		if f.State != stateOK {
			a.log.WarnContext(ctx, "clamd does not answer; until it does, mail is deferred and no file can be uploaded", "error", f.What)
		}
	}
}

// close lets go of what newApp opened.
func (a *app) close() error {
	var errs []error
	for _, l := range []net.Listener{a.smtp, a.lmtp, a.http, a.watched} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if a.acme != nil {
		errs = append(errs, a.acme.close())
	}
	if a.sent != nil {
		errs = append(errs, a.sent.Close())
	}
	if a.kept != nil {
		if err := a.db.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the database: %w", err))
		}
	}
	return errors.Join(errs...)
}

// listen opens a listener, and says what to do where that fails.
func listen(key, address string) (net.Listener, error) {
	if path, isPath := strings.CutPrefix(address, "unix:"); isPath {
		return listenUnix(key, path, 0o660)
	}
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: another program listens on %s: stop it, or set %s to another port", key, address, key)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this user may not listen on %s: give the program CAP_NET_BIND_SERVICE, or set %s to a port from 1024 on", key, address, key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: %s is no address of this machine: set %s to one that is", key, address, key)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// parse is how mail is read, wherever it comes from.
func parse(raw []byte) *bridge.Mail { return mailin.Parse(raw, mailin.Limits{}) }

func (a *app) addSMTP(h hooks) error {
	if a.smtp == nil && a.lmtp == nil {
		return nil
	}
	forwarders, err := parseNetworks("smtp.forwarders", a.config.SMTP.Forwarders)
	if err != nil {
		return err
	}
	exempt, err := parseNetworks("smtp.pace_exempt", a.config.SMTP.PaceExempt)
	if err != nil {
		return err
	}
	var smtp, lmtp []net.Listener
	if a.smtp != nil {
		l, err := proxied("smtp.proxy_protocol", a.smtp, a.config.SMTP.ProxyProtocol)
		if err != nil {
			return err
		}
		smtp = append(smtp, l)
	}
	if a.lmtp != nil {
		lmtp = append(lmtp, a.lmtp)
	}
	tlsConfig, err := a.certificate("smtp", a.config.SMTP.TLSCert, a.config.SMTP.TLSKey)
	if err != nil {
		return err
	}
	s, err := smtpd.New(smtpd.Config{
		Gateway: a.gateway, Parse: parse, Judge: a.judge, Listeners: smtp, LMTP: lmtp, Forwarders: forwarders, Domain: a.config.SMTP.Hostname, TLS: tlsConfig,
		Pace: a.config.SMTP.pace(), Exempt: exempt,
		MaxSize: int64(a.config.SMTP.MaxSize), MaxRecipients: a.config.SMTP.MaxRecipients,
		MaxConns: a.config.SMTP.MaxConnections, MaxNetConns: a.config.SMTP.MaxPerNetwork,
		CommandTimeout: time.Duration(a.config.SMTP.Timeout), Now: a.now, Log: a.log.With("part", "smtp"), AfterReceive: h.received,
	})
	if err != nil {
		return err
	}
	a.front = append(a.front, part{"SMTP server", s.Run})
	return nil
}

func (a *app) addWorker(ctx context.Context, h hooks) error {
	signer, err := dkim.New(dkim.Config{Keys: a.gateway, Domain: a.config.Domain, Now: a.now})
	if err != nil {
		return err
	}
	transport, concurrency, err := a.openWayOut(ctx, signer)
	if err != nil {
		return err
	}
	var afterSend func(bridge.ID)
	if h.relayed != nil {
		afterSend = func(bridge.ID) { h.relayed() }
	}
	perHop := concurrency
	if a.config.Direct.Enabled {
		perHop = a.config.Direct.PerDomain
	}
	w, err := mailout.New(mailout.Config{
		Gateway: a.gateway, Transport: transport, Signer: signer, MaxFiles: int64(a.config.Message.MaxMailed), Concurrency: concurrency, Name: a.name, Lease: a.workerLease(),
		PerHop: perHop, MaxAge: time.Duration(a.config.Queue.MaxAge),
		Now: a.now, Log: a.log.With("part", "worker"), AfterSend: afterSend,
	})
	if err != nil {
		return err
	}
	a.behind = append(a.behind, part{"worker", w.Run})
	return a.addMetrics(w)
}

// openWayOut makes the relay's client or the one of the recipients' servers, and adds what goes with it.
func (a *app) openWayOut(ctx context.Context, signer *dkim.Signer) (submit.Transport, int, error) {
	log := a.log.With("part", "worker")
	if a.config.Direct.Enabled {
		direct, names, err := a.config.direct(a.db, a.now, log)
		if err != nil {
			return nil, 0, err
		}
		a.sent, a.out.is = direct, direct
		a.behind = append(a.behind, part{"counts of TLS", direct.Run})
		return direct, a.config.Direct.Connections, a.addTLSReports(direct, names, signer)
	}
	relay, tokens, err := a.config.Relay.relay(ctx, a.config.SMTP.Hostname, a.db, 0, a.now, log)
	if err != nil {
		return nil, 0, err
	}
	a.sent, a.out.is = relay, relay
	if tokens != nil {
		watched := a.accounts.add(bridge.MailAccount{Name: "relay", Sends: true, Where: a.config.Relay.Username + " at " + a.config.Relay.Address}, tokens, relayAdvice)
		a.behind = append(a.behind, part{"the relay's tokens", watched.while(tokens.Run)})
	}
	return relay, a.config.Relay.Connections, nil
}

// addIndexer adds what keeps the search index up to date, behind the commits of messages.
func (a *app) addIndexer() {
	if a.config.Search {
		log := a.log.With("part", "indexer")
		a.behind = append(a.behind, a.alone(part{"indexer", func(ctx context.Context) error { return a.db.RunIndexer(ctx, log) }}))
	}
}

// sweep tidies up until ctx ends.
func (a *app) sweep(ctx context.Context) error {
	for {
		if err := errors.Join(a.gateway.Sweep(ctx), a.gateway.Remind(ctx), a.expire(ctx), a.db.Sweep(ctx, a.now())); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "could not tidy up", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Hour):
		}
	}
}

// expire deletes conversations whose time is over, and sees to it that nothing of them stays in the database's files.
func (a *app) expire(ctx context.Context) error {
	n, err := a.gateway.Expire(ctx)
	if n == 0 || err != nil {
		return err
	}
	a.log.InfoContext(ctx, "conversations expired", "count", n)
	return a.db.Scrub(ctx, false)
}

// followKeys reads the key file again whenever it has changed, until ctx ends.
func (a *app) followKeys(ctx context.Context) error {
	a.keys.Follow(ctx, func(err error) {
		if err != nil {
			a.log.ErrorContext(ctx, "could not read the key file again", "error", err)
			return
		}
		a.log.InfoContext(ctx, "key file read again", "keys", a.keys.Keys())
	})
	return nil
}

// run runs all parts until ctx ends or one of them fails, and then ends them in order and closes the data.
func (a *app) run(ctx context.Context) error {
	// The rows have contexts of their own, so that they end one after the other.
	outer := context.WithoutCancel(ctx)
	behind, stopBehind := context.WithCancel(outer)
	defer stopBehind()
	front, stopFront := context.WithCancel(outer)
	defer stopFront()

	failed := make(chan error, len(a.front)+len(a.behind))
	frontRow, behindRow := start(front, a.front, failed), start(behind, a.behind, failed)
	var errs []error
	select {
	case <-ctx.Done():
		a.log.InfoContext(ctx, "stopping")
	case err := <-failed:
		errs = append(errs, err)
	}
	stopFront()
	errs = append(errs, await("what lets mail and people in", frontRow, frontGrace))
	stopBehind()
	errs = append(errs, await("what sends mail", behindRow, behindGrace))
	errs = append(errs, a.close())
	for len(failed) > 0 {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

// start runs parts beside each other. What one returns early, or in error, goes to failed.
func start(ctx context.Context, parts []part, failed chan<- error) *sync.WaitGroup {
	var row sync.WaitGroup
	for _, p := range parts {
		row.Go(func() {
			err := p.run(ctx)
			switch {
			case err != nil && !errors.Is(err, context.Canceled):
				failed <- fmt.Errorf("%s: %w", p.name, err)
			case ctx.Err() == nil:
				failed <- fmt.Errorf("%s: it ended by itself", p.name)
			}
		})
	}
	return &row
}

// await waits for a row to end, within a bound.
func await(what string, row *sync.WaitGroup, bound time.Duration) error {
	done := make(chan struct{})
	go func() {
		row.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(bound):
		return fmt.Errorf("%s did not end within %s; nothing that was taken is lost", what, bound)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"letterlock/bridge"
)

// serveCommand runs the gateway.
type serveCommand struct {
	withConfig
	Settings Config `embed:""`
}

// Help is the longer help.
func (serveCommand) Help() string {
	return `Every flag is also a key of the configuration file and an environment variable: --smtp-max-size is max_size in the table [smtp], and LETTERLOCK_SMTP_MAX_SIZE. A flag wins over a variable, and a variable over the file. docs/configuration.md describes them all.

About --sender-policy: a reply is taken if it came to a live reply address and its author is proven to be that participant, by DMARC, DKIM or SPF. docs/senders.md says how, and what "standard" and "strict" do with the rest. With "address" the From field is believed: it is easily forged, so that only the secrecy of the reply address protects the conversation. In secure mode no reply by email is taken at all.

It stops on SIGTERM or SIGINT, once the mails and requests under way are done.`
}

// settings returns what the command is to run with. Lists of tables come past kong, which would flatten them.
func (c *serveCommand) settings(env *environment) Config {
	s := c.Settings
	if len(s.IMAP) == 0 && env.file != nil {
		s.IMAP = env.file.config.IMAP
	}
	return s
}

// Run serves until a signal comes or something fails for good.
func (c *serveCommand) Run(ctx context.Context, env *environment) error {
	config := c.settings(env)
	if err := config.complete(); err != nil {
		return usageError{err}
	}
	log := config.Log.logger(env.stderr)
	for _, name := range strayVariables(os.Environ()) {
		log.WarnContext(ctx, "a variable that sets nothing", "variable", name, "hint", strings.TrimPrefix(didYouMean(name, variables()), "; "))
	}
	if config.SenderPolicy == "address" {
		log.WarnContext(ctx, "sender_policy is \"address\": the From of a reply is not proven, and whoever knows a reply address can write in its owner's name")
	}
	if config.CopiesNeed == string(bridge.NeedAny) {
		log.WarnContext(ctx, "copies_need is \"any\": in convenience mode, content may cross networks in the clear")
	}
	for _, m := range config.IMAP {
		if config.SenderPolicy != "address" && m.AuthservIDs == "" {
			log.InfoContext(ctx, "nothing that this mailbox's server found out about senders is believed, so mail without a DKIM signature of its author's domain is held", "mailbox", m.Name, "hint", "imap.authserv_ids")
		}
	}
	a, err := newApp(ctx, appConfig{Config: config, log: log, now: env.clock(), hooks: env.hooks})
	if err != nil {
		return err
	}
	if err := a.firstKeys(ctx); err != nil {
		return errors.Join(err, a.close())
	}
	opened := addresses{http: a.http.Addr().String()}
	if a.smtp != nil {
		opened.smtp = a.smtp.Addr().String()
	}
	log.InfoContext(ctx, "letterlock serves", "version", version(), "portal", config.BaseURL, "http", opened.http, "smtp", opened.smtp, "mailboxes", len(config.IMAP), "relay", config.Relay.Address)
	if env.hooks.ready != nil {
		env.hooks.ready(opened)
	}
	if err := notifySystemd("READY=1"); err != nil {
		log.WarnContext(ctx, "systemd was not told", "error", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = notifySystemd("STOPPING=1") }) // it will see for itself
	defer stop()
	if err := a.run(ctx); err != nil {
		return err
	}
	log.Info("letterlock has stopped")
	return nil
}

// firstKeys makes the keys that sign mail where there have never been any: in a database that "letterlock init" did not make. Of several
// processes that begin at the same time one makes them, and the others find them.
func (a *app) firstKeys(ctx context.Context) error {
	pair, err := a.gateway.FirstSigningKeys(ctx)
	switch {
	case errors.Is(err, bridge.ErrConflict):
		return nil
	case err != nil:
		return err
	}
	a.log.WarnContext(ctx, "keys to sign mail with were made; their records are to be published", "selectors", pair.Selectors(), "hint", "letterlock dkim show")
	return nil
}

// notifySystemd tells the service manager how the service stands (sd_notify(3)), if there is one that wants to know.
func notifySystemd(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// variables returns the names of all environment variables that set something.
func variables() []string {
	names := []string{"LETTERLOCK_CONFIG"}
	for path := range configKeys() {
		if !strings.HasPrefix(path, "imap.") {
			names = append(names, envName(path))
		}
	}
	return names
}

// strayVariables returns those of ours by name that set nothing: a misspelt one would otherwise be believed in for long.
func strayVariables(environ []string) []string {
	known := map[string]bool{}
	for _, name := range variables() {
		known[name] = true
	}
	var stray []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "LETTERLOCK_") && !strings.HasPrefix(name, "LETTERLOCK_TEST_") && !known[name] {
			stray = append(stray, name)
		}
	}
	return stray
}

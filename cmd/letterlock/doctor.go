package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"letterlock/bridge/resolver"
)

// doctorCommand looks whether everything works that the gateway needs.
type doctorCommand struct {
	withConfig
	Settings Config `embed:""`
	asJSON
}

// Help is the longer help.
func (doctorCommand) Help() string {
	return `It reads the configuration, opens the keys and the database, signs in at each mailbox and at the relay, and looks when certificates and secrets run out. It asks DNS whether replies come here and whether receivers can tell our mail from a forgery (MX, MTA-STS, PTR, SPF, DKIM, DMARC), and prints the records to add. It sends no mail and changes nothing in a mailbox. A gateway may be running meanwhile. The exit status is 1 if something is at fault; a warning is something that works today.`
}

// state is how something stands.
type state string

const (
	stateOK      state = "ok"
	stateWarning state = "warning" // it works today
	stateFault   state = "fault"
)

// finding is what a check found about one thing.
type finding struct {
	Check  string `json:"check"`
	About  string `json:"about,omitempty"` // which of several, such as a mailbox's name
	State  state  `json:"state"`
	What   string `json:"what"`
	Advice string `json:"advice,omitempty"` // what to do, unless all is well
	// Publish are the DNS records to add, or to have in the place of what is there.
	Publish []dnsRecord `json:"publish,omitempty"`
}

// patient is what the checks look at.
type patient struct {
	config Config
	flaw   error // of the configuration
	kept   *kept // nil if the data can't be opened
	now    func() time.Time

	names  *resolver.Resolver // nil if DNS does not answer
	domain string             // the configuration's, as DNS has it
	roots  *x509.CertPool     // who is trusted; nil for whom the system trusts
}

// doctorCheck is one check. It returns at least one finding, unless there is nothing of its kind in the configuration. Its findings need no
// name: that is the check's.
type doctorCheck struct {
	name string
	run  func(ctx context.Context, p *patient) []finding
}

// doctorChecks are made in this order. Data comes before what needs it.
var doctorChecks = []doctorCheck{
	{"configuration", checkConfiguration},
	{"keys", checkKeys},
	{"data", checkData},
	{"files", checkFiles},
	{"certificate", checkCertificates},
	{"dns", checkDNS},
	{"mx", checkMX},
	{"mta-sts", checkSTS},
	{"tls", checkServed},
	{"ptr", checkPTR},
	{"spf", checkSPF},
	{"dkim", checkDKIM},
	{"dmarc", checkDMARC},
	{"mailbox", checkMailboxes},
	{"relay", checkRelay},
	{"clamd", checkClamd},
}

// checkTimeout bounds one check, so that one dead server does not keep the others from being looked at.
const checkTimeout = 2 * time.Minute

// Run makes all checks, and fails if something is at fault.
func (c *doctorCommand) Run(ctx context.Context, env *environment) error {
	serve := serveCommand{Settings: c.Settings}
	p := &patient{config: serve.settings(env), now: time.Now}
	p.flaw = p.config.complete()
	defer func() {
		if p.kept != nil {
			_ = p.kept.db.Close()
		}
	}()
	var all []finding
	faults := 0
	for _, check := range doctorChecks {
		for _, f := range check.make(ctx, p) {
			if f.State == stateFault {
				faults++
			}
			if all = append(all, f); !c.JSON {
				if err := f.tell(env); err != nil {
					return err
				}
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if c.JSON {
		if err := writeJSON(env.stdout, all); err != nil {
			return err
		}
	}
	switch faults {
	case 0:
		return nil
	case 1:
		return errors.New("one thing is at fault")
	}
	return fmt.Errorf("%d things are at fault", faults)
}

func (c doctorCheck) make(ctx context.Context, p *patient) []finding {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found := c.run(ctx, p)
	for i := range found {
		found[i].Check = c.name
	}
	return found
}

// tell prints one line, and one more with the advice.
func (f finding) tell(env *environment) error {
	mark := map[state]string{stateOK: "ok     ", stateWarning: "warning", stateFault: "FAULT  "}[f.State]
	about := f.Check
	if f.About != "" {
		about += " " + f.About
	}
	text := fmt.Sprintf("%s  %s: %s\n", mark, about, oneLine(f.What))
	if f.Advice != "" {
		text += fmt.Sprintf("         -> %s\n", f.Advice)
	}
	for _, r := range f.Publish {
		text += fmt.Sprintf("            %s\n", r)
	}
	_, err := fmt.Fprint(env.stdout, text)
	return err
}

// oneLine makes one line of what a peer may have said.
func oneLine(s string) string {
	line := []rune(s)
	for i, r := range line {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			line[i] = ' '
		}
	}
	return string(line)
}

func good(about, format string, args ...any) finding {
	return finding{About: about, State: stateOK, What: fmt.Sprintf(format, args...)}
}

func fault(about string, err error, advice string) finding {
	return finding{About: about, State: stateFault, What: err.Error(), Advice: advice}
}

// silent is a log for what the findings tell already.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

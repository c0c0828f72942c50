package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/oauth"
	"letterlock/mailout/submit"
)

// checkRelay connects to the relay and signs in, and sends nothing. Without a relay it says what the way out can prove.
func checkRelay(ctx context.Context, p *patient) []finding {
	findings := checkNeed(p)
	c := p.config.Relay
	if p.config.Direct.Enabled {
		return append(findings, checkDirect(p)...)
	}
	if c.Address == "" {
		return append(findings, fault("", errors.New("relay.address is not set"), "set it to the mail server that takes our mail, or set direct.enabled"))
	}
	if c.OAuth != "" && c.grant() == oauth.RefreshToken && p.kept == nil {
		return append(findings, fault(c.Address, errors.New("it was not tried: the refresh token is in the database"), "see to the data first"))
	}
	name := p.config.SMTP.Hostname
	setDefault(&name, "localhost") // where the configuration has flaws
	r, tokens, err := c.relay(ctx, name, p.keeper(), tryTimeout, p.now, silent())
	if err != nil {
		return append(findings, fault(c.Address, err, "see [relay] in docs/configuration.md"))
	}
	defer r.Close()
	session, err := r.Connect(ctx, "")
	if err != nil {
		return append(findings, fault(c.Address, err, relayAdvice(err)))
	}
	path := session.Path()
	session.Close()
	signedIn := "it asks for no sign-in"
	if c.Username != "" {
		signedIn = "it lets " + c.Username + " in"
	}
	findings = append(findings, good(c.Address, "the relay answers, and %s", signedIn))
	if need := bridge.Need(p.config.CopiesNeed); !need.MetBy(path) {
		findings = append(findings, caution(c.Address, fmt.Errorf("no copy will go to it: %s", need.Lack(path)),
			"in convenience mode all recipients get notices; have the relay offer what copies_need asks for, or see docs/sending.md"))
	}
	if tokens != nil {
		for _, w := range tokens.Warnings() {
			findings = append(findings, caution(c.Address, errors.New(w), ""))
		}
	}
	return findings
}

// checkNeed warns of a need that is none.
func checkNeed(p *patient) []finding {
	if p.config.CopiesNeed != string(bridge.NeedAny) {
		return nil
	}
	return []finding{caution("copies_need", errors.New("it is \"any\": in convenience mode, content may cross networks in the clear"),
		"set it to \"tls\" or \"verified\", unless all that stands between is yours")}
}

// checkDirect looks at what mail to the recipients' servers builds on.
func checkDirect(p *patient) []finding {
	r, err := p.config.DNS.resolver()
	if err != nil {
		return []finding{fault("DNS", err, "see [dns] in docs/configuration.md")}
	}
	if !p.config.Direct.validates(r) {
		return []finding{caution("DNS", errors.New("what it says about DNSSEC is not believed, so DANE protects no mail"),
			"run a validating resolver on this machine, such as unbound, and set dns.servers to it")}
	}
	return []finding{good("DNS", "what %s says about DNSSEC is believed, which DANE builds on", strings.Join(r.Servers, ", "))}
}

func relayAdvice(err error) string {
	var e *submit.Error
	switch {
	case errors.Is(err, oauth.ErrNoConsent):
		return "run: letterlock mailbox authorize relay"
	case errors.Is(err, oauth.ErrRefused):
		return "look at relay.oauth_client_id and its secret; if consent was taken back or ran out, have it given again: letterlock mailbox authorize relay"
	case errors.As(err, &e) && (e.Code == 535 || e.Code == 534 || e.Code == 530):
		return "look at relay.username and its password; some relays want a password made for this program"
	case errors.As(err, &e) && e.Code >= 400:
		return "the relay does not take mail from this machine: its operator must allow it"
	}
	return connectAdvice(err, "relay.address and relay.tls")
}

// keeper returns what keeps refresh tokens, or nil where the data can't be opened.
func (p *patient) keeper() oauth.Keeper {
	if p.kept == nil {
		return nil
	}
	return p.kept.db
}

// caution is about something that works today.
func caution(about string, err error, advice string) finding {
	return finding{About: about, State: stateWarning, What: err.Error(), Advice: advice}
}

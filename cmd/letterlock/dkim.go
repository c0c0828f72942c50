package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/dkim"
)

// dkimCommand is about the keys that sign the mail that leaves.
type dkimCommand struct {
	Show   dkimShowCommand   `cmd:"" help:"Print the DNS records of the keys, as a zone file has them."`
	List   dkimListCommand   `cmd:"" help:"List the keys and which of them sign."`
	Rotate dkimRotateCommand `cmd:"" help:"Make new keys, and print the DNS records to publish."`
	Switch dkimSwitchCommand `cmd:"" help:"Let the new keys sign, once their records are in DNS."`
	Retire dkimRetireCommand `cmd:"" help:"Destroy keys that sign no more."`
}

// Help is the longer help.
func (dkimCommand) Help() string {
	return `All mail that leaves has two DKIM signatures, by an RSA and an Ed25519 key, which are made and changed together. "letterlock init" makes the first ones.

To change them: "dkim rotate" makes new ones; publish the records that it prints; wait until DNS has them; "dkim switch" looks that they are there, and lets the new keys sign, in all running gateways within seconds. A week later "dkim retire" destroys the old ones; then take their records away.`
}

// dkimKeys is what each of these commands reads.
type dkimKeys struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
}

// with runs a command on the keys. The domain is as DNS has it.
func (k dkimKeys) with(ctx context.Context, fn func(g *bridge.Gateway, domain string, all []bridge.SigningPair) error) error {
	return withGateway(ctx, k.General, func(g *bridge.Gateway) error {
		domain, err := dkim.Domain(k.Domain)
		if err != nil {
			return err
		}
		all, err := g.ListSigningPairs(ctx, bridge.AsOperator())
		if err != nil {
			return err
		}
		return fn(g, domain, all)
	})
}

// pairsIn returns the pairs in a state.
func pairsIn(all []bridge.SigningPair, state bridge.SigningState) []bridge.SigningPair {
	var list []bridge.SigningPair
	for _, p := range all {
		if p.State == state {
			list = append(list, p)
		}
	}
	return list
}

// noKeys says what to do where there are none.
const noKeys = `there are no keys: make some with "letterlock dkim rotate"`

type dkimShowCommand struct {
	dkimKeys
	asJSON
}

// keyRecord is one record in the output for programs.
type keyRecord struct {
	dnsRecord
	State bridge.SigningState `json:"state"`
}

// Run prints the records that have to be published now.
func (c *dkimShowCommand) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, func(_ *bridge.Gateway, domain string, all []bridge.SigningPair) error {
		rows := []keyRecord{}
		for _, state := range []bridge.SigningState{bridge.SigningNext, bridge.SigningCurrent, bridge.SigningPast} {
			for _, p := range pairsIn(all, state) {
				if !c.JSON {
					if _, err := fmt.Fprintf(env.stdout, "; %s\n", stateText(p)); err != nil {
						return err
					}
					if err := printRecords(env.stdout, "", keyRecords(domain, p)); err != nil {
						return err
					}
				}
				for _, r := range keyRecords(domain, p) {
					rows = append(rows, keyRecord{r, state})
				}
			}
		}
		if c.JSON {
			return writeJSON(env.stdout, rows)
		}
		if len(rows) == 0 {
			return errors.New(noKeys)
		}
		return nil
	})
}

// stateText says in a sentence how far a pair is.
func stateText(p bridge.SigningPair) string {
	day := func(t time.Time) string { return t.Local().Format(time.DateOnly) }
	switch p.State {
	case bridge.SigningNext:
		return `made on ` + day(p.MadeAt) + `, to sign after "letterlock dkim switch"`
	case bridge.SigningCurrent:
		return "signing since " + day(p.CurrentAt)
	case bridge.SigningPast:
		return "replaced on " + day(p.PastAt) + ", to stay published until " + day(p.PastAt.Add(bridge.SigningRest))
	}
	return "destroyed on " + day(p.RetiredAt)
}

type dkimListCommand struct {
	dkimKeys
	asJSON
}

// pairRow is one pair in the output for programs.
type pairRow struct {
	Selectors []string            `json:"selectors"`
	State     bridge.SigningState `json:"state"`
	MadeAt    time.Time           `json:"made_at"`
	CurrentAt *time.Time          `json:"current_at,omitempty"`
	PastAt    *time.Time          `json:"past_at,omitempty"`
	RetiredAt *time.Time          `json:"retired_at,omitempty"`
}

// Run lists the pairs.
func (c *dkimListCommand) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, func(_ *bridge.Gateway, _ string, all []bridge.SigningPair) error {
		if c.JSON {
			rows := make([]pairRow, 0, len(all))
			for _, p := range all {
				row := pairRow{State: p.State, MadeAt: p.MadeAt, CurrentAt: unlessZero(p.CurrentAt), PastAt: unlessZero(p.PastAt), RetiredAt: unlessZero(p.RetiredAt)}
				for _, k := range p.Keys {
					row.Selectors = append(row.Selectors, k.Selector)
				}
				rows = append(rows, row)
			}
			return writeJSON(env.stdout, rows)
		}
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "STATE\tSELECTORS\t")
		for _, p := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", p.State, p.Selectors(), stateText(p))
		}
		return w.Flush()
	})
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type dkimRotateCommand struct{ dkimKeys }

// Run makes new keys.
func (c *dkimRotateCommand) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, func(g *bridge.Gateway, domain string, _ []bridge.SigningPair) error {
		p, err := g.MakeSigningPair(ctx, bridge.AsOperator())
		if err != nil {
			if errors.Is(err, bridge.ErrConflict) {
				return fmt.Errorf(`%w: "letterlock dkim show" prints their records, "letterlock dkim retire SELECTOR" throws them away`, err)
			}
			return err
		}
		fmt.Fprintln(env.stdout, "Publish these records:")
		fmt.Fprintln(env.stdout)
		if err := printRecords(env.stdout, "  ", keyRecords(domain, p)); err != nil {
			return err
		}
		_, err = fmt.Fprint(env.stdout, "\nThen, an hour later or so, let these keys sign: letterlock dkim switch\n")
		return err
	})
}

type dkimSwitchCommand struct {
	dkimKeys
	DNS       DNSConfig `embed:"" prefix:"dns-" group:"Keys of the configuration file"`
	Unchecked bool      `help:"Don't look into DNS first. Mail that is signed by keys that are not published counts as not signed."`
}

// Run lets the new keys sign.
func (c *dkimSwitchCommand) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, func(g *bridge.Gateway, domain string, all []bridge.SigningPair) error {
		next := pairsIn(all, bridge.SigningNext)
		if len(next) == 0 {
			return errors.New(`there are no new keys: make some with "letterlock dkim rotate"`)
		}
		p := next[0]
		if !c.Unchecked {
			if err := c.published(ctx, env.stderr, domain, p); err != nil {
				return err
			}
		}
		if err := g.SwitchSigning(ctx, bridge.AsOperator(), p.ID); err != nil {
			return err
		}
		fmt.Fprintf(env.stdout, "%s sign from now on.\n", p.Selectors())
		for _, old := range pairsIn(all, bridge.SigningCurrent) {
			until := time.Now().Add(bridge.SigningRest).Local().Format(time.DateOnly)
			fmt.Fprintf(env.stdout, "Keep the records of %s until %s, then: letterlock dkim retire\n", old.Selectors(), until)
		}
		return nil
	})
}

// published looks whether all of a pair is in DNS, and prints the records of what is not.
func (c *dkimSwitchCommand) published(ctx context.Context, w io.Writer, domain string, p bridge.SigningPair) error {
	names, err := c.DNS.resolver()
	if err != nil {
		return usageError{err}
	}
	var errs []error
	for _, k := range p.Keys {
		if err := dkim.Published(ctx, names, domain, k); err != nil {
			errs = append(errs, err)
			if !errors.Is(err, dkim.ErrUnknown) {
				_ = printRecords(w, "  ", []dnsRecord{txtRecord(k.Name(domain), k.Record())})
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	hint := "; publish it as above, and try again when DNS has it"
	if errors.Is(errs[0], dkim.ErrUnknown) {
		hint = "; look at dns.servers, and try again"
	}
	return fmt.Errorf("the new keys do not sign yet: %w%s", errs[0], hint)
}

type dkimRetireCommand struct {
	dkimKeys
	Now      bool   `help:"Even if they were replaced less than a week ago, as when a key was stolen. Mail that they signed and that is still on its way then counts as not signed."`
	Selector string `arg:"" optional:"" help:"The keys of this selector, and no others."`
}

// Run destroys keys.
func (c *dkimRetireCommand) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, func(g *bridge.Gateway, domain string, all []bridge.SigningPair) error {
		chosen := pairsIn(all, bridge.SigningPast)
		if c.Selector != "" {
			if chosen = pairOf(all, c.Selector); len(chosen) == 0 {
				return fmt.Errorf("there are no keys with the selector %q", c.Selector)
			}
		}
		if len(chosen) == 0 {
			return errors.New("there are no keys that sign no more")
		}
		for _, p := range chosen {
			if err := g.RetireSigning(ctx, bridge.AsOperator(), p.ID, c.Now); err != nil {
				return fmt.Errorf("%s: %w", p.Selectors(), err)
			}
			fmt.Fprintf(env.stdout, "The private keys of %s are destroyed. These records may go:\n", p.Selectors())
			for _, r := range keyRecords(domain, p) {
				fmt.Fprintf(env.stdout, "  %s  TXT\n", r.Name)
			}
		}
		return nil
	})
}

func pairOf(all []bridge.SigningPair, selector string) []bridge.SigningPair {
	for _, p := range all {
		for _, k := range p.Keys {
			if k.Selector == selector {
				return []bridge.SigningPair{p}
			}
		}
	}
	return nil
}

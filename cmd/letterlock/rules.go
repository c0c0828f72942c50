package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/rules"
)

// rulesCommand shows or changes what keeps messages in.
type rulesCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
	Known  *string  `placeholder:"KEYS" help:"Which known rules hold, apart by commas: card, iban, and national ids; an empty text for none."`
	Add    string   `placeholder:"KIND" enum:",words,pattern,files,names" default:"" help:"Add a rule of your own: words, pattern, files or names. It needs --name, and its lines as arguments or on standard input."`
	Name   string   `help:"The name of the rule to add; staff see it."`
	Remove string   `placeholder:"ID" help:"Remove a rule of your own."`
	Try    bool     `help:"Say what the rules find in the text on standard input. Nothing of it is kept."`
	Lines  []string `arg:"" optional:"" help:"The lines of the rule to add."`
}

// Help is the longer help.
func (rulesCommand) Help() string {
	var keys []string
	for _, id := range rules.IDs() {
		keys = append(keys, id.Key)
	}
	return `Without a flag it lists the rules. A message that matches one leaves as a notice, also in convenience mode.

Examples: letterlock rules --known card,iban,gb-nhs; letterlock rules --add words --name Diagnoses diabetes asthma; letterlock rules --try < letter.txt. The national ids are ` + strings.Join(keys, ", ") + "."
}

// maxTried bounds the octets of a text that is tried, and of a rule's lines.
const maxTried = 1 << 20

// Run changes, and shows.
func (c *rulesCommand) Run(ctx context.Context, env *environment) error {
	if len(c.Lines) > 0 && c.Add == "" {
		return usagef("what are these lines? Say --add KIND --name NAME")
	}
	if c.Add != "" && c.Name == "" {
		return usagef("a rule needs a name: --name NAME")
	}
	if c.Try && (c.Add != "" || c.Remove != "" || c.Known != nil) {
		return usagef("--try changes nothing: use it alone")
	}
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		operator := bridge.AsOperator()
		if c.Try {
			return c.try(ctx, env, g)
		}
		if c.Known != nil {
			keys := strings.FieldsFunc(*c.Known, func(r rune) bool { return r == ',' || r == ' ' })
			if err := g.SetKnownRules(ctx, operator, keys); err != nil {
				return err
			}
		}
		if c.Remove != "" {
			if err := g.RemoveContentRule(ctx, operator, c.Remove); err != nil {
				return err
			}
		}
		if c.Add != "" {
			lines := c.Lines
			if len(lines) == 0 {
				text, err := io.ReadAll(io.LimitReader(env.stdin, maxTried))
				if err != nil {
					return fmt.Errorf("read the lines of the rule: %w", err)
				}
				lines = []string{string(text)}
			}
			if _, err := g.AddContentRule(ctx, operator, rules.Rule{Kind: rules.Kind(c.Add), Name: c.Name, Values: lines}); err != nil {
				return err
			}
		}
		return c.list(ctx, env, g)
	})
}

func (c *rulesCommand) list(ctx context.Context, env *environment, g *bridge.Gateway) error {
	list, err := g.ContentRules(ctx, bridge.AsOperator())
	if err != nil {
		return err
	}
	if c.JSON {
		if list == nil {
			list = []rules.Rule{}
		}
		return writeJSON(env.stdout, list)
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(env.stdout, "no rule keeps anything in")
	}
	for _, r := range list {
		if err != nil {
			break
		}
		if r.Name == "" {
			_, err = fmt.Fprintf(env.stdout, "%s: %s\n", r.ID, r.What())
		} else {
			_, err = fmt.Fprintf(env.stdout, "%s: %s %q, lines: %d\n", r.ID, r.Kind, r.Name, len(r.Values))
		}
	}
	return err
}

func (c *rulesCommand) try(ctx context.Context, env *environment, g *bridge.Gateway) error {
	text, err := io.ReadAll(io.LimitReader(env.stdin, maxTried+1))
	if err != nil {
		return fmt.Errorf("read the text: %w", err)
	}
	why, err := g.TryContentRules(ctx, bridge.AsOperator(), "", string(text))
	if err != nil {
		return err
	}
	if c.JSON {
		if why == nil {
			why = []string{}
		}
		return writeJSON(env.stdout, struct {
			Why []string `json:"why"`
		}{why})
	}
	if len(why) == 0 {
		_, err = fmt.Fprintln(env.stdout, "no rule matches")
		return err
	}
	for _, one := range why {
		if _, err = fmt.Fprintln(env.stdout, "it", one); err != nil {
			return err
		}
	}
	return nil
}

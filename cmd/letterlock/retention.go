package main

import (
	"context"
	"errors"
	"fmt"

	"letterlock/bridge"
)

// retentionCommand shows or sets for how long conversations are kept.
type retentionCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
	Days    *int   `arg:"" optional:"" help:"Delete conversations so many days after their last message; 0 for never."`
	Thread  string `placeholder:"ID" help:"For this conversation alone; 0 days then means as for all."`
	Hold    bool   `xor:"hold" help:"Put the conversation on legal hold: nothing deletes it."`
	Release bool   `xor:"hold" help:"End the conversation's legal hold."`
	Delete  bool   `help:"Delete the conversation now."`
}

// Help is the longer help.
func (retentionCommand) Help() string {
	return `Without an argument it shows the setting. Examples: letterlock retention 3650; letterlock retention --thread ID --hold; letterlock retention --thread ID --delete.`
}

// Run shows or sets.
func (c *retentionCommand) Run(ctx context.Context, env *environment) error {
	if c.Thread == "" && (c.Hold || c.Release || c.Delete) {
		return usagef("say which conversation: --thread ID")
	}
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		if c.Thread != "" {
			return c.one(ctx, env, g)
		}
		if c.Days != nil {
			if err := g.SetRetentionDays(ctx, bridge.AsOperator(), *c.Days); err != nil {
				return err
			}
		}
		days, err := g.RetentionDays(ctx, bridge.AsOperator())
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(env.stdout, struct {
				Days int `json:"days"`
			}{days})
		}
		if days == 0 {
			_, err = fmt.Fprintln(env.stdout, "conversations are kept for ever")
		} else {
			_, err = fmt.Fprintf(env.stdout, "conversations are deleted %d days after their last message\n", days)
		}
		return err
	})
}

// one shows or sets what holds for one conversation.
func (c *retentionCommand) one(ctx context.Context, env *environment, g *bridge.Gateway) error {
	id, err := bridge.ParseID(c.Thread)
	if err != nil {
		return usagef("%q is not the id of a conversation", c.Thread)
	}
	if c.Delete {
		err := g.DeleteThread(ctx, bridge.AsOperator(), id)
		if errors.Is(err, bridge.ErrConflict) {
			return fmt.Errorf("the conversation is on legal hold: end that first with --release")
		}
		if err == nil {
			_, err = fmt.Fprintf(env.stdout, "%s deleted\n", id)
		}
		return err
	}
	r, err := g.ThreadRetention(ctx, bridge.AsOperator(), id)
	if err != nil {
		return err
	}
	if c.Days != nil {
		r.Days = *c.Days
	}
	r.Hold = (r.Hold || c.Hold) && !c.Release
	if c.Days != nil || c.Hold || c.Release {
		if err := g.SetThreadRetention(ctx, bridge.AsOperator(), id, r); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(env.stdout, struct {
			Days int  `json:"days"`
			Hold bool `json:"hold"`
		}{r.Days, r.Hold})
	}
	_, err = fmt.Fprintf(env.stdout, "%s is kept %s\n", id, r)
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"letterlock/bridge"
)

// keyCommand is about the keys with which programs use the API.
type keyCommand struct {
	List   keyListCommand   `cmd:"" help:"List API keys."`
	Add    keyAddCommand    `cmd:"" help:"Make an API key and print its secret, once."`
	Revoke keyRevokeCommand `cmd:"" help:"Make an API key useless, at once."`
}

type keyListCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
}

// keyRow is one key in the output for programs. It has no secret: that is not kept.
type keyRow struct {
	ID         bridge.ID   `json:"id"`
	Name       string      `json:"name"`
	Role       bridge.Role `json:"role"`
	CreatedAt  time.Time   `json:"created_at"`
	LastUsedAt *time.Time  `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time  `json:"revoked_at,omitempty"`
}

// Run lists the keys.
func (c *keyListCommand) Run(ctx context.Context, env *environment) error {
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		keys, err := g.ListKeys(ctx, bridge.AsOperator())
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		if c.JSON {
			rows := make([]keyRow, 0, len(keys))
			for _, k := range keys {
				rows = append(rows, keyRow{k.ID, k.Name, k.Role, k.CreatedAt, momentOrNone(k.LastUsedAt), momentOrNone(k.RevokedAt)})
			}
			return writeJSON(env.stdout, rows)
		}
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tROLE\tMADE\tLAST USED\tSTATE")
		for _, k := range keys {
			state := "active"
			if !k.RevokedAt.IsZero() {
				state = "revoked " + k.RevokedAt.Local().Format(time.DateOnly)
			}
			used := "never"
			if !k.LastUsedAt.IsZero() {
				used = k.LastUsedAt.Local().Format(time.DateTime)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Role, k.CreatedAt.Local().Format(time.DateOnly), used, state)
		}
		return w.Flush()
	})
}

func momentOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type keyAddCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
	Name string `arg:"" help:"What the key is for."`
	Role string `default:"staff" enum:"staff,admin" placeholder:"ROLE" help:"What it may do: staff (${default}) or admin."`
}

// madeKey is a new key in the output for programs.
type madeKey struct {
	ID     bridge.ID   `json:"id"`
	Name   string      `json:"name"`
	Role   bridge.Role `json:"role"`
	Secret string      `json:"secret"`
}

// Run makes the key. Only the secret goes to standard output, so that a script can keep it.
func (c *keyAddCommand) Run(ctx context.Context, env *environment) error {
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		secret, k, err := g.CreateKey(ctx, bridge.AsOperator(), c.Name, bridge.Role(c.Role))
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		if c.JSON {
			return writeJSON(env.stdout, madeKey{k.ID, k.Name, k.Role, secret})
		}
		fmt.Fprintf(env.stderr, "key %s made; its secret is shown only now:\n", k.ID)
		_, err = fmt.Fprintln(env.stdout, secret)
		return err
	})
}

type keyRevokeCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	ID      string `arg:"" help:"The key's id, as in the list."`
}

// Run revokes the key.
func (c *keyRevokeCommand) Run(ctx context.Context, env *environment) error {
	id, err := bridge.ParseID(c.ID)
	if err != nil {
		return usagef("%q is not the id of a key: see \"letterlock key list\"", c.ID)
	}
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		err := g.RevokeKey(ctx, bridge.AsOperator(), id)
		if errors.Is(err, bridge.ErrNotFound) {
			return fmt.Errorf("there is no key %s: see \"letterlock key list\"", id)
		}
		if err != nil {
			return fmt.Errorf("revoke the key: %w", err)
		}
		_, err = fmt.Fprintf(env.stdout, "%s revoked\n", id)
		return err
	})
}

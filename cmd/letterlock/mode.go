package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"letterlock/bridge"
)

// modeCommand shows or switches the organization's mode.
type modeCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
	Mode string `arg:"" optional:"" default:"" enum:",secure,convenience" help:"secure: people get a notice that says nothing of the message. convenience: people get the message itself, and can simply reply."`
}

// Help is the longer help.
func (modeCommand) Help() string {
	return `Without an argument it shows the mode and who changed it last.

In convenience mode content travels by ordinary email. If the law requires you to keep it confidential, leave it off. A switch holds at once, also for mail that waits in the queue, and a running gateway needs no restart.`
}

// Run shows the mode, or switches it and shows it.
func (c *modeCommand) Run(ctx context.Context, env *environment) error {
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		if c.Mode != "" {
			if err := g.SetMode(ctx, bridge.AsOperator(), bridge.Mode(c.Mode)); err != nil {
				return fmt.Errorf("switch the mode: %w", err)
			}
		}
		v, err := g.Mode(ctx, bridge.AsOperator())
		if err != nil {
			return fmt.Errorf("read the mode: %w", err)
		}
		if c.JSON {
			return writeJSON(env.stdout, modeJSON(v))
		}
		if _, err := fmt.Fprintln(env.stdout, v.Organization); err != nil || c.Mode != "" || len(v.Changes) == 0 {
			return err
		}
		last := v.Changes[0]
		_, err = fmt.Fprintf(env.stdout, "%s: %s\n", last.At.Local().Format(time.DateTime), last.Detail)
		return err
	})
}

// modeChange is one change in the output for programs.
type modeChange struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	By     string    `json:"by,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

func modeJSON(v bridge.ModeView) any {
	changes := make([]modeChange, 0, len(v.Changes))
	for _, e := range v.Changes {
		changes = append(changes, modeChange{At: e.At, Actor: e.Actor, By: e.By.String(), Detail: e.Detail})
	}
	return struct {
		Mode    bridge.Mode  `json:"mode"`
		Changes []modeChange `json:"changes"`
	}{v.Organization, changes}
}

// writeJSON writes v indented, and leaves <, > and & as they are.
func writeJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

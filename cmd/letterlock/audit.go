package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"letterlock/bridge"
)

// auditCommand is about the audit log.
type auditCommand struct {
	Export auditExportCommand `cmd:"" help:"Write the whole audit log as JSON lines, the oldest entry first."`
}

type auditExportCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
}

// Help is the longer help.
func (auditExportCommand) Help() string {
	return `Each line has a number ("seq") and a keyed code over itself and the line before ("link"). Keep exports apart from the gateway: the last line of one proves later that nothing up to there was put back or taken away. That it was exported is recorded, so an export ends with itself.`
}

// auditRow is one entry in the output for programs.
type auditRow struct {
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	ID     bridge.ID `json:"id"`
	Actor  string    `json:"actor"`
	By     string    `json:"by,omitempty"`
	Action string    `json:"action"`
	Thread string    `json:"thread,omitempty"`
	Person string    `json:"person,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Link   string    `json:"link"`
}

// Run writes the log.
func (c *auditExportCommand) Run(ctx context.Context, env *environment) error {
	return withGateway(ctx, c.General, func(g *bridge.Gateway) error {
		out := bufio.NewWriter(env.stdout)
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		err := g.ExportAudit(ctx, bridge.AsOperator(), func(e bridge.AuditEntry) error {
			return lines.Encode(auditRow{
				Seq: e.Seq, At: e.At, ID: e.ID, Actor: e.Actor, By: e.By.String(), Action: e.Action,
				Thread: e.Thread.String(), Person: e.Person.String(), Detail: e.Detail, Link: hex.EncodeToString(e.Link),
			})
		})
		if err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write the audit log: %w", err)
		}
		return nil
	})
}

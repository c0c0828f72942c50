package bridge

import (
	"context"
	"errors"
	"fmt"
)

// settingMode is the organization's mode.
const settingMode = "mode"

// organizationMode returns what the organization set; secure until it sets anything.
func (g *Gateway) organizationMode(ctx context.Context, tx Tx) (Mode, error) {
	v, err := tx.Setting(ctx, settingMode)
	if errors.Is(err, ErrNotFound) {
		return ModeSecure, nil
	}
	return Strictest(Mode(v)), err
}

// ModeView is the organization's mode and how it came to be.
type ModeView struct {
	Organization Mode
	Changes      []AuditEntry // newest first, at most 20
}

// Mode returns the organization's mode, to staff.
func (g *Gateway) Mode(ctx context.Context, a Actor) (ModeView, error) {
	var v ModeView
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		var err error
		if v.Organization, err = g.organizationMode(ctx, tx); err != nil {
			return err
		}
		v.Changes, err = tx.ListAudit(ctx, "mode.set", Cursor{}, 20)
		return err
	})
	return v, wrap("mode", err)
}

// SetMode sets the organization's mode: admins only. It holds for every mail that leaves from then on, those in the queue included.
func (g *Gateway) SetMode(ctx context.Context, a Actor, m Mode) error {
	if m != ModeSecure && m != ModeConvenience {
		return fmt.Errorf("set mode: the organization's mode is secure or convenience: %w", ErrInvalid)
	}
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		was, err := g.organizationMode(ctx, tx)
		if err != nil || was == m {
			return err
		}
		if err := tx.SetSetting(ctx, settingMode, string(m)); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "mode.set", Detail: g.changed(p, was, m)})
	})
	return wrap("set mode", err)
}

// SetThreadMode makes a thread stricter than the organization, or takes that back. Staff may tighten; to loosen takes an admin.
func (g *Gateway) SetThreadMode(ctx context.Context, a Actor, thread ID, m Mode) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		t, err := tx.Thread(ctx, thread)
		if err != nil {
			return err
		}
		was := t.Mode
		if err := mayChange(p, was, m); err != nil || was == m {
			return err
		}
		t.Mode = m
		if err := tx.UpdateThread(ctx, t); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "mode.thread", Thread: thread, Detail: g.changed(p, was, m)})
	})
	return wrap("set thread mode", err)
}

// SetContactMode makes all mail to one contact stricter than the organization's, or takes that back. Staff may tighten; to loosen takes an admin.
func (g *Gateway) SetContactMode(ctx context.Context, a Actor, person ID, m Mode) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		c, err := tx.Person(ctx, person)
		if err != nil {
			return err
		}
		if c.Kind != Contact {
			return fmt.Errorf("only contacts have a mode: %w", ErrInvalid)
		}
		was := c.Mode
		if err := mayChange(p, was, m); err != nil || was == m {
			return err
		}
		c.Mode = m
		if err := tx.UpdatePerson(ctx, c); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "mode.contact", Person: person, Detail: g.changed(p, was, m)})
	})
	return wrap("set contact mode", err)
}

// mayChange reports whether a level below the organization may be changed so: towards secure by any staff, otherwise by admins.
func mayChange(p principal, was, m Mode) error {
	if _, err := ParseMode(string(m)); err != nil {
		return err
	}
	if was == ModeSecure && m != ModeSecure && !p.isAdmin() {
		return fmt.Errorf("only an admin may loosen a mode: %w", ErrForbidden)
	}
	return nil
}

func (g *Gateway) changed(p principal, was, m Mode) string {
	word := func(m Mode) string {
		if m == ModeInherit {
			return "as the organization"
		}
		return string(m)
	}
	return fmt.Sprintf("%s → %s, by %s", word(was), word(m), p.name())
}

// name is how the audit log calls the principal.
func (p principal) name() string {
	switch p.actor.kind {
	case actorPerson:
		return p.person.DisplayName()
	case actorKey:
		return "key " + p.key.Name
	case actorOperator:
		return "the operator"
	}
	return "nobody"
}

package bridge

import (
	"context"
	"errors"
)

type actorKind int

const (
	actorAnonymous actorKind = iota
	actorPerson
	actorKey
	actorOperator
)

// Actor is who asks for something. It carries no rights: each method of the Gateway looks the person or key up anew, in the
// transaction that does the work, so that a disabled person can do nothing from that moment on.
type Actor struct {
	kind actorKind
	id   ID
}

// Anonymous is somebody who has not signed in. The zero Actor is the same.
func Anonymous() Actor { return Actor{} }

// AsPerson is a person who has signed in.
func AsPerson(id ID) Actor { return Actor{kind: actorPerson, id: id} }

// AsKey is a program that showed its key.
func AsKey(id ID) Actor { return Actor{kind: actorKey, id: id} }

// AsOperator is whoever runs the command line on the gateway's own machine. They may do what an admin may.
func AsOperator() Actor { return Actor{kind: actorOperator} }

// Person returns the ID of the signed-in person, or the zero ID.
func (a Actor) Person() ID {
	if a.kind == actorPerson {
		return a.id
	}
	return ID{}
}

// principal is an Actor as the store knows it at this moment.
type principal struct {
	actor  Actor
	person Person
	key    APIKey
}

// resolve looks the actor up. It returns ErrSignedOut for anybody who is nobody: anonymous, unknown, disabled, revoked.
func (g *Gateway) resolve(ctx context.Context, tx Tx, a Actor) (principal, error) {
	p := principal{actor: a}
	var err error
	switch a.kind {
	case actorPerson:
		p.person, err = tx.Person(ctx, a.id)
		if err == nil && p.person.Disabled {
			err = ErrSignedOut
		}
	case actorKey:
		p.key, err = tx.Key(ctx, a.id)
		if err == nil && !p.key.RevokedAt.IsZero() {
			err = ErrSignedOut
		}
	case actorOperator:
	default:
		err = ErrSignedOut
	}
	if errors.Is(err, ErrNotFound) {
		err = ErrSignedOut
	}
	return p, err
}

// resolveStaff is resolve for what only those on the organization's side may do.
func (g *Gateway) resolveStaff(ctx context.Context, tx Tx, a Actor) (principal, error) {
	p, err := g.resolve(ctx, tx, a)
	if err == nil && !p.isStaff() {
		err = ErrForbidden
	}
	return p, err
}

// resolveAdmin is resolve for what only admins may do.
func (g *Gateway) resolveAdmin(ctx context.Context, tx Tx, a Actor) (principal, error) {
	p, err := g.resolve(ctx, tx, a)
	if err == nil && !p.isAdmin() {
		err = ErrForbidden
	}
	return p, err
}

func (p principal) role() Role {
	switch p.actor.kind {
	case actorPerson:
		if p.person.Kind == Staff {
			return p.person.Role
		}
	case actorKey:
		return p.key.Role
	case actorOperator:
		return RoleAdmin
	}
	return RoleNone
}

func (p principal) isStaff() bool   { r := p.role(); return r == RoleStaff || r == RoleAdmin }
func (p principal) isAdmin() bool   { return p.role() == RoleAdmin }
func (p principal) isContact() bool { return p.actor.kind == actorPerson && p.person.Kind == Contact }

// id is the person's or the key's.
func (p principal) id() ID {
	if p.actor.kind == actorPerson {
		return p.person.ID
	}
	return p.key.ID
}

// mayRead reports whether the principal may read a thread, as ErrNotFound for a contact outside it: its existence is content too.
func (p principal) mayRead(ctx context.Context, tx Tx, thread ID) error {
	if p.isStaff() {
		return nil
	}
	if !p.isContact() {
		return ErrForbidden
	}
	in, err := tx.Participant(ctx, thread, p.person.ID)
	if err != nil {
		return err
	}
	if !in.LeftAt.IsZero() {
		return ErrNotFound
	}
	return nil
}

// audit records what a principal did. It belongs to the transaction of the deed.
func (g *Gateway) audit(ctx context.Context, tx Tx, p principal, e AuditEntry) error {
	e.ID, e.At = NewID(), g.now()
	switch p.actor.kind {
	case actorPerson:
		e.Actor, e.By = "person", p.person.ID
	case actorKey:
		e.Actor, e.By = "key", p.key.ID
	case actorOperator:
		e.Actor = "operator"
	default:
		e.Actor = "anonymous"
	}
	return tx.AddAudit(ctx, e)
}

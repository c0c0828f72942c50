package bridge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"
)

// keyPrefix begins every program's secret, so that a scanner for leaked secrets can know it.
const keyPrefix = "llk_"

// CreateKey makes a key for a program and returns its secret, which is shown nowhere again: admins only.
func (g *Gateway) CreateKey(ctx context.Context, a Actor, name string, role Role) (secret string, k APIKey, err error) {
	name = cleanLine(name, maxName)
	if name == "" {
		return "", APIKey{}, fmt.Errorf("create key: a name is needed, to know it again: %w", ErrInvalid)
	}
	if role != RoleStaff && role != RoleAdmin {
		return "", APIKey{}, fmt.Errorf("create key: the role is staff or admin: %w", ErrInvalid)
	}
	id := NewID()
	var b [36]byte
	copy(b[:], id[:])
	rand.Read(b[16:]) // never fails: it ends the program instead
	secret = keyPrefix + tokenCoding.EncodeToString(b[:])
	err = g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		k = APIKey{ID: id, Name: name, Role: role, SecretHash: sha256.Sum256(b[16:]), CreatedBy: p.id(), CreatedAt: g.now()}
		if err := tx.AddKey(ctx, k); err != nil {
			return err
		}
		// By what is in brackets the integrity check knows the key.
		return g.audit(ctx, tx, p, AuditEntry{Action: "key.add", Detail: fmt.Sprintf("%s (%s, %s)", name, role, id)})
	})
	if err != nil {
		return "", APIKey{}, wrap("create key", err)
	}
	return secret, k, nil
}

// ListKeys lists the programs' keys, revoked ones too, to admins.
func (g *Gateway) ListKeys(ctx context.Context, a Actor) ([]APIKey, error) {
	var keys []APIKey
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveAdmin(ctx, tx, a)
		if err == nil {
			keys, err = tx.ListKeys(ctx)
		}
		return err
	})
	return keys, wrap("list keys", err)
}

// RevokeKey ends a key: admins only.
func (g *Gateway) RevokeKey(ctx context.Context, a Actor, id ID) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		k, err := tx.Key(ctx, id)
		if err != nil || !k.RevokedAt.IsZero() {
			return err
		}
		k.RevokedAt = g.now()
		if err := tx.UpdateKey(ctx, k); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "key.revoke", Detail: fmt.Sprintf("%s (%s, %s)", k.Name, k.Role, id)})
	})
	return wrap("revoke key", err)
}

// AuthenticateKey returns the actor whose secret this is, or ErrSignedOut.
func (g *Gateway) AuthenticateKey(ctx context.Context, secret string) (Actor, error) {
	rest, ok := strings.CutPrefix(secret, keyPrefix)
	if !ok || tokenCoding.DecodedLen(len(rest)) != 36 {
		return Actor{}, fmt.Errorf("authenticate key: %w", ErrSignedOut)
	}
	b, err := tokenCoding.DecodeString(strings.ToLower(rest))
	if err != nil || len(b) != 36 {
		return Actor{}, fmt.Errorf("authenticate key: %w", ErrSignedOut)
	}
	id := ID(b[:16])
	var k APIKey
	err = g.store.View(ctx, func(tx Tx) (err error) {
		k, err = tx.Key(ctx, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		err = ErrSignedOut
	}
	if err != nil {
		return Actor{}, wrap("authenticate key", err)
	}
	hash := sha256.Sum256(b[16:])
	if subtle.ConstantTimeCompare(hash[:], k.SecretHash[:]) != 1 || !k.RevokedAt.IsZero() {
		g.noteFailure(ctx, ID{}, "API key "+k.ID.String()+": wrong secret, or revoked")
		return Actor{}, fmt.Errorf("authenticate key: %w", ErrSignedOut)
	}
	if now := g.now(); now.Sub(k.LastUsedAt) > 5*time.Minute {
		err = g.store.Update(ctx, func(tx Tx) error {
			k, err := tx.Key(ctx, id)
			if err != nil {
				return err
			}
			k.LastUsedAt = now
			return tx.UpdateKey(ctx, k)
		})
	}
	return AsKey(id), wrap("authenticate key", err)
}

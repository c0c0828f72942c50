package bridge

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SigningState is how far a pair of signing keys has come. It only ever goes forward.
type SigningState string

// The states.
const (
	SigningNext    SigningState = "next"    // made; its records are to be published
	SigningCurrent SigningState = "current" // signs all mail that leaves
	SigningPast    SigningState = "past"    // replaced; its records stay, since mail that it signed is still on its way
	SigningRetired SigningState = "retired" // its private keys are destroyed, and its records may go
)

// SigningAlgorithm is one of DKIM's, as in the k= tag of a key record.
type SigningAlgorithm string

// The algorithms: RSA with 2048 bits, which everybody verifies (RFC 8301), and Ed25519 (RFC 8463), which some do.
const (
	SigningRSA     SigningAlgorithm = "rsa"
	SigningEd25519 SigningAlgorithm = "ed25519"
)

const signingRSABits = 2048

// SigningPair is two DKIM keys (RFC 6376), one of each algorithm, that are made, published and replaced together.
type SigningPair struct {
	ID    ID
	State SigningState
	Keys  []SigningKey // RSA first

	MadeAt    time.Time
	CurrentAt time.Time // zero while it is next
	PastAt    time.Time
	RetiredAt time.Time
}

// SigningKey is one DKIM key.
type SigningKey struct {
	Algorithm SigningAlgorithm
	Selector  string // never used twice
	Public    []byte // as in p=, before base64: a SubjectPublicKeyInfo for RSA, 32 octets for Ed25519 (RFC 8463, section 4)
	Private   []byte // PKCS #8. Empty once it is destroyed, and wherever it is not to be seen
}

// Name is where the key's record belongs in DNS, with the final dot (RFC 6376, section 3.6.2.1).
func (k SigningKey) Name(domain string) string { return k.Selector + "._domainkey." + domain + "." }

// Record is the text of the key's record (RFC 6376, section 3.6.1).
func (k SigningKey) Record() string {
	return fmt.Sprintf("v=DKIM1; k=%s; p=%s", k.Algorithm, base64.StdEncoding.EncodeToString(k.Public))
}

// Selectors names the pair's keys, for people.
func (p SigningPair) Selectors() string {
	names := make([]string, len(p.Keys))
	for i, k := range p.Keys {
		names[i] = k.Selector
	}
	return strings.Join(names, ", ")
}

// withoutPrivate returns the pair as anybody may see it.
func (p SigningPair) withoutPrivate() SigningPair {
	keys := make([]SigningKey, len(p.Keys))
	for i, k := range p.Keys {
		k.Private = nil
		keys[i] = k
	}
	p.Keys = keys
	return p
}

// Signing keeps the pairs. At most one is next and at most one is current.
type Signing interface {
	// AddSigningPair returns ErrConflict if its state is taken.
	AddSigningPair(ctx context.Context, p SigningPair) error
	SigningPair(ctx context.Context, id ID) (SigningPair, error)
	// SigningPairIn returns the newest pair in a state.
	SigningPairIn(ctx context.Context, s SigningState) (SigningPair, error)
	UpdateSigningPair(ctx context.Context, p SigningPair) error // all but ID and MadeAt
	// SigningPairs returns the newest 100, newest first.
	SigningPairs(ctx context.Context) ([]SigningPair, error)
}

// SigningKeys returns the pair that signs now, with its private keys, or ErrNotFound if there is none. All processes on one store get the same.
// It is for whatever signs, and for nobody else.
func (g *Gateway) SigningKeys(ctx context.Context) (SigningPair, error) {
	var p SigningPair
	err := g.store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.SigningPairIn(ctx, SigningCurrent)
		return err
	})
	return p, wrap("signing keys", err)
}

// ListSigningPairs lists the pairs, newest first, to admins. Nobody is shown a private key.
func (g *Gateway) ListSigningPairs(ctx context.Context, a Actor) ([]SigningPair, error) {
	var list []SigningPair
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		var err error
		if list, err = tx.SigningPairs(ctx); err != nil {
			return err
		}
		for i := range list {
			list[i] = list[i].withoutPrivate()
		}
		return nil
	})
	return list, wrap("list signing keys", err)
}

// MakeSigningPair makes a pair that is next: admins only. It returns ErrConflict if there is one already.
func (g *Gateway) MakeSigningPair(ctx context.Context, a Actor) (SigningPair, error) {
	// Making keys takes long, so whoever may not is turned away first.
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		return noneNext(ctx, tx)
	})
	if err != nil {
		return SigningPair{}, wrap("make signing keys", err)
	}
	p, err := newSigningPair(g.now())
	if err != nil {
		return SigningPair{}, wrap("make signing keys", err)
	}
	err = g.store.Update(ctx, func(tx Tx) error {
		who, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := noneNext(ctx, tx); err != nil {
			return err
		}
		if err := tx.AddSigningPair(ctx, p); err != nil {
			return err
		}
		return g.audit(ctx, tx, who, AuditEntry{Action: "signing.make", Detail: p.Selectors()})
	})
	return p.withoutPrivate(), wrap("make signing keys", err)
}

// FirstSigningKeys makes the pair that signs from the beginning, where there has never been one, and returns it without its private keys; where there
// has been one it returns ErrConflict, also to all but one of several processes that begin at the same time. It is for whoever runs the
// program, and nothing that a person can ask for: nobody gains or loses anything by it.
//
// Its keys sign before their records are published. A signature that can't be verified yet is worth as much as none (RFC 6376, section 6.1),
// and none that others made is replaced by it.
func (g *Gateway) FirstSigningKeys(ctx context.Context) (SigningPair, error) {
	none := func(tx Tx) error {
		all, err := tx.SigningPairs(ctx)
		if err == nil && len(all) > 0 {
			err = ErrConflict
		}
		return err
	}
	// Making keys takes long, and only the first process of all has to.
	if err := g.store.View(ctx, none); err != nil {
		return SigningPair{}, wrap("make the first signing keys", err)
	}
	p, err := newSigningPair(g.now())
	if err != nil {
		return SigningPair{}, wrap("make the first signing keys", err)
	}
	p.State, p.CurrentAt = SigningCurrent, p.MadeAt
	err = g.store.Update(ctx, func(tx Tx) error {
		if err := none(tx); err != nil {
			return err
		}
		if err := tx.AddSigningPair(ctx, p); err != nil {
			return err
		}
		who, err := g.resolveAdmin(ctx, tx, AsOperator())
		if err != nil {
			return err
		}
		return g.audit(ctx, tx, who, AuditEntry{Action: "signing.make", Detail: p.Selectors()})
	})
	return p.withoutPrivate(), wrap("make the first signing keys", err)
}

func noneNext(ctx context.Context, tx Tx) error {
	next, err := tx.SigningPairIn(ctx, SigningNext)
	switch {
	case err == nil:
		return fmt.Errorf("there are new ones already, which wait to be published (%s): %w", next.Selectors(), ErrConflict)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	return nil
}

// SwitchSigning lets the pair that is next sign from now on, in place of the one that does: admins only. Whoever calls it has seen that the pair's
// records are published; the ID says which they looked at. It is no error if that pair signs already.
func (g *Gateway) SwitchSigning(ctx context.Context, a Actor, id ID) error {
	return wrap("switch signing keys", g.store.Update(ctx, func(tx Tx) error {
		who, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		p, err := tx.SigningPair(ctx, id)
		if err != nil || p.State == SigningCurrent {
			return err
		}
		if p.State != SigningNext {
			return fmt.Errorf("these keys are %s: %w", p.State, ErrConflict)
		}
		old, err := tx.SigningPairIn(ctx, SigningCurrent)
		if err == nil {
			old.State, old.PastAt = SigningPast, g.now()
			err = tx.UpdateSigningPair(ctx, old)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		p.State, p.CurrentAt = SigningCurrent, g.now()
		if err := tx.UpdateSigningPair(ctx, p); err != nil {
			return err
		}
		return g.audit(ctx, tx, who, AuditEntry{Action: "signing.switch", Detail: p.Selectors()})
	}))
}

// SigningRest is how long the records of a pair stay published after it was replaced: a mail may wait five days in a relay's queue (RFC 5321,
// section 4.5.4.1), and a forwarder or a mailbox may verify it later.
const SigningRest = 7 * 24 * time.Hour

// RetireSigning destroys the private keys of a pair that signs no more, or has not begun to: admins only. A pair that was replaced less than
// SigningRest ago is ErrConflict, unless it must be: then what it signed counts as unsigned once its records are gone.
func (g *Gateway) RetireSigning(ctx context.Context, a Actor, id ID, must bool) error {
	return wrap("retire signing keys", g.store.Update(ctx, func(tx Tx) error {
		who, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		p, err := tx.SigningPair(ctx, id)
		if err != nil || p.State == SigningRetired {
			return err
		}
		if p.State == SigningCurrent {
			return fmt.Errorf("these keys sign: others must take over first: %w", ErrConflict)
		}
		if until := p.PastAt.Add(SigningRest); p.State == SigningPast && !must && g.now().Before(until) {
			return fmt.Errorf("mail that they signed may be on its way until %s: %w", until.UTC().Format("2 January 2006"), ErrConflict)
		}
		p = p.withoutPrivate()
		p.State, p.RetiredAt = SigningRetired, g.now()
		if err := tx.UpdateSigningPair(ctx, p); err != nil {
			return err
		}
		return g.audit(ctx, tx, who, AuditEntry{Action: "signing.retire", Detail: p.Selectors()})
	}))
}

// newSigningPair makes two keys. Their selectors tell the day, for whoever looks through the zone later, and something random: a selector that is
// used again would have the old record remembered for it.
func newSigningPair(now time.Time) (SigningPair, error) {
	name := "ll" + now.UTC().Format("20060102") + strings.ToLower(rand.Text()[:4])
	rsaKey, err := rsa.GenerateKey(rand.Reader, signingRSABits)
	if err != nil {
		return SigningPair{}, err
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return SigningPair{}, err
	}
	// The form that RFC 6376 shows in its examples and every verifier reads (erratum 3017).
	rsaPublic, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		return SigningPair{}, err
	}
	p := SigningPair{ID: NewID(), State: SigningNext, MadeAt: now.UTC().Truncate(time.Microsecond), Keys: []SigningKey{
		{Algorithm: SigningRSA, Selector: name + "-rsa", Public: rsaPublic},
		{Algorithm: SigningEd25519, Selector: name + "-ed", Public: edPublic},
	}}
	for i, private := range []any{rsaKey, edKey} {
		if p.Keys[i].Private, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
			return SigningPair{}, err
		}
	}
	return p, nil
}

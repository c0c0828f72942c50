package bridge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// How codes and limits are bounded.
const (
	CodeLife      = 10 * time.Minute // how long a one-time code can be used
	codeDigits    = 8
	codeTries     = 5                  // wrong entries of one code
	limitWindow   = 15 * time.Minute   // the span that rate limits count over
	longestLimit  = 7 * 24 * time.Hour // the longest span that any limit counts over
	addressCodes  = 5                  // codes for one address in limitWindow
	networkCodes  = 30                 // codes asked for from one network in limitWindow
	networkTries  = 60                 // wrong codes and passwords from one network in limitWindow
	networkHashes = 300                // passwords from one network in limitWindow, right ones too: each costs a hash
	passwordTries = 10                 // passwords for one address in limitWindow
)

// LinkView is what the page behind a notice's link may show to anybody.
type LinkView struct {
	Masked string // the recipient's address, as a•••@example.org
	Thread ID
	Person ID
}

// LookLink tells where a notice's link leads. It uses nothing up and signs nobody in. A link that is not ours is ErrNotFound.
func (g *Gateway) LookLink(ctx context.Context, token string) (LinkView, error) {
	delivery, ok := g.issuer.OpenLink(token)
	if !ok {
		return LinkView{}, fmt.Errorf("look at link: %w", ErrNotFound)
	}
	var v LinkView
	err := g.store.View(ctx, func(tx Tx) error {
		d, err := tx.Delivery(ctx, delivery)
		if err != nil {
			return err
		}
		p, err := tx.Person(ctx, d.Person)
		if err != nil {
			return err
		}
		v = LinkView{Masked: maskAddress(p.Address), Thread: d.Thread, Person: p.ID}
		return nil
	})
	return v, wrap("look at link", err)
}

// CodeRequest asks for a one-time code by email.
type CodeRequest struct {
	Address string // typed by the person
	Link    string // or the token of a notice's link, whose recipient is meant
	Browser string // the secret in the cookie of the browser that asks; only there the code will work
	Network string // the peer's address, for limits
	Device  string // what SignedIn.Device was when somebody signed in with this browser; may be empty
}

// RequestCode sends a one-time code, if the address is somebody's. It answers the same if it is nobody's, so that nothing can be
// learned from it. ErrTooMany when asked too often, ErrInvalid for what is no address, ErrNotFound for a link that is not ours.
func (g *Gateway) RequestCode(ctx context.Context, r CodeRequest) error {
	if len(r.Browser) < 16 {
		return fmt.Errorf("request code: no browser to bind it to: %w", ErrInvalid)
	}
	var link LinkView
	var who string
	var err error
	if r.Link != "" {
		if link, err = g.LookLink(ctx, r.Link); err != nil {
			return err
		}
		who = link.Person.String()
	} else if who, err = address(r.Address); err != nil {
		return wrap("request code", err)
	}
	code, err := rand.Int(rand.Reader, big.NewInt(1e8))
	if err != nil {
		return wrap("request code", err)
	}
	digits := fmt.Sprintf("%0*d", codeDigits, code)

	err = g.update(ctx, func(tx Tx) error {
		var p Person
		var err error
		if r.Link != "" {
			p, err = tx.Person(ctx, link.Person)
		} else {
			p, err = tx.PersonByAddress(ctx, who)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		subject := who
		if err == nil {
			subject = p.ID.String() // the same limit however the person was named
		}
		if err := g.count(ctx, tx, g.tries("code", subject, r.Device, p.ID), addressCodes); err != nil {
			return err
		}
		if err := g.count(ctx, tx, "code from "+r.Network, networkCodes); err != nil {
			return err
		}
		now := g.now()
		c := LoginCode{ID: NewID(), Browser: sha256.Sum256([]byte(r.Browser)), Thread: link.Thread, CreatedAt: now, ExpiresAt: now.Add(CodeLife)}
		c.CodeHash = g.codeHash(c.ID, digits)
		if err == nil && !p.Disabled {
			c.Person = p.ID
		}
		if err := tx.AddLoginCode(ctx, c); err != nil {
			return err
		}
		if c.Person.IsZero() {
			return nil
		}
		return tx.AddDelivery(ctx, Delivery{
			ID: NewID(), Kind: DeliverCode, Person: p.ID, Payload: digits,
			Priority: priorityCode, State: Queued, CreatedAt: now, NextAt: now,
		})
	})
	if err != nil {
		return wrap("request code", err)
	}
	return nil
}

func (g *Gateway) codeHash(id ID, digits string) [32]byte {
	return sha256.Sum256(g.keys.Sign("sign-in code", append(id[:], digits...)))
}

// SignedIn is a person who has proven who they are. At belongs into the session, for SessionPerson.
type SignedIn struct {
	Person Person
	Thread ID // where the link led; zero for none
	At     time.Time
	ByCode bool   // it was by a one-time code: for a while that is proof enough to set a password (see Proof)
	Device string // for the browser to keep, and to show at its next sign-in; it signs nobody in
}

// SignInWithCode signs in with a code that this browser asked for. ErrWrongCode covers wrong, expired, used up and never asked.
func (g *Gateway) SignInWithCode(ctx context.Context, browser, code, network string) (SignedIn, error) {
	var in SignedIn
	var digits []byte
	for _, c := range []byte(code) {
		if c >= '0' && c <= '9' && len(digits) <= codeDigits {
			digits = append(digits, c)
		}
	}
	var refused error
	var whose ID
	err := g.store.Update(ctx, func(tx Tx) error {
		in, refused, whose = SignedIn{}, ErrWrongCode, ID{}
		if n, err := tx.CountAttempts(ctx, "sign-in from "+network, g.now().Add(-limitWindow)); err != nil {
			return err
		} else if n >= networkTries {
			refused = ErrTooMany
			return nil
		}
		c, err := tx.LoginCodeOf(ctx, sha256.Sum256([]byte(browser)))
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		whose = c.Person
		now := g.now()
		if !c.UsedAt.IsZero() || !now.Before(c.ExpiresAt) {
			return nil
		}
		if c.Attempts >= codeTries {
			refused = ErrTooMany
			return nil
		}
		want := g.codeHash(c.ID, string(digits))
		if subtle.ConstantTimeCompare(want[:], c.CodeHash[:]) != 1 || c.Person.IsZero() {
			c.Attempts++
			if err := tx.UpdateLoginCode(ctx, c); err != nil {
				return err
			}
			return tx.AddAttempt(ctx, "sign-in from "+network, now)
		}
		c.UsedAt = now
		if err := tx.UpdateLoginCode(ctx, c); err != nil {
			return err
		}
		p, err := tx.Person(ctx, c.Person)
		if err != nil {
			return err
		}
		if p.Disabled {
			return nil
		}
		in, refused = SignedIn{Person: p, Thread: c.Thread, At: now, ByCode: true, Device: g.newDevice(p.ID)}, nil
		return g.audit(ctx, tx, principal{actor: AsPerson(p.ID), person: p}, AuditEntry{Action: "signin.code", Person: p.ID})
	})
	if err == nil && refused != nil {
		err = refused
		g.noteFailure(ctx, whose, "code, from "+clip(network, 60)+": "+refused.Error())
	}
	return in, wrap("sign in with code", err)
}

// SignInWithPassword signs in with a password. ErrWrongCode covers an unknown address, no password and a wrong one alike, in equal time.
// device is what SignedIn.Device was when somebody signed in with this browser, or empty.
func (g *Gateway) SignInWithPassword(ctx context.Context, addr, pass, network, device string) (SignedIn, error) {
	who, err := address(addr)
	if err != nil {
		return SignedIn{}, wrap("sign in with password", err)
	}
	var p Person
	var hash string
	err = g.store.Update(ctx, func(tx Tx) error {
		hash = ""
		var err error
		if p, err = tx.PersonByAddress(ctx, who); errors.Is(err, ErrNotFound) {
			p, err = Person{}, nil
		}
		if err != nil {
			return err
		}
		if err := g.count(ctx, tx, g.tries("password", who, device, p.ID), passwordTries); err != nil {
			return err
		}
		if err := g.count(ctx, tx, "password from "+network, networkHashes); err != nil {
			return err
		}
		if n, err := tx.CountAttempts(ctx, "sign-in from "+network, g.now().Add(-limitWindow)); err != nil {
			return err
		} else if n >= networkTries {
			return ErrTooMany
		}
		if p.ID.IsZero() || p.Disabled {
			return nil
		}
		if hash, err = tx.PasswordHash(ctx, p.ID); errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	if errors.Is(err, ErrTooMany) {
		g.noteFailure(ctx, p.ID, "password, for "+clip(who, 100)+", from "+clip(network, 60)+": "+ErrTooMany.Error())
	}
	if err != nil {
		return SignedIn{}, wrap("sign in with password", err)
	}
	ok, rehash := false, false
	if hash == "" {
		err = g.hasher.Dummy(ctx, pass)
	} else {
		ok, rehash, err = g.hasher.Verify(ctx, hash, pass)
	}
	if err != nil {
		return SignedIn{}, wrap("sign in with password", err)
	}
	fresh := ""
	if rehash {
		if fresh, err = g.hasher.Hash(ctx, pass); err != nil {
			fresh = "" // an old password that today's rule would refuse still signs in
		}
	}
	var in SignedIn
	var refused error
	err = g.store.Update(ctx, func(tx Tx) error {
		in, refused = SignedIn{}, ErrWrongCode
		// Guesses that were sent all at once passed the first look together; here one waits for the other.
		if n, err := tx.CountAttempts(ctx, "sign-in from "+network, g.now().Add(-limitWindow)); err != nil {
			return err
		} else if n >= networkTries {
			refused = ErrTooMany
			return nil
		}
		if !ok {
			return tx.AddAttempt(ctx, "sign-in from "+network, g.now())
		}
		// Hashing takes a while, in which the person may have been disabled or the password changed.
		me, err := tx.Person(ctx, p.ID)
		if err != nil || me.Disabled {
			return err
		}
		if still, err := tx.PasswordHash(ctx, p.ID); err != nil || still != hash {
			return err
		}
		if fresh != "" {
			if err := tx.SetPasswordHash(ctx, p.ID, fresh); err != nil {
				return err
			}
		}
		in, refused = SignedIn{Person: me, At: g.now(), Device: g.newDevice(me.ID)}, nil
		return g.audit(ctx, tx, principal{actor: AsPerson(p.ID), person: me}, AuditEntry{Action: "signin.password", Person: p.ID})
	})
	if err == nil && refused != nil {
		err = refused
		g.noteFailure(ctx, p.ID, "password, for "+clip(who, 100)+", from "+clip(network, 60)+": "+err.Error())
	}
	return in, wrap("sign in with password", err)
}

// SessionPerson returns the person of a session that began at signedIn, or ErrSignedOut if it is over: disabled, or signed out since.
// It is asked on every request.
func (g *Gateway) SessionPerson(ctx context.Context, id ID, signedIn time.Time) (Person, error) {
	var p Person
	err := g.store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.Person(ctx, id)
		return err
	})
	if errors.Is(err, ErrNotFound) || (err == nil && (p.Disabled || !signedIn.After(p.SignedOutAt))) {
		err = ErrSignedOut
	}
	if err != nil {
		return Person{}, wrap("session", err)
	}
	return p, nil
}

// limit counts one use of something and returns ErrTooMany when there were too many in limitWindow.
func (g *Gateway) limit(ctx context.Context, key string, most int) error {
	return g.store.Update(ctx, func(tx Tx) error { return g.count(ctx, tx, key, most) })
}

func (g *Gateway) count(ctx context.Context, tx Tx, key string, most int) error {
	now := g.now()
	n, err := tx.CountAttempts(ctx, key, now.Add(-limitWindow))
	if err != nil {
		return err
	}
	if n >= most {
		return ErrTooMany
	}
	return tx.AddAttempt(ctx, key, now)
}

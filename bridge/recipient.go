package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"letterlock/bridge/mailaddr"
)

// CheckRecipient says whether mail to a forward-path may come in, before any of it is taken (RFC 5321, section 3.3).
// It returns nil, ErrUnknownRcpt, ErrRevokedRcpt, ErrRepliesOff or, when it cannot tell, ErrUnavailable. A forged token is refused without any look-up.
//
// The address that notices come from is accepted, since receivers may probe it before they believe a notice; mail to it is refused by Receive.
//
// The Claim says who would have to be the author of what comes there; it is zero where that depends on the mail, so ask Author then.
func (g *Gateway) CheckRecipient(ctx context.Context, forwardPath string) (Claim, error) {
	at, id := g.locate(mailaddr.Normalize(forwardPath))
	switch at {
	case elsewhere:
		return Claim{}, ErrUnknownRcpt
	case atReply:
		var s Standing
		err := g.store.View(ctx, func(tx Tx) (err error) {
			s, err = tx.StandingAt(ctx, id)
			return err
		})
		switch {
		case errors.Is(err, ErrNotFound):
			return Claim{}, ErrUnknownRcpt
		case err != nil:
			return Claim{}, fmt.Errorf("check recipient: %w: %w", ErrUnavailable, err)
		}
		claim := s.claim()
		claim.Path = forwardPath
		return claim, s.accepts()
	}
	return Claim{}, nil
}

// accepts returns ErrRevokedRcpt for somebody who is not in the thread, or not any more, and ErrRepliesOff where a mode forbids
// answers by email.
func (s Standing) accepts() error {
	switch {
	case !s.Address.RevokedAt.IsZero(), s.Person.Disabled, !s.In:
		return ErrRevokedRcpt
	case s.mode() != ModeConvenience:
		return ErrRepliesOff
	}
	return nil
}

func (s Standing) claim() Claim {
	return Claim{Person: s.Person.ID, Address: s.Person.Address, Thread: s.Thread.ID}
}

// mode is the one that holds for the person in the thread.
func (s Standing) mode() Mode { return Strictest(s.Organization, s.Thread.Mode, s.Person.Mode) }

// ours reports whether a normalised address is one of this gateway's own, so that nobody writes to it as to a person.
func (g *Gateway) ours(address string) bool {
	at, _ := g.locate(address)
	local, domain, _ := strings.Cut(address, "@")
	return at != elsewhere || (domain == g.domain && (strings.HasPrefix(local, replyPrefix) || strings.HasPrefix(local, bouncePrefix)))
}

// notOurs returns an error that wraps ErrInvalid for a normalised address that is one of this gateway's own.
func (g *Gateway) notOurs(address string) error {
	if g.ours(address) {
		return fmt.Errorf("%s is an address of this gateway: %w", address, ErrInvalid)
	}
	return nil
}

// Refusal returns a sentence for whoever sent what was refused: plain ASCII, one line, and nothing of the mail or the thread in it but, for a
// *FileError, the name of the file.
func (g *Gateway) Refusal(err error) string {
	var file *FileError
	switch {
	case errors.As(err, &file):
		s := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '?'
			}
			return r
		}, file.sentence())
		return strings.ToUpper(s[:1]) + s[1:] + "."
	case errors.Is(err, ErrRepliesOff):
		return "Replies by email are not accepted here. Please sign in at " + g.baseURL + " to read and answer."
	case errors.Is(err, ErrRevokedRcpt):
		return "This reply address is no longer in use. Please sign in at " + g.baseURL + " to read and answer."
	case errors.Is(err, ErrUnknownRcpt):
		return "No such address here."
	case errors.Is(err, ErrForbidden):
		return "The sender of this mail could not be verified. Please sign in at " + g.baseURL + " to answer."
	case errors.Is(err, ErrTooLarge):
		return "This mail is too large. Please sign in at " + g.baseURL + " to send it."
	case errors.Is(err, ErrTooMany):
		return "Too many mails at once. Please try again later."
	case errors.Is(err, ErrUnavailable):
		return "Temporarily unavailable. Please try again later."
	}
	return "This mail can't be accepted."
}

// refusalBudget bounds how many refusals at RCPT are written down: an attacker's guesses must not fill the store.
type refusalBudget struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

const refusalsAMinute = 60

func (b *refusalBudget) spend(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.since) >= time.Minute {
		b.since, b.n = now, 0
	}
	b.n++
	return b.n <= refusalsAMinute
}

// NoteRefusal records that a forward-path was refused before any mail was taken, at most 60 a minute. It never fails: the refusal stands anyway.
func (g *Gateway) NoteRefusal(ctx context.Context, e Envelope, reason error) {
	now := g.now()
	if !g.refusals.spend(now) {
		return
	}
	if e.At.IsZero() {
		e.At = now
	}
	r := Received{ID: NewID(), Envelope: e, Disposition: Refused, Reasons: []string{reason.Error()}}
	err := g.store.Update(ctx, func(tx Tx) error {
		r := r
		if at, id := g.locate(mailaddr.Normalize(e.ForwardPath)); at == atReply {
			if a, err := tx.ReplyAddress(ctx, id); err == nil {
				r.Thread, r.Person = a.Thread, a.Person
			}
		}
		return tx.AddReceived(ctx, r, Blob{})
	})
	if err != nil {
		g.log.WarnContext(ctx, "refusal not recorded", "error", err)
	}
}

// Claim is whose reply a mail would be, if it were theirs.
type Claim struct {
	Person  ID     // zero where the mail names no participant
	Address string // the participant's, normalised
	Thread  ID
	Path    string // the reply address that names the participant; empty where something else does
}

// Author tells whose reply a mail claims to be, by its reply address or else the Message-IDs it refers to. It is for whoever judges the sender.
func (g *Gateway) Author(ctx context.Context, e Envelope, m *Mail) (Claim, error) {
	var c Claim
	err := g.store.View(ctx, func(tx Tx) error {
		t, err := g.target(ctx, tx, e, m)
		if c = t.standing.claim(); t.at == atReply {
			c.Path = t.path
		}
		return err
	})
	if err != nil {
		return Claim{}, fmt.Errorf("author of a mail: %w: %w", ErrUnavailable, err)
	}
	return c, nil
}

package bridge

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// A mail that its recipient may turn off says where (List-Unsubscribe, RFC 2369), and that one request there is enough
// (List-Unsubscribe-Post, RFC 8058). The link is the same in all mails to a person. It names them by Person.Unsubscribe, which is random, and
// can do nothing else: it signs nobody in and shows nothing of theirs.

const (
	personUnsubscribes  = 20  // times that the links to one person turned something off, in limitWindow
	networkUnsubscribes = 600 // the same from one network: that of a large provider does it for many
)

// randomID returns an ID that tells nothing, not even when it was made.
func randomID() (id ID) {
	rand.Read(id[:]) // never fails: it ends the program instead
	return id
}

// UnsubscribeURL returns where a person's mails are turned off. RFC 8058, section 3.1, wants https: without it there is none.
func (i *Issuer) UnsubscribeURL(id ID) string {
	if id.IsZero() || !strings.HasPrefix(i.base, "https://") {
		return ""
	}
	return i.base + "/u/" + i.token(purposeUnsubscribe, id)
}

// OpenUnsubscribe returns the Person.Unsubscribe that a token names, if we made it.
func (i *Issuer) OpenUnsubscribe(token string) (ID, bool) { return i.open(purposeUnsubscribe, token) }

// UnsubscribeView is what the page behind such a link may show to anybody.
type UnsubscribeView struct {
	Masked string // the recipient's address, as a•••@example.org
	Staff  bool
	Off    bool // all that can be turned off is
}

// LookUnsubscribe tells what a link would turn off. It changes nothing, since scanners follow links. A link that is not ours is ErrNotFound.
func (g *Gateway) LookUnsubscribe(ctx context.Context, token string) (UnsubscribeView, error) {
	id, ok := g.issuer.OpenUnsubscribe(token)
	if !ok {
		return UnsubscribeView{}, fmt.Errorf("look at unsubscribing: %w", ErrNotFound)
	}
	var v UnsubscribeView
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := tx.PersonByUnsubscribe(ctx, id)
		if err != nil {
			return err
		}
		c, err := choicesOf(ctx, tx, p.ID)
		v = UnsubscribeView{Masked: maskAddress(p.Address), Staff: p.Kind == Staff, Off: c.Notify == NotifyNone}
		return err
	})
	return v, wrap("look at unsubscribing", err)
}

// Unsubscribe turns off all mails to a person that can be, for whoever has the link: RFC 8058, section 3.2, knows no sign-in. Codes, first
// notices and what security needs leave all the same. Again it changes nothing, and is no error. The person sees it when they next sign in, and
// can turn it on again. ErrTooMany for who does it too often.
func (g *Gateway) Unsubscribe(ctx context.Context, token, network string) (UnsubscribeView, error) {
	id, ok := g.issuer.OpenUnsubscribe(token)
	if !ok {
		return UnsubscribeView{}, fmt.Errorf("unsubscribe: %w", ErrNotFound)
	}
	v, err := g.LookUnsubscribe(ctx, token)
	if err != nil || v.Off {
		return v, err
	}
	err = g.store.Update(ctx, func(tx Tx) error {
		p, err := tx.PersonByUnsubscribe(ctx, id)
		if err != nil {
			return err
		}
		c, err := choicesOf(ctx, tx, p.ID)
		if err != nil || c.Notify == NotifyNone {
			return err
		}
		if err := g.count(ctx, tx, "unsubscribe:"+p.ID.String(), personUnsubscribes); err != nil {
			return err
		}
		if err := g.count(ctx, tx, "unsubscribe from "+network, networkUnsubscribes); err != nil {
			return err
		}
		was := c.summary()
		c.Notify, c.OffAt, c.digestAt = NotifyNone, g.now(), time.Time{}
		if err := tx.SetMailChoices(ctx, p.ID, c); err != nil {
			return err
		}
		return g.audit(ctx, tx, principal{}, AuditEntry{Action: "mail.unsubscribe", Person: p.ID, Detail: was + " → none, by the link in a mail"})
	})
	if err != nil {
		return UnsubscribeView{}, wrap("unsubscribe", err)
	}
	v.Off = true
	return v, nil
}

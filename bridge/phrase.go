package bridge

import (
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// A person's phrase stands in every content-free mail to them. Who forges a notice doesn't know it.

// MaxPhrase is how many characters a phrase may have.
const MaxPhrase = 40

// Phrase returns the person's own phrase; nothing if they chose none. Nobody else can ask for it.
func (g *Gateway) Phrase(ctx context.Context, a Actor) (string, error) {
	phrase := ""
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err == nil && p.person.ID.IsZero() {
			err = ErrForbidden
		}
		if err == nil {
			phrase, err = tx.Phrase(ctx, p.person.ID)
		}
		return err
	})
	return phrase, wrap("phrase", err)
}

// SetPhrase sets the person's own phrase, or takes it back where it is empty. ErrInvalid says what is wrong with it.
func (g *Gateway) SetPhrase(ctx context.Context, a Actor, phrase string) error {
	clean := cleanLine(phrase, MaxPhrase+1)
	err := checkPhrase(clean)
	if err == nil {
		err = g.store.Update(ctx, func(tx Tx) error {
			p, err := g.resolve(ctx, tx, a)
			if err == nil && p.person.ID.IsZero() {
				err = ErrForbidden
			}
			if err != nil {
				return err
			}
			if err := tx.SetPhrase(ctx, p.person.ID, clean); err != nil {
				return err
			}
			return g.audit(ctx, tx, p, AuditEntry{Action: "person.phrase", Person: p.person.ID})
		})
	}
	return wrap("set phrase", err)
}

// checkPhrase takes words and pictures, and nothing that a mail program would make a link of or that could pass for an instruction to
// a program: the phrase stands where people look for a sign that a mail is real.
func checkPhrase(s string) error {
	if utf8.RuneCountInString(s) > MaxPhrase {
		return fmt.Errorf("a phrase has at most %d characters: %w", MaxPhrase, ErrInvalid)
	}
	for _, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsDigit(r), unicode.Is(unicode.So, r), unicode.Is(unicode.Sk, r):
		case r == ' ', r == '-', r == '\'', r == '’', r == ',', r == '!', r == '?', r == '\u200d': // the last joins pictures
		default:
			return fmt.Errorf("a phrase is made of words and pictures, and %q is neither: %w", r, ErrInvalid)
		}
	}
	return nil
}

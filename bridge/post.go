package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"letterlock/bridge/richtext"
)

// Once makes a request safe to repeat: with the same Key the first one's result is returned again. Request is a hash of the
// request; the same Key with another one is ErrConflict. The zero Once is a request that is never repeated.
type Once struct {
	Key      string
	Request  [32]byte
	Replayed *bool // if set, it becomes true when the result is an earlier request's
}

// onceLife is how long a Key is remembered.
const onceLife = 7 * 24 * time.Hour

func (g *Gateway) onceBefore(ctx context.Context, tx Tx, p principal, o Once) (*OnceRecord, error) {
	if o.Key == "" {
		return nil, nil
	}
	done, err := tx.Once(ctx, p.id(), o.Key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case done.Request != o.Request:
		return nil, ErrKeyReused
	}
	if o.Replayed != nil {
		*o.Replayed = true
	}
	return &done, nil
}

// onceAfter remembers what a request led to: made names it.
func (g *Gateway) onceAfter(ctx context.Context, tx Tx, p principal, o Once, made OnceRecord) error {
	if o.Key == "" {
		return nil
	}
	made.Owner, made.Key, made.Request, made.CreatedAt = p.id(), o.Key, o.Request, g.now()
	return tx.AddOnce(ctx, made)
}

// Post is the request to add a message to a thread.
type Post struct {
	Thread ID
	Text   string
	HTML   string // cleaned here; Text is made from it if empty
	Note   bool   // internal: staff only see it
	Secure bool   // its email is a notice, whatever the mode
	Files  []Attachment
	Via    Via
	Once   Once

	Replaces ID   // a pending message that was taken back, which this one takes the place of
	Keep     []ID // those of its files that this one has too, before its own
}

// Post adds a message to a thread, and the deliveries to its other participants, in one transaction.
// A contact's message opens a closed thread again; ErrTooMany for one who sends too many (Config.Pace).
func (g *Gateway) Post(ctx context.Context, a Actor, r Post) (Message, error) {
	kept, err := g.keptFiles(ctx, a, r.Replaces, r.Keep)
	if err != nil {
		return Message{}, wrap("post", err)
	}
	body, err := g.body(r.Text, r.HTML, slices.Concat(kept, r.Files))
	if err != nil {
		return Message{}, err
	}
	body.Secure = r.Secure && !r.Note
	if !r.Note {
		// The thread's subject counts too, but it is not read before it is known that the actor may.
		if body.Stays, err = g.stays(ctx, "", &body); err != nil {
			return Message{}, fmt.Errorf("post: %w", err)
		}
	}
	var m Message
	turn := turn{pace: &g.pace}
	err = g.update(ctx, func(tx Tx) error {
		turn.giveBack()
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := p.mayRead(ctx, tx, r.Thread); err != nil {
			return err
		}
		if (r.Note || !r.Replaces.IsZero()) && !p.isStaff() {
			return ErrForbidden
		}
		if done, err := g.onceBefore(ctx, tx, p, r.Once); err != nil {
			return err
		} else if done != nil {
			m, err = tx.Message(ctx, done.Message)
			return err
		}
		t, err := tx.Thread(ctx, r.Thread)
		if err != nil {
			return err
		}
		if err := turn.post(p, g.now()); err != nil {
			return err
		}
		m = body
		m.Via = r.Via
		if r.Note {
			m.Kind = Note
		}
		if err := supplant(ctx, tx, r.Replaces, r.Thread); err != nil {
			return err
		}
		if err := g.append(ctx, tx, p, &t, &m, NewID()); err != nil {
			return err
		}
		return g.onceAfter(ctx, tx, p, r.Once, OnceRecord{Thread: t.ID, Message: m.ID})
	})
	if err != nil {
		turn.giveBack()
		return Message{}, fmt.Errorf("post: %w", err)
	}
	return m, nil
}

// body makes the content of a message that was written here, not mailed. Its errors wrap ErrInvalid or ErrTooLarge.
func (g *Gateway) body(text, html string, files []Attachment) (Message, error) {
	if len(text) > g.maxText || len(html) > g.maxText {
		return Message{}, fmt.Errorf("a message has at most %d characters: %w", g.maxText, ErrTooLarge)
	}
	m := Message{Kind: Public, Text: cleanText(text)}
	if html != "" {
		clean, err := richtext.Clean(html)
		if err != nil {
			return Message{}, fmt.Errorf("the formatted text can't be read (%v): %w", err, ErrInvalid)
		}
		m.HTML = clean.HTML
		if m.Text == "" {
			m.Text = cleanText(richtext.Text(m.HTML))
		}
	}
	if m.Text == "" && len(files) == 0 {
		return Message{}, fmt.Errorf("a message needs a text or a file: %w", ErrInvalid)
	}
	if len(files) > maxFileCount {
		return Message{}, fmt.Errorf("a message has at most %d files: %w", maxFileCount, ErrTooLarge)
	}
	var size int64
	for _, f := range files {
		size += f.Blob.Size
	}
	if size > g.maxFiles {
		return Message{}, fmt.Errorf("the files of one message may have %d MB together: %w", g.maxFiles>>20, ErrTooLarge)
	}
	m.Attachments = append(m.Attachments, files...)
	return m, nil
}

// append adds the principal's message to a thread, as id. It changes m: the transaction may run again, so give it a fresh copy.
func (g *Gateway) append(ctx context.Context, tx Tx, p principal, t *Thread, m *Message, id ID) error {
	switch {
	case p.isContact():
		m.AuthorKind, m.Author, m.AuthorName = ByContact, p.person.ID, p.person.DisplayName()
	case p.actor.kind == actorPerson:
		m.AuthorKind, m.Author, m.AuthorName = ByStaff, p.person.ID, p.person.DisplayName()
		if m.Kind == Public {
			// Who answers a thread is told of what comes next.
			if _, err := g.join(ctx, tx, t.ID, p.person); err != nil {
				return err
			}
		}
	default:
		m.AuthorKind, m.AuthorName = ByProgram, g.organization
	}
	if err := p.useStaged(ctx, tx, m); err != nil {
		return err
	}
	return g.addAs(ctx, tx, t, m, id)
}

// add is addAs with a new id.
func (g *Gateway) add(ctx context.Context, tx Tx, t *Thread, m *Message) error {
	return g.addAs(ctx, tx, t, m, NewID())
}

// addAs completes a message whose author is set, stores it, opens the thread again if a contact wrote, and fills the outbox.
func (g *Gateway) addAs(ctx context.Context, tx Tx, t *Thread, m *Message, id ID) error {
	m.ID, m.Thread, m.At = id, t.ID, g.now()
	files := make([]Attachment, len(m.Attachments))
	for i, f := range m.Attachments {
		f.ID, f.Message, f.Thread, f.Note = NewID(), m.ID, t.ID, m.Kind == Note
		files[i] = f
	}
	m.Attachments = files
	if err := tx.AddMessage(ctx, m); err != nil {
		return err
	}
	if m.Kind == Note {
		t.Seq = m.Seq
		return nil
	}
	t.LastAt, t.Preview, t.Seq, t.Awaiting = m.At, m.Preview(), m.Seq, m.AuthorKind == ByContact
	if t.Status == Closed && m.AuthorKind == ByContact {
		t.Status = Open
		if err := tx.UpdateThread(ctx, *t); err != nil {
			return err
		}
	}
	return g.deliver(ctx, tx, t, m)
}

// deliver queues a mail to each participant but the author. Staff are told only of what contacts write.
func (g *Gateway) deliver(ctx context.Context, tx Tx, t *Thread, m *Message) error {
	in, err := tx.Participants(ctx, t.ID)
	if err != nil {
		return err
	}
	var timing Timing
	var mode Mode
	asked := false
	for _, one := range in {
		if one.Person == m.Author || !one.LeftAt.IsZero() || (one.Kind == Staff && m.AuthorKind != ByContact) {
			continue
		}
		if !asked {
			// Many threads have nobody else in them, and mail comes to them all the time.
			if timing, err = g.timingNow(ctx, tx); err != nil {
				return err
			}
			org, err := g.organizationMode(ctx, tx)
			if err != nil {
				return err
			}
			mode, asked = Strictest(org, t.Mode), true
		}
		d := Delivery{
			ID: NewID(), Kind: DeliverMessage, Thread: t.ID, Message: m.ID, Person: one.Person,
			Priority: priorityMessage, State: Queued, CreatedAt: m.At, NextAt: timing.dueFor(mode, one.Kind, m.At),
		}
		if err := tx.AddDelivery(ctx, d); err != nil {
			return err
		}
		if err := timing.watch(ctx, tx, one, m.At); err != nil {
			return err
		}
	}
	return nil
}

// Lower leaves earlier.
const (
	priorityCode    = 0
	priorityMessage = 5
	priorityLate    = 9
)

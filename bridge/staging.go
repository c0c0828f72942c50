package bridge

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Staging keeps account of what was staged and is not used yet. An owner is a person or a key.
type Staging interface {
	// AddStaged records that the owner staged content that is not in Blob.Inline.
	AddStaged(ctx context.Context, owner ID, b Blob, at time.Time) error
	// UseStaged forgets what the owner staged of the same content: a message has it now.
	UseStaged(ctx context.Context, owner ID, b Blob) error
	// Staged returns how many octets the owner staged from a moment on and has not used.
	Staged(ctx context.Context, owner ID, since time.Time) (int64, error)
}

const (
	// stagedMessages is how many messages' worth of files one person or program can stage within stagedLife without using them.
	stagedMessages = 10
	// stagedLife is how long staged files are kept for a message.
	stagedLife = 24 * time.Hour
)

// useStaged takes a message's files off its author's account.
func (p principal) useStaged(ctx context.Context, tx Tx, m *Message) error {
	for _, f := range m.Attachments {
		if f.Blob.Key == "" {
			continue
		}
		if err := tx.UseStaged(ctx, p.id(), f.Blob); err != nil {
			return err
		}
	}
	return nil
}

// uploads counts the octets that are coming in just now, by owner.
type uploads struct {
	mu  sync.Mutex
	now map[ID]int64
}

// add counts n octets of an owner, or takes them off, and returns how many there are then.
func (u *uploads) add(owner ID, n int64) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.now == nil {
		u.now = make(map[ID]int64)
	}
	u.now[owner] += n
	total := u.now[owner]
	if total == 0 {
		delete(u.now, owner)
	}
	return total
}

// upload is one file that is coming in. Its reader fails once it is larger than a file may be, where io.LimitedReader would end in
// silence, and once its owner has too much of what nobody used.
type upload struct {
	r     io.Reader
	name  string
	limit int64 // octets of this file
	read  int64
	all   *uploads
	owner ID
	spare int64 // octets that the owner may have coming in at once
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	if most := u.limit - u.read + 1; int64(len(p)) > most {
		p = p[:most]
	}
	n, err := u.r.Read(p)
	u.read += int64(n)
	coming := u.all.add(u.owner, int64(n))
	switch {
	case u.read > u.limit:
		return 0, &FileError{u.name, "is larger than " + megabytes(u.limit) + ", which is the most for one file", ErrTooLarge}
	case coming > u.spare:
		return 0, errTooMuchStaged
	}
	return n, err
}

// done takes the file's octets off what is coming in.
func (u *upload) done() { u.all.add(u.owner, -u.read) }

// errTooMuchStaged speaks to whoever uploads: it shows nothing of what others have.
var errTooMuchStaged = fmt.Errorf("too many files were uploaded within a day and never sent: try again tomorrow: %w", ErrTooLarge)

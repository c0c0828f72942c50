package bridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"letterlock/bridge/filetype"
)

// Scanner looks for harmful content. It reads r to its end, and returns the name of what it found, or nothing. An error means that nobody knows: one
// that wraps ErrTooLarge, that the content is more than it can look at; any other, that asking again later may tell.
type Scanner interface {
	Scan(ctx context.Context, r io.Reader) (found string, err error)
}

// FileError says which file can't be taken, and why. It wraps ErrInvalid or ErrTooLarge.
type FileError struct {
	Name string // of the file, as it is shown; empty for the mail as a whole
	why  string // goes on after the name
	kind error
}

// Error implements error.
func (e *FileError) Error() string { return e.sentence() + ": " + e.kind.Error() }

// Unwrap returns ErrInvalid or ErrTooLarge.
func (e *FileError) Unwrap() error { return e.kind }

func (e *FileError) sentence() string {
	if e.Name == "" {
		return "this mail " + e.why
	}
	return "the file \"" + e.Name + "\" " + e.why
}

// fileRules say which files are taken, however they come.
type fileRules struct {
	maxFile, maxAll int64
	allowed, denied []filetype.Kind // no allowed ones: all but the denied
}

// typed reports whether the kind of a file matters.
func (r fileRules) typed() bool { return len(r.allowed)+len(r.denied) > 0 }

// check returns a FileError for one file that is not taken. Any other error is the content's own.
func (r fileRules) check(name string, content io.ReaderAt, size int64) error {
	if size > r.maxFile {
		return &FileError{name, "is larger than " + megabytes(r.maxFile) + ", which is the most for one file", ErrTooLarge}
	}
	if !r.typed() {
		return nil
	}
	found, err := filetype.Of(name, content, size)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !slices.Contains(r.denied, f.Kind) && (len(r.allowed) == 0 || slices.Contains(r.allowed, f.Kind)) {
			continue
		}
		why := "is " + f.Kind.Words()
		if f.Entry != "" {
			why = "holds \"" + fileName(f.Entry) + "\", which is " + f.Kind.Words()
		}
		return &FileError{name, why + "; such files are not taken here", ErrInvalid}
	}
	return nil
}

// mail checks all files of a mail: how large they are, and what they are.
func (r fileRules) mail(m *Mail) error {
	var total int64
	largest := 0
	for i, p := range m.Attachments {
		size := int64(len(p.Content))
		if err := r.check(fileName(p.Filename), bytes.NewReader(p.Content), size); err != nil {
			return err
		}
		total += size
		if size > int64(len(m.Attachments[largest].Content)) {
			largest = i
		}
	}
	if total > r.maxAll {
		return &FileError{
			fileName(m.Attachments[largest].Filename),
			"is the largest of files with " + megabytes(total) + " together, and one message may have " + megabytes(r.maxAll), ErrTooLarge,
		}
	}
	return nil
}

func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.4g MB", float64(n)/(1<<20))
}

// inspect returns why a mail can't be taken, if its files are not wanted or harmful, or an error that means that nobody knows now.
func (g *Gateway) inspect(ctx context.Context, m *Mail) (refusal *FileError, err error) {
	if err := g.files.mail(m); err != nil {
		if errors.As(err, &refusal) {
			return refusal, nil
		}
		return nil, err
	}
	if g.scanner == nil {
		return nil, nil
	}
	key := sha256.Sum256(m.Raw)
	if known, ok := g.scanned.get(key, g.now()); ok {
		return known, nil
	}
	if refusal, err = g.scanMail(ctx, m); err == nil {
		g.scanned.put(key, refusal, g.now())
	}
	return refusal, err
}

// scanMail scans each file as it would be handed out, and then the mail as it came, since a scanner may read it in another way.
func (g *Gateway) scanMail(ctx context.Context, m *Mail) (*FileError, error) {
	for _, p := range m.Attachments {
		if refusal, err := g.scan(ctx, fileName(p.Filename), bytes.NewReader(p.Content)); refusal != nil || err != nil {
			return refusal, err
		}
	}
	return g.scan(ctx, "", bytes.NewReader(m.Raw))
}

// scan asks the scanner about one file, or a whole mail if it has no name.
func (g *Gateway) scan(ctx context.Context, name string, r io.Reader) (*FileError, error) {
	found, err := g.scanner.Scan(ctx, r)
	switch {
	case errors.Is(err, ErrTooLarge):
		return &FileError{name, "is larger than what can be searched for harmful content", ErrTooLarge}, nil
	case err != nil:
		return nil, fmt.Errorf("search for harmful content: %w: %w", ErrUnavailable, err)
	case found != "":
		g.log.WarnContext(ctx, "harmful content refused", "signature", found)
		return &FileError{name, "holds something harmful (" + cleanLine(found, 100) + ")", ErrInvalid}, nil
	}
	return nil, nil
}

// inspectFile does for an uploaded file what inspect does for a mail.
func (g *Gateway) inspectFile(ctx context.Context, name string, b Blob) error {
	if !g.files.typed() && g.scanner == nil {
		return nil
	}
	content, err := g.store.OpenBlob(ctx, b)
	if err != nil {
		return err
	}
	defer content.Close()
	if err := g.files.check(name, seeking{content}, b.Size); err != nil || g.scanner == nil {
		return err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if refusal, err := g.scan(ctx, name, content); refusal != nil {
		return refusal
	} else if err != nil {
		return err
	}
	return nil
}

// seeking reads at any place of what one goroutine holds alone.
type seeking struct{ io.ReadSeeker }

// ReadAt implements io.ReaderAt.
func (s seeking) ReadAt(p []byte, at int64) (int, error) {
	if _, err := s.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s, p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

// refusedFilesADay is how many refused files of one person or program are recorded within a day.
const refusedFilesADay = 20

// noteFile records that somebody's file was refused. The refusal stands anyway.
func (g *Gateway) noteFile(ctx context.Context, a Actor, refusal *FileError) {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		key := "file.refuse:" + p.id().String()
		n, err := tx.CountAttempts(ctx, key, g.now().Add(-24*time.Hour))
		if err != nil || n >= refusedFilesADay {
			return err
		}
		if err := tx.AddAttempt(ctx, key, g.now()); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "file.refuse", Detail: refusal.sentence()})
	})
	if err != nil {
		g.log.WarnContext(ctx, "refused file not recorded", "error", err)
	}
}

// scans remembers for a moment what was found in mails, so that one to many recipients is searched once.
type scans struct {
	mu    sync.Mutex
	known map[[32]byte]scanned
}

type scanned struct {
	refusal *FileError
	at      time.Time
}

const (
	scansKept = 64
	scanLife  = 2 * time.Minute
)

func (s *scans) get(key [32]byte, now time.Time) (*FileError, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.known[key]
	if age := now.Sub(k.at); !ok || age < 0 || age > scanLife {
		return nil, false
	}
	return k.refusal, true
}

func (s *scans) put(key [32]byte, refusal *FileError, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= scansKept {
		s.known = make(map[[32]byte]scanned, scansKept)
	}
	s.known[key] = scanned{refusal, now}
}

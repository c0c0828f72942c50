package bridge_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
)

// zeros is a file of n octets, which no two uploads have the same: it begins with a number.
func zeros(first byte, n int64) io.Reader {
	return io.MultiReader(bytes.NewReader([]byte{first}), io.LimitReader(zero{}, n-1))
}

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestUploadsThatAreNeverSent: what one person stages and never uses is bounded, by what it is and not by how much of it is new to us.
func TestUploadsThatAreNeverSent(t *testing.T) {
	w := newWorld(t)
	ctx, ann := t.Context(), bridge.AsPerson(w.inside.ID)
	const mb = 1 << 20
	stage := func(a bridge.Actor, first byte, n int64) (bridge.Attachment, error) {
		return w.g.StageFile(ctx, a, "f", "application/pdf", zeros(first, n))
	}
	full := func(err error) bool {
		return errors.Is(err, bridge.ErrTooLarge) && strings.Contains(err.Error(), "tomorrow")
	}
	var last bridge.Attachment
	for i := range 10 {
		var err error
		last, err = stage(ann, byte(i%2), 24*mb) // mostly the same file again
		w.must(err)
	}
	if _, err := stage(ann, 99, 11*mb); !full(err) {
		t.Errorf("over the bound: got %v, want ErrTooLarge", err)
	}
	if _, err := stage(ann, 99, 9*mb); err != nil {
		t.Errorf("within the bound: %v", err)
	}
	if _, err := stage(bridge.AsPerson(w.outside.ID), 0, 24*mb); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	// What is sent counts no longer.
	_, err := w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: "Here.", Files: []bridge.Attachment{last}})
	w.must(err)
	_, err = stage(ann, 98, 20*mb)
	w.must(err)
	// A day later nothing does.
	if _, err := stage(ann, 97, 24*mb); err != nil {
		t.Errorf("with what the sent file had: %v", err)
	}
	w.clock.forward(25 * time.Hour)
	if _, err := stage(ann, 96, 24*mb); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// TestUploadsAtOnce: those that are still coming in count too.
func TestUploadsAtOnce(t *testing.T) {
	w := newWorld(t)
	ann := bridge.AsPerson(w.inside.ID)
	var wg sync.WaitGroup
	var mu sync.Mutex
	begun, refused := 0, 0
	all := make(chan struct{})
	for i := range 14 {
		wg.Go(func() {
			held := false
			r := io.MultiReader(zeros(byte(i), 20<<20), readerFunc(func([]byte) (int, error) {
				// Nobody ends before everybody has sent what they could.
				if !held {
					held = true
					mu.Lock()
					if begun++; begun+refused == 14 {
						close(all)
					}
					mu.Unlock()
					<-all
				}
				return 0, io.EOF
			}))
			_, err := w.g.StageFile(t.Context(), ann, "f", "", r)
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !errors.Is(err, bridge.ErrTooLarge) {
				t.Errorf("got %v, want ErrTooLarge", err)
			}
			if refused++; begun+refused == 14 {
				close(all)
			}
		})
	}
	wg.Wait()
	if begun > 12 || refused < 2 {
		t.Errorf("%d uploads of 20 MB were let in at once and %d refused, want at most 12 of 250 MB", begun, refused)
	}
	if _, err := w.g.StageFile(t.Context(), ann, "note.txt", "text/plain", strings.NewReader("a small file")); begun == 12 && err != nil {
		t.Errorf("a small file: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

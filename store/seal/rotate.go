package seal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"letterlock/store/folder"
)

// How keys change. A new key is added to the file and seals from then on; the old one still opens. Whoever has the file loaded reads it
// again when it has changed. Once nothing is sealed with the old key any more it is taken out of the file. The key of look-up hashes stays:
// a hash can't be made anew without the value it stands for, and that value is not always there. The keys that sign stay too, since what
// they signed is in other people's mailboxes.

// fileMark tells whether a file was written since.
type fileMark struct {
	changed time.Time
	size    int64
}

func markOf(info fs.FileInfo) fileMark { return fileMark{info.ModTime(), info.Size()} }

// follow makes the keyring that of a file that was just written.
func (k *Keyring) follow(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at key file: %w", err)
	}
	k.path, k.seen = path, markOf(info)
	return nil
}

// Refresh reads the keyring's file again if it has changed, and reports whether it did. If it can't be read, the keys stay as they are.
func (k *Keyring) Refresh() (bool, error) {
	if k.path == "" {
		return false, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.path)
	if err != nil {
		return false, fmt.Errorf("look at key file: %w", err)
	}
	if markOf(info) == k.seen {
		return false, nil
	}
	fresh, mark, err := load(k.path)
	if err != nil {
		return false, err
	}
	k.ring.Store(fresh.ring.Load())
	k.seen = mark
	return true, nil
}

// RefreshEvery is how often Follow looks at the file.
const RefreshEvery = time.Second

// Follow refreshes the keyring until ctx ends, and tells what happened: nil for keys that were read anew.
func (k *Keyring) Follow(ctx context.Context, told func(error)) {
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(RefreshEvery):
		}
		fresh, err := k.Refresh()
		switch {
		case fresh:
			told(nil)
		case err != nil && err.Error() != last:
			told(err)
		}
		last = ""
		if err != nil {
			last = err.Error()
		}
	}
}

// KeyID names the key that seals values. It is no secret.
func (k *Keyring) KeyID() uint32 { return k.ring.Load().primary }

// Keys returns how many keys open values: more than one while old ones are not retired.
func (k *Keyring) Keys() int { return k.ring.Load().values.Len() }

// Current reports whether a sealed value was sealed with the key that seals now. It does not open it.
func (k *Keyring) Current(sealed []byte) bool {
	// Tink writes a 1 and the key's id before what it seals.
	return len(sealed) >= Overhead && sealed[0] == 1 && binary.BigEndian.Uint32(sealed[1:5]) == k.ring.Load().primary
}

// AddKey adds new keys, which seal and sign from now on, and writes the file. When it returns the file is on the disk, and it was whole at every moment.
func (k *Keyring) AddKey() error {
	now := k.ring.Load()
	m := keyset.NewManagerFromHandle(now.values)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return fmt.Errorf("add a key: %w", err)
	}
	values, err := m.Handle()
	if err != nil {
		return fmt.Errorf("add a key: %w", err)
	}
	streams, err := addStreamKey(keyset.NewManagerFromHandle(now.streams))
	if err != nil {
		return fmt.Errorf("add a key: %w", err)
	}
	fresh := make([]byte, keySize)
	rand.Read(fresh) // never fails (crypto/rand)
	sign := [][]byte{fresh}
	for _, key := range now.sign {
		sign = append(sign, key.key)
	}
	return k.replace(values, streams, now.lookup.key, sign)
}

// Copy returns a keyring with the same keys that is of no file: what is done to it is done nowhere else.
func (k *Keyring) Copy() (*Keyring, error) {
	text, err := k.Marshal()
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// Retire takes all keys that seal no more out of the keyring and writes the file. What is still sealed with them can't be opened then, so
// make sure before. The keys that sign stay.
func (k *Keyring) Retire() error {
	now := k.ring.Load()
	values, err := onlyPrimary(now.values)
	if err != nil {
		return fmt.Errorf("retire old keys: %w", err)
	}
	streams, err := onlyPrimary(now.streams)
	if err != nil {
		return fmt.Errorf("retire old keys: %w", err)
	}
	var sign [][]byte
	for _, key := range now.sign {
		sign = append(sign, key.key)
	}
	return k.replace(values, streams, now.lookup.key, sign)
}

func onlyPrimary(h *keyset.Handle) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(h)
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err == nil && !e.IsPrimary() {
			err = m.Delete(e.KeyID())
		}
		if err != nil {
			return nil, err
		}
	}
	return m.Handle()
}

// replace takes other keys into use, once they are in the file.
func (k *Keyring) replace(values, streams *keyset.Handle, lookup []byte, sign [][]byte) error {
	fresh, err := newKeyring(values, streams, lookup, sign)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.path != "" {
		text, err := fresh.Marshal()
		if err != nil {
			return err
		}
		if err := rewrite(k.path, text); err != nil {
			return fmt.Errorf("write key file: %w", err)
		}
		if err := k.follow(k.path); err != nil {
			return err
		}
	}
	k.ring.Store(fresh.ring.Load())
	return nil
}

// removeOthers removes the new files that were never put in the place of the old one, since somebody was killed: they hold keys too.
func removeOthers(path, fresh string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+fresh) && e.Type().IsRegular() {
			if err := os.Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewrite puts a new file in the place of one, with its owner and for its owner alone. At every moment the old or the new one is there, whole.
func rewrite(path string, text []byte) error {
	was, err := os.Stat(path)
	if err != nil {
		return err
	}
	const fresh = ".new-"
	if err := removeOthers(path, fresh); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+fresh+"*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, giveTo(f, was), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return folder.Sync(filepath.Dir(path))
}

// Package seal keeps what Letterlock stores unreadable to whoever steals the database, its log, a backup or the blob folder.
//
// A [Keyring] seals values with AES-256-GCM (Tink AEAD keysets, so that keys can be rotated) and binds each to the table,
// the column and the row it belongs to: a value that was moved elsewhere doesn't open. Big content is sealed as a stream, in
// segments (Tink streaming AEAD, AES-256-GCM-HKDF). What must be found again is looked up by a keyed hash (HMAC-SHA-256),
// and the same primitive under another key marks the addresses and Message-IDs that Letterlock gives out.
//
// The keyring lives in one small file, which nothing but that file holds: whoever loses it has lost the content.
//
// This package must not know what it seals: no tables, no mail, no SQL.
package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// LookupSize is the length of a look-up hash. At 16 octets two values meet by chance once in 2^64 values.
const LookupSize = 16

// Overhead is by how many octets a sealed value is longer than the plain one: key id, nonce and tag.
const Overhead = 5 + 12 + 16

// ErrSealed means that a sealed value doesn't open: it was changed, moved from another row, or sealed with a key that this
// keyring doesn't have. It never says which.
var ErrSealed = errors.New("sealed value does not open")

// Keyring holds the keys of one installation. It is safe for use by many goroutines. One that was loaded from a file follows the file: see Refresh.
type Keyring struct {
	ring atomic.Pointer[ring]

	path string     // of its file, if it has one
	mu   sync.Mutex // held while the file is read again
	seen fileMark   // of the file as it was read
}

// ring is the keys of a moment. It never changes.
type ring struct {
	values, streams *keyset.Handle // kept to write the file again
	aead            tink.AEAD
	stream          tink.StreamingAEAD
	lookup          *hmacKey
	sign            []*hmacKey // the first one signs; the others still verify
	primary         uint32     // the id of the key that seals values
}

func newKeyring(values, streams *keyset.Handle, lookup []byte, sign [][]byte) (*Keyring, error) {
	r, err := newRing(values, streams, lookup, sign)
	if err != nil {
		return nil, err
	}
	k := &Keyring{}
	k.ring.Store(r)
	return k, nil
}

func newRing(values, streams *keyset.Handle, lookup []byte, sign [][]byte) (*ring, error) {
	a, err := aead.New(values)
	if err != nil {
		return nil, fmt.Errorf("read the value keys: %w", err)
	}
	s, err := streamingaead.New(streams)
	if err != nil {
		return nil, fmt.Errorf("read the stream keys: %w", err)
	}
	first, err := values.Primary()
	if err != nil {
		return nil, fmt.Errorf("read the value keys: %w", err)
	}
	k := &ring{values: values, streams: streams, aead: a, stream: s, primary: first.KeyID()}
	if len(sign) == 0 {
		return nil, errors.New("read the signing keys: there are none")
	}
	if k.lookup, err = newHMACKey(lookup); err != nil {
		return nil, fmt.Errorf("read the look-up key: %w", err)
	}
	for _, key := range sign {
		h, err := newHMACKey(key)
		if err != nil {
			return nil, fmt.Errorf("read the signing keys: %w", err)
		}
		k.sign = append(k.sign, h)
	}
	return k, nil
}

// Seal returns the plain value sealed for one column of one row of one table. Sealing the same value twice gives two
// different results of the same length. The result belongs to the caller.
func (k *Keyring) Seal(plain []byte, table, column string, row []byte) []byte {
	b := buffers.Get().(*buffer)
	sealed, err := k.ring.Load().aead.Encrypt(plain, b.bind(table, column, row))
	buffers.Put(b)
	if err != nil {
		// Only a value beyond AES-GCM's 64 GiB or an operating system without randomness gets here; going on would store plain text.
		panic("seal a value: " + err.Error())
	}
	return sealed
}

// Open returns the plain value of what Seal made for the same table, column and row. Its error is ErrSealed.
func (k *Keyring) Open(sealed []byte, table, column string, row []byte) ([]byte, error) {
	b := buffers.Get().(*buffer)
	bound := b.bind(table, column, row)
	plain, err := k.ring.Load().aead.Decrypt(sealed, bound)
	if err != nil && k.path != "" {
		// Another process may have sealed it with a key that came into the file since.
		if fresh, _ := k.Refresh(); fresh {
			plain, err = k.ring.Load().aead.Decrypt(sealed, bound)
		}
	}
	buffers.Put(b)
	if err != nil {
		return nil, fmt.Errorf("open %s.%s: %w", table, column, ErrSealed)
	}
	return plain, nil
}

// Lookup returns the keyed hash by which a sealed value is found again, LookupSize octets long. Equal values under one purpose have
// equal hashes, and nothing else can be told from them without the key. The caller brings the value to its canonical form first.
func (k *Keyring) Lookup(purpose string, value []byte) []byte {
	return k.ring.Load().lookup.sum(purpose, value)[:LookupSize:LookupSize]
}

// Sign returns HMAC-SHA-256 over data, 32 octets, for one purpose. It marks what Letterlock gives out and gets back, such as the
// tokens of reply addresses. A code made for one purpose never verifies for another.
func (k *Keyring) Sign(purpose string, data []byte) []byte {
	return k.ring.Load().sign[0].sum(purpose, data)
}

// minCode is the shortest code that Verify accepts, in octets.
const minCode = 10

// Verify reports, in constant time, whether code begins a code that Sign made, with the key of now or one that was rotated out.
// A code of fewer than 10 octets never verifies.
func (k *Keyring) Verify(purpose string, data, code []byte) bool {
	if len(code) < minCode || len(code) > sha256.Size {
		return false
	}
	ok := k.ring.Load().verify(purpose, data, code)
	if !ok && k.path != "" {
		// Another process may have signed it with a key that came into the file since.
		if fresh, _ := k.Refresh(); fresh {
			ok = k.ring.Load().verify(purpose, data, code)
		}
	}
	return ok
}

func (r *ring) verify(purpose string, data, code []byte) bool {
	ok := 0
	for _, key := range r.sign {
		ok |= subtle.ConstantTimeCompare(key.sum(purpose, data)[:len(code)], code)
	}
	return ok == 1
}

// SealStream returns a writer that seals what is written to it into w, under a name that OpenStream must give again. Closing it
// writes the last segment and leaves w open: without Close nothing can be opened.
func (k *Keyring) SealStream(w io.Writer, name []byte) (io.WriteCloser, error) {
	sw, err := k.ring.Load().stream.NewEncryptingWriter(w, name)
	if err != nil {
		return nil, fmt.Errorf("seal a stream: %w", err)
	}
	return sw, nil
}

// OpenStream returns a reader of the plain content of what SealStream made under that name. A stream that was cut off,
// reordered or changed ends in an error that wraps ErrSealed, after whole segments that were right.
func (k *Keyring) OpenStream(r io.Reader, name []byte) (io.Reader, error) {
	if _, err := k.Refresh(); err != nil {
		return nil, fmt.Errorf("open a stream: %w", err)
	}
	src := &sourceReader{r: r}
	pr, err := k.ring.Load().stream.NewDecryptingReader(src, name)
	if err != nil {
		return nil, fmt.Errorf("open a stream: %w", ErrSealed)
	}
	return &openReader{r: pr, src: src}, nil
}

// openReader tells the faults of the source from those of the seal, since a caller may try the first again.
type openReader struct {
	r   io.Reader
	src *sourceReader
}

func (o *openReader) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case o.src.err != nil:
		return n, fmt.Errorf("open a stream: %w", o.src.err)
	}
	return n, fmt.Errorf("open a stream: %w", ErrSealed)
}

type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// buffer holds associated data. It comes from a pool, since what is passed through an interface would be allocated each time.
type buffer struct{ b []byte }

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 96)} }}

// bind writes what a sealed value is bound to. Lengths make it unambiguous.
func (b *buffer) bind(table, column string, row []byte) []byte {
	b.b = binary.AppendUvarint(b.b[:0], uint64(len(table)))
	b.b = append(b.b, table...)
	b.b = binary.AppendUvarint(b.b, uint64(len(column)))
	b.b = append(b.b, column...)
	b.b = append(b.b, row...)
	return b.b
}

// hmacKey computes HMAC-SHA-256 without setting up the key each time.
type hmacKey struct {
	key  []byte
	pool sync.Pool
}

type hmacState struct {
	h    hash.Hash
	head []byte
}

func newHMACKey(key []byte) (*hmacKey, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("a key has %d octets, not %d", len(key), keySize)
	}
	h := &hmacKey{key: key}
	h.pool.New = func() any { return &hmacState{h: hmac.New(sha256.New, key)} }
	return h, nil
}

func (h *hmacKey) sum(purpose string, value []byte) []byte {
	s := h.pool.Get().(*hmacState)
	defer h.pool.Put(s)
	s.h.Reset()
	s.head = binary.AppendUvarint(s.head[:0], uint64(len(purpose)))
	s.head = append(s.head, purpose...)
	s.h.Write(s.head)
	s.h.Write(value)
	return s.h.Sum(make([]byte, 0, sha256.Size))
}

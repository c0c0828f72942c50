package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"letterlock/store/folder"
)

const (
	keySize     = 32      // octets of each HMAC key
	maxKeyFile  = 1 << 20 // a keyring with thousands of retired keys is still smaller
	segmentSize = 1 << 16 // of sealed streams: what a reader holds in memory
	fileVersion = 1
)

// keyFile is the file's form.
type keyFile struct {
	Note    string          `json:"note"`
	Version int             `json:"version"`
	Values  json.RawMessage `json:"values"`  // Tink keyset, AEAD
	Streams json.RawMessage `json:"streams"` // Tink keyset, streaming AEAD
	Lookup  []byte          `json:"lookup"`
	Sign    [][]byte        `json:"sign"` // the first one signs, all verify
}

const fileNote = "Letterlock's keys. Without this file nothing that Letterlock stored can be read: keep a copy apart from the data."

// Generate returns a keyring with fresh keys.
func Generate() (*Keyring, error) {
	values, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate value keys: %w", err)
	}
	streams, err := addStreamKey(keyset.NewManager())
	if err != nil {
		return nil, fmt.Errorf("generate stream keys: %w", err)
	}
	hashes := make([]byte, 2*keySize)
	rand.Read(hashes) // never fails (crypto/rand)
	return newKeyring(values, streams, hashes[:keySize], [][]byte{hashes[keySize:]})
}

// addStreamKey adds a key to a keyset and makes it the one that seals.
func addStreamKey(m *keyset.Manager) (*keyset.Handle, error) {
	params, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: 32, DerivedKeySizeInBytes: 32, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: segmentSize,
	})
	if err != nil {
		return nil, err
	}
	id, err := m.AddNewKeyFromParameters(params)
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return nil, err
	}
	return m.Handle()
}

// Create generates a keyring and writes it to a new file that only its owner can read. It never writes over a file: its error
// then wraps fs.ErrExist. When it returns, the file is on the disk.
func Create(path string) (*Keyring, error) {
	k, err := Generate()
	if err != nil {
		return nil, err
	}
	text, err := k.Marshal()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = folder.Sync(filepath.Dir(path))
	}
	if err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("create key file: %w", err)
	}
	return k, k.follow(path)
}

// Load reads a keyring from the file that Create wrote. It refuses a file that anyone but its owner can read.
func Load(path string) (*Keyring, error) {
	k, mark, err := load(path)
	if err != nil {
		return nil, err
	}
	k.path, k.seen = path, mark
	return k, nil
}

func load(path string) (*Keyring, fileMark, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileMark{}, fmt.Errorf("load key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileMark{}, fmt.Errorf("load key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fileMark{}, fmt.Errorf("load key file: %s is not a regular file", path)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 && runtime.GOOS != "windows" {
		return nil, fileMark{}, fmt.Errorf("load key file: %s is open to other users of this machine (mode %04o): run chmod 600 on it: %w",
			path, info.Mode().Perm(), fs.ErrPermission)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fileMark{}, fmt.Errorf("load key file: %w", err)
	}
	k, err := Parse(text)
	if err != nil {
		return nil, fileMark{}, fmt.Errorf("load key file %s: %w", path, err)
	}
	return k, markOf(info), nil
}

// Parse reads a keyring in the form that Marshal writes. Its errors never show a part of the text.
func Parse(text []byte) (*Keyring, error) {
	if len(text) > maxKeyFile {
		return nil, errors.New("it is too large to be a key file")
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, errors.New("it is not a key file, or only a part of one")
	}
	if f.Version != fileVersion {
		return nil, fmt.Errorf("its version is %d, and this program reads version %d", f.Version, fileVersion)
	}
	values, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.Values)))
	if err != nil {
		return nil, errors.New("its value keys can't be read")
	}
	streams, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.Streams)))
	if err != nil {
		return nil, errors.New("its stream keys can't be read")
	}
	return newKeyring(values, streams, f.Lookup, f.Sign)
}

// Marshal returns the keyring in the form of its file: JSON with the keys in the clear. It is as secret as everything it seals.
func (k *Keyring) Marshal() ([]byte, error) {
	now := k.ring.Load()
	f := keyFile{Note: fileNote, Version: fileVersion, Lookup: now.lookup.key}
	for _, key := range now.sign {
		f.Sign = append(f.Sign, key.key)
	}
	for _, part := range []struct {
		to   *json.RawMessage
		from *keyset.Handle
	}{{&f.Values, now.values}, {&f.Streams, now.streams}} {
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(part.from, keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("write a keyring: %w", err)
		}
		*part.to = b.Bytes()
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write a keyring: %w", err)
	}
	return append(text, '\n'), nil
}

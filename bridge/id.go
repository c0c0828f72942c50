package bridge

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ID names one thing of ours: a UUID of version 7 (RFC 9562, section 5.7), so that later things sort after earlier ones.
// It is no secret: knowing one permits nothing. The zero ID names nothing.
type ID [16]byte

// NewID returns a fresh ID.
func NewID() ID {
	id, err := uuid.NewV7()
	if err != nil {
		// crypto/rand does not fail on a supported system; an ID that is not random must never be handed out.
		panic("no randomness for an id: " + err.Error())
	}
	return ID(id)
}

// ParseID reads the form that String writes. It returns ErrNotFound for anything else, since an ID that cannot be read names nothing.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, fmt.Errorf("%q is not an id: %w", clip(s, 40), ErrNotFound)
	}
	compact := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(id[:], []byte(compact)); err != nil {
		return ID{}, fmt.Errorf("%q is not an id: %w", clip(s, 40), ErrNotFound)
	}
	return id, nil
}

// IsZero reports whether the ID names nothing.
func (i ID) IsZero() bool { return i == ID{} }

// String returns the usual form of a UUID, 36 characters in lower case, or nothing for the zero ID.
func (i ID) String() string {
	if i.IsZero() {
		return ""
	}
	return uuid.UUID(i).String()
}

// Time returns the moment the ID was made, to the millisecond.
func (i ID) Time() time.Time {
	ms := int64(i[0])<<40 | int64(i[1])<<32 | int64(i[2])<<24 | int64(i[3])<<16 | int64(i[4])<<8 | int64(i[5])
	return time.UnixMilli(ms).UTC()
}

// MarshalText writes the usual form, so that JSON and URLs show it.
func (i ID) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the usual form, or nothing at all for the zero ID.
func (i *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = ID{}
		return nil
	}
	id, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*i = id
	return nil
}

// Value gives a database the 16 bytes, or NULL for the zero ID.
func (i ID) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return i[:], nil
}

// Scan reads what Value wrote.
func (i *ID) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = ID{}
		return nil
	case []byte:
		if len(v) == len(i) {
			copy(i[:], v)
			return nil
		}
	}
	return fmt.Errorf("a database value of type %T is not an id", src)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

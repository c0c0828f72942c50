package store

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// How values become columns and come back. A sealed column is named sealed_NAME in SQL and NAME in what it is bound to.

var _ bridge.Keyring = (*seal.Keyring)(nil)

// seal returns the sealed form of a text for one row, or nil for the empty text.
func (t *tx) seal(plain, table, column string, row []byte) []byte {
	if plain == "" {
		return nil
	}
	if len(plain) > maxScratch {
		return t.conn.keys.Seal([]byte(plain), table, column, row)
	}
	c := t.conn
	c.scratch = append(c.scratch[:0], plain...)
	defer clear(c.scratch) // plain content doesn't stay in memory longer than it must
	return c.keys.Seal(c.scratch, table, column, row)
}

// maxScratch is the longest text that is copied to where others were before it is sealed.
const maxScratch = 16 << 10

// text reads a sealed column into a string. The row's key must be among the columns before it.
func (t *tx) text(to *string, table, column string, row []byte) sealedText {
	return sealedText{t.conn.keys, to, table, column, row}
}

// octets reads a sealed column into a slice, like text.
func (t *tx) octets(to *[]byte, table, column string, row []byte) sealedOctets {
	return sealedOctets{t.conn.keys, to, table, column, row}
}

type sealedText struct {
	keys          *seal.Keyring
	to            *string
	table, column string
	row           []byte
}

// Scan implements sql.Scanner.
func (s sealedText) Scan(src any) error {
	var plain []byte
	err := sealedOctets{s.keys, &plain, s.table, s.column, s.row}.Scan(src)
	*s.to = string(plain)
	return err
}

type sealedOctets struct {
	keys          *seal.Keyring
	to            *[]byte
	table, column string
	row           []byte
}

// Scan implements sql.Scanner.
func (s sealedOctets) Scan(src any) (err error) {
	switch v := src.(type) {
	case nil:
		*s.to = nil
		return nil
	case []byte:
		*s.to, err = s.keys.Open(v, s.table, s.column, s.row)
		return err
	}
	return fmt.Errorf("a database value of type %T is not sealed", src)
}

// sealJSON seals several small fields that are always read together as one value.
func (t *tx) sealJSON(v any, table, column string, row []byte) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("seal %s.%s: %w", table, column, err)
	}
	return t.conn.keys.Seal(plain, table, column, row), nil
}

// openJSON reads what sealJSON made.
func openJSON(plain []byte, to any, table, column string) error {
	if err := json.Unmarshal(plain, to); err != nil {
		return fmt.Errorf("read %s.%s: %w", table, column, err)
	}
	return nil
}

// micros is how a moment is stored: microseconds since 1970, UTC; 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment reads a column that micros wrote.
func moment(to *time.Time) momentScan { return momentScan{to} }

type momentScan struct{ to *time.Time }

// Scan implements sql.Scanner.
func (m momentScan) Scan(src any) error {
	switch v := src.(type) {
	case int64:
		*m.to = fromMicros(v)
		return nil
	case nil:
		*m.to = time.Time{}
		return nil
	}
	return fmt.Errorf("a database value of type %T is not a moment", src)
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// before returns the two values below which the rows after a cursor are, in a list that begins with the newest.
func before(c bridge.Cursor) (int64, []byte) {
	if c.IsZero() {
		return math.MaxInt64, lastID[:]
	}
	return micros(c.At), c.ID[:]
}

var lastID = bridge.ID{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// octets32 reads a column of exactly 32 octets.
func octets32(to *[32]byte) octets32Scan { return octets32Scan{to} }

type octets32Scan struct{ to *[32]byte }

// Scan implements sql.Scanner.
func (o octets32Scan) Scan(src any) error {
	if v, ok := src.([]byte); ok && len(v) == len(o.to) {
		copy(o.to[:], v)
		return nil
	}
	return fmt.Errorf("a database value of type %T is not a hash", src)
}

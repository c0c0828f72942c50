package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// How rows stand in a backup: one value after the other, each a tag and what the tag says. It is the same for both engines, so that what was
// backed up on one comes back on the other.
const (
	tagNull   = 0
	tagNumber = 1 // a varint, zigzag; booleans are 0 and 1
	tagText   = 2 // a length and the octets of a text
	tagOctets = 3 // a length and octets
)

// maxValue is the longest value that is read: SQLite and PostgreSQL hold no longer ones.
const maxValue = 1 << 30

// errRow means that what should be a row is none.
var errRow = errors.New("the backup has a row in it that can't be read")

// appendValue appends one value as a driver gave it.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, tagNull), nil
	case bool:
		n := int64(0)
		if v {
			n = 1
		}
		return binary.AppendVarint(append(b, tagNumber), n), nil
	case int64:
		return binary.AppendVarint(append(b, tagNumber), v), nil
	case string:
		return append(binary.AppendUvarint(append(b, tagText), uint64(len(v))), v...), nil
	case []byte:
		return append(binary.AppendUvarint(append(b, tagOctets), uint64(len(v))), v...), nil
	}
	return b, fmt.Errorf("a value of type %T", v)
}

// readValue reads one value: nil, an int64, a string or octets of its own. It holds no more in memory than there was to read. Its error is
// io.EOF if there is nothing any more, and wraps errRow for what is no value.
func readValue(r *bufio.Reader) (any, error) {
	tag, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	switch tag {
	case tagNull:
		return nil, nil
	case tagNumber:
		n, err := readNumber(r)
		if err != nil {
			return nil, err
		}
		return int64(n>>1) ^ -int64(n&1), nil
	case tagText, tagOctets:
		n, err := readNumber(r)
		if err != nil {
			return nil, err
		}
		if n > maxValue {
			return nil, fmt.Errorf("%w: a value of %d octets", errRow, n)
		}
		b, err := readSome(r, int(n))
		if err != nil {
			return nil, err
		}
		if tag == tagText {
			return string(b), nil
		}
		return b, nil
	}
	return nil, fmt.Errorf("%w: it has the tag %d", errRow, tag)
}

// readNumber reads a varint. Unlike what reads one in encoding/binary, it tells one that is too large from a fault of the source.
func readNumber(r *bufio.Reader) (n uint64, err error) {
	for shift := 0; shift < 64; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, cutRow(err)
		}
		if shift == 63 && b > 1 {
			break
		}
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a number is too large", errRow)
}

// readSome reads n octets, a part at a time, so that a length that is a lie costs nothing.
func readSome(r io.Reader, n int) ([]byte, error) {
	const part = 1 << 16
	b := make([]byte, 0, min(n, part))
	for len(b) < n {
		have := len(b)
		more := min(n-have, max(part, have))
		b = append(b, make([]byte, more)...)
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			return nil, cutRow(err)
		}
	}
	return b, nil
}

// cutRow is the error for a value of which a part is missing. Other faults of the source stay what they are.
func cutRow(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in the middle", errRow)
	}
	return err
}

// readRow reads as many values as there are columns. Its error is io.EOF if there is no row any more.
func readRow(r *bufio.Reader, columns int) ([]any, error) {
	row := make([]any, columns)
	for i := range row {
		v, err := readValue(r)
		if err == io.EOF && i > 0 {
			err = cutRow(err)
		}
		if err != nil {
			return nil, err
		}
		row[i] = v
	}
	return row, nil
}

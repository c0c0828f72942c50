package store

import (
	"database/sql/driver"
	"reflect"
	"testing"

	"letterlock/bridge"
)

// What a column holds comes into a variable whole, or is refused.
func TestAssign(t *testing.T) {
	id := bridge.NewID()
	for _, c := range []struct {
		from driver.Value
		want any // in a variable of this type; nil if it is refused
		to   any
	}{
		{from: int64(7), to: new(int), want: 7},
		{from: int64(7), to: new(int64), want: int64(7)},
		{from: int64(7), to: new(uint32), want: uint32(7)},
		{from: int64(-1), to: new(uint32)},
		{from: int64(1) << 32, to: new(uint32)},
		{from: int64(1) << 32, to: new(int32)},
		{from: int64(1), to: new(bool), want: true},
		{from: int64(2), to: new(bool)},
		{from: "open", to: new(string), want: "open"},
		{from: "open", to: new(bridge.ThreadStatus), want: bridge.Open},
		{from: []byte("open"), to: new(bridge.ThreadStatus), want: bridge.Open},
		{from: []byte("x"), to: new([]byte), want: []byte("x")},
		{from: "x", to: new([]byte), want: []byte("x")},
		{from: nil, to: &[]byte{1}, want: []byte(nil)},
		{from: id[:], to: new(bridge.ID), want: id},
		{from: nil, to: &id, want: bridge.ID{}},
		{from: "x", to: new(any), want: any("x")},
		{from: nil, to: new(string)},
		{from: nil, to: new(int)},
		{from: nil, to: new(bool)},
		{from: "7", to: new(int)},
		{from: 1.5, to: new(int)},
		{from: int64(7), to: new(struct{})},
		{from: int64(7), to: 7},
	} {
		err := assign(c.to, c.from)
		if refused := c.want == nil; refused != (err != nil) {
			t.Errorf("%T %v into %T: got %v", c.from, c.from, c.to, err)
			continue
		}
		if err == nil {
			if got := reflect.ValueOf(c.to).Elem().Interface(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%T %v into %T: got %v, want %v", c.from, c.from, c.to, got, c.want)
			}
		}
	}
}

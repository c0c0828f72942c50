package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// sealedTable is a table with sealed columns, for work that goes through all of them: the check and the change of keys. Every column named
// sealed_* must be in the inventory, which a test sees to.
type sealedTable struct {
	name    string
	key     []string // the columns of the primary key; a sealed value is bound to their octets, one after the other
	text    bool     // the key is text, and not octets
	columns []string // without sealed_
}

var inventory = []sealedTable{
	{name: "api_key", key: []string{"id"}, columns: []string{"name"}},
	{name: "attachment", key: []string{"id"}, columns: []string{"label"}},
	{name: "attachment_content", key: []string{"attachment"}, columns: []string{"content"}},
	{name: "audit", key: []string{"id"}, columns: []string{"detail"}},
	{name: "blob", key: []string{"key"}, text: true, columns: []string{"secret"}},
	{name: "delivery", key: []string{"id"}, columns: []string{"recipient", "payload", "diagnostic", "why"}},
	{name: "mail_stop", key: []string{"address_hash"}, columns: []string{"record"}},
	{name: "message_content", key: []string{"message"}, columns: []string{"author_name", "text", "html", "quoted", "signature", "mail_id", "stays"}},
	{name: "mta_sts", key: []string{"domain_hash"}, columns: []string{"policy"}},
	{name: "oauth_token", key: []string{"name_hash"}, columns: []string{"token"}},
	{name: "once", key: []string{"owner", "key_hash"}, columns: []string{"request"}},
	{name: "pending", key: []string{"id"}, columns: []string{"head", "text", "html"}},
	{name: "pending_file", key: []string{"id"}, columns: []string{"label", "content"}},
	{name: "person", key: []string{"id"}, columns: []string{"name", "address", "password", "phrase"}},
	{name: "received", key: []string{"id"}, columns: []string{"record"}},
	{name: "received_raw", key: []string{"received"}, columns: []string{"sum", "content"}},
	{name: "session", key: []string{"token_hash"}, columns: []string{"data"}},
	{name: "setting", key: []string{"name"}, text: true, columns: []string{"value"}},
	{name: "signing", key: []string{"id"}, columns: []string{"keys"}},
	{name: "template", key: []string{"id"}, columns: []string{"words"}},
	{name: "thread", key: []string{"id"}, columns: []string{"subject", "preview"}},
	{name: "tls_result", key: []string{"key_hash"}, columns: []string{"result"}},
}

// sealedSingles are sealed values that stand alone, each in a row of its own kind.
var sealedSingles = []struct {
	table, column, sqlColumn, where string
	row                             []byte
}{
	{"audit_head", "head", "sealed_head", "id = 1", []byte{headRow}},
	{"meta", "value", "value", "name = 'keys'", []byte("keys")},
}

// inventoryPage is how many rows are read at once; each may hold a file of blob.InlineLimit octets.
const inventoryPage = 128

// sealedRow is one row of a sealedTable: its key, and the sealed values in the order of the columns, nil for none.
type sealedRow struct {
	key    [][]byte
	values [][]byte
}

// bound is what the row's values are bound to.
func (r sealedRow) bound() []byte {
	var b []byte
	for _, k := range r.key {
		b = append(b, k...)
	}
	return b
}

// args are the key's values as SQL wants them.
func (s sealedTable) args(key [][]byte) []any {
	args := make([]any, len(key))
	for i, k := range key {
		if args[i] = any(k); s.text {
			args[i] = string(k)
		}
	}
	return args
}

// page returns the rows after a key, in the order of their keys. A nil key is the beginning.
func (s sealedTable) page(ctx context.Context, t *tx, after [][]byte, limit int) ([]sealedRow, error) {
	keys := strings.Join(s.key, ", ")
	query := "select " + keys + ", sealed_" + strings.Join(s.columns, ", sealed_") + " from " + s.name
	var args []any
	if after != nil {
		query += " where (" + keys + ") > (?" + strings.Repeat(", ?", len(s.key)-1) + ")"
		args = s.args(after)
	}
	var rows []sealedRow
	err := t.each(ctx, query+" order by "+keys+" limit ?", append(args, limit), func(r row) error {
		one := sealedRow{key: make([][]byte, len(s.key)), values: make([][]byte, len(s.columns))}
		dest := make([]any, 0, len(s.key)+len(s.columns))
		for i := range one.key {
			dest = append(dest, &one.key[i])
		}
		for i := range one.values {
			dest = append(dest, &one.values[i])
		}
		rows = append(rows, one)
		return r.Scan(dest...)
	})
	return rows, err
}

// count returns how many rows there are.
func (s sealedTable) count(ctx context.Context, t *tx) (n int64, err error) {
	err = t.one(ctx, "select count(*) from "+s.name, nil, &n)
	return n, err
}

// packKey and unpackKey write a key down as one value.
func packKey(key [][]byte) []byte {
	b, err := json.Marshal(key)
	if err != nil {
		panic("write down a key: " + err.Error()) // octets can always be written
	}
	return b
}

func unpackKey(b []byte) (key [][]byte, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(b, &key); err != nil {
		return nil, fmt.Errorf("read a key that was written down: %w", err)
	}
	return key, nil
}

package store

import "context"

// Setting implements bridge.Settings.
func (t *tx) Setting(ctx context.Context, name string) (string, error) {
	var value string
	err := t.one(ctx, "select sealed_value from setting where name = ?", []any{name}, t.text(&value, "setting", "value", []byte(name)))
	return value, err
}

// SetSetting implements bridge.Settings.
func (t *tx) SetSetting(ctx context.Context, name, value string) error {
	err := t.send(ctx, `insert into setting (name, sealed_value) values (?, ?)
		on conflict (name) do update set sealed_value = excluded.sealed_value`,
		name, t.conn.keys.Seal([]byte(value), "setting", "value", []byte(name)))
	return err
}

package store

import (
	"context"
	"time"

	"letterlock/bridge"
)

// mailStopRecord is what is sealed of a bridge.MailStop.
type mailStopRecord struct {
	Address  string           `json:"address"`
	Cause    bridge.StopCause `json:"cause"`
	Said     string           `json:"said,omitempty"`
	Delivery string           `json:"delivery"`
}

// AddMailStop implements bridge.MailStops.
func (t *tx) AddMailStop(ctx context.Context, s bridge.MailStop) error {
	hash := t.stopHash(s.Address)
	sealed, err := t.sealJSON(mailStopRecord{s.Address, s.Cause, s.Said, s.Delivery.String()}, "mail_stop", "record", hash)
	if err != nil {
		return err
	}
	return t.add(ctx, "insert into mail_stop (address_hash, stopped_at, sealed_record) values (?, ?, ?) on conflict do nothing",
		hash, micros(s.At), sealed)
}

// MailStop implements bridge.MailStops.
func (t *tx) MailStop(ctx context.Context, address string) (bridge.MailStop, error) {
	hash := t.stopHash(address)
	var at time.Time
	var plain []byte
	err := t.one(ctx, "select stopped_at, sealed_record from mail_stop where address_hash = ?", []any{hash},
		moment(&at), t.octets(&plain, "mail_stop", "record", hash))
	if err != nil {
		return bridge.MailStop{}, err
	}
	var r mailStopRecord
	if err := openJSON(plain, &r, "mail_stop", "record"); err != nil {
		return bridge.MailStop{}, err
	}
	delivery, err := bridge.ParseID(r.Delivery)
	return bridge.MailStop{Address: r.Address, Cause: r.Cause, At: at, Said: r.Said, Delivery: delivery}, err
}

// RemoveMailStop implements bridge.MailStops.
func (t *tx) RemoveMailStop(ctx context.Context, address string) error {
	return t.change(ctx, "delete from mail_stop where address_hash = ?", t.stopHash(address))
}

// CountMailStops implements bridge.MailStops.
func (t *tx) CountMailStops(ctx context.Context) (n int, err error) {
	err = t.one(ctx, "select count(*) from mail_stop", nil, &n)
	return n, err
}

// stopHash names an address, apart from the hash by which its person is found.
func (t *tx) stopHash(address string) []byte {
	return t.conn.keys.Lookup("mail stop", []byte(address))
}

package store

import (
	"context"

	"letterlock/bridge"
)

// What a reply is judged by comes in one query: it is asked at RCPT and again at DATA, for every mail.
const standingColumns = `p.id, p.kind, p.mode, p.disabled, p.sealed_name, p.sealed_address,
	coalesce(i.joined_at <> 0 and i.left_at = 0, ?), t.id, t.status, t.mode,
	(select sealed_value from setting where name = 'mode')`

func (t *tx) standing(ctx context.Context, s *bridge.Standing, query string, args []any, first ...any) error {
	var mode string
	dest := append(first, &s.Person.ID, &s.Person.Kind, &s.Person.Mode, &s.Person.Disabled,
		t.text(&s.Person.Name, "person", "name", s.Person.ID[:]), t.text(&s.Person.Address, "person", "address", s.Person.ID[:]),
		&s.In, &s.Thread.ID, &s.Thread.Status, &s.Thread.Mode, t.text(&mode, "setting", "value", []byte("mode")))
	err := t.one(ctx, query, args, dest...)
	s.Organization = bridge.Mode(mode)
	return err
}

// StandingAt implements bridge.ReplyAddresses.
func (t *tx) StandingAt(ctx context.Context, id bridge.ID) (bridge.Standing, error) {
	var s bridge.Standing
	err := t.standing(ctx, &s, "select r.id, r.thread, r.person, r.created_at, r.revoked_at, "+standingColumns+`
		from reply_address r join person p on p.id = r.person join thread t on t.id = r.thread
		left join participant i on i.thread = r.thread and i.person = r.person where r.id = ?`,
		[]any{false, id}, replyAddressDest(&s.Address)...)
	return s, err
}

// Standing implements bridge.ReplyAddresses.
func (t *tx) Standing(ctx context.Context, thread, person bridge.ID) (bridge.Standing, error) {
	var s bridge.Standing
	err := t.standing(ctx, &s, "select "+standingColumns+` from thread t join person p on p.id = ?
		left join participant i on i.thread = t.id and i.person = p.id where t.id = ?`, []any{false, person, thread})
	return s, err
}

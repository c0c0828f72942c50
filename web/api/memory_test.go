package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"letterlock/bridge"
)

// memory is a store for these tests, which are about HTTP: a real Gateway decides on top of it, but nothing lasts. What the API
// never asks for is not there: it is the nil Tx's, and would panic.
type memory struct {
	mu    sync.Mutex
	state state
	fail  error // what every transaction returns, if set
}

type state struct {
	people       map[bridge.ID]bridge.Person
	threads      map[bridge.ID]bridge.Thread
	participants map[[2]bridge.ID]bridge.Participant
	messages     map[bridge.ID][]bridge.Message // by thread
	replies      map[bridge.ID]bridge.ReplyAddress
	deliveries   []bridge.Delivery
	received     []bridge.Received
	receipts     []bridge.Receipt
	keys         map[bridge.ID]bridge.APIKey
	once         map[string]bridge.OnceRecord
	settings     map[string]string
	audits       []bridge.AuditEntry
	kept         map[bridge.ID]bridge.Retention
	stops        map[string]bridge.MailStop // by address
	choices      map[bridge.ID]bridge.MailChoices
	unopened     map[bridge.ID]bool // threads
	pending      []bridge.Pending
}

func newMemory() *memory {
	return &memory{state: state{
		people: map[bridge.ID]bridge.Person{}, threads: map[bridge.ID]bridge.Thread{}, participants: map[[2]bridge.ID]bridge.Participant{},
		messages: map[bridge.ID][]bridge.Message{}, replies: map[bridge.ID]bridge.ReplyAddress{}, keys: map[bridge.ID]bridge.APIKey{},
		once: map[string]bridge.OnceRecord{}, settings: map[string]string{}, stops: map[string]bridge.MailStop{}, choices: map[bridge.ID]bridge.MailChoices{}, unopened: map[bridge.ID]bool{},
	}}
}

func (s state) clone() state {
	s.people, s.threads, s.participants = maps.Clone(s.people), maps.Clone(s.threads), maps.Clone(s.participants)
	s.messages, s.replies, s.keys = maps.Clone(s.messages), maps.Clone(s.replies), maps.Clone(s.keys)
	s.once, s.settings, s.stops = maps.Clone(s.once), maps.Clone(s.settings), maps.Clone(s.stops)
	s.deliveries, s.received, s.receipts, s.audits = slices.Clone(s.deliveries), slices.Clone(s.received), slices.Clone(s.receipts), slices.Clone(s.audits)
	s.pending, s.choices = slices.Clone(s.pending), maps.Clone(s.choices)
	return s
}

func (m *memory) View(ctx context.Context, fn func(bridge.Tx) error) error { return m.Update(ctx, fn) }

func (m *memory) Update(ctx context.Context, fn func(bridge.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fail != nil {
		return m.fail
	}
	t := &memoryTx{state: m.state.clone()}
	if err := fn(t); err != nil {
		return err
	}
	m.state = t.state
	return nil
}

func (m *memory) RemoveDeleted(context.Context) error { return nil }

func (m *memory) StageBlob(_ context.Context, r io.Reader) (bridge.Blob, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return bridge.Blob{}, err
	}
	return bridge.Blob{Size: int64(len(b)), SHA256: sha256.Sum256(b), Inline: b}, nil
}

func (m *memory) OpenBlob(_ context.Context, b bridge.Blob) (io.ReadSeekCloser, error) {
	return inMemory{bytes.NewReader(b.Inline)}, nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

type memoryTx struct {
	bridge.Tx
	state
}

func found[T any](v T, ok bool) (T, error) {
	if !ok {
		return v, bridge.ErrNotFound
	}
	return v, nil
}

func (t *memoryTx) Person(_ context.Context, id bridge.ID) (bridge.Person, error) {
	p, ok := t.people[id]
	return found(p, ok)
}

func (t *memoryTx) PersonByAddress(_ context.Context, address string) (bridge.Person, error) {
	for _, p := range t.people {
		if p.Address == address {
			return p, nil
		}
	}
	return bridge.Person{}, bridge.ErrNotFound
}

func (t *memoryTx) AddPerson(_ context.Context, p bridge.Person) error {
	t.people[p.ID] = p
	return nil
}

func (t *memoryTx) UpdatePerson(_ context.Context, p bridge.Person) error {
	t.people[p.ID] = p
	return nil
}

// newestFirst sorts a list and takes the page after a cursor.
func newestFirst[T any](list []T, place func(T) bridge.Cursor, after bridge.Cursor, limit int) []T {
	order := func(a, b bridge.Cursor) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return bytes.Compare(b.ID[:], a.ID[:])
	}
	slices.SortFunc(list, func(a, b T) int { return order(place(a), place(b)) })
	var out []T
	for _, v := range list {
		if len(out) < limit && (after.IsZero() || order(after, place(v)) < 0) {
			out = append(out, v)
		}
	}
	return out
}

func (t *memoryTx) ListPeople(_ context.Context, kind bridge.PersonKind, after bridge.Cursor, limit int) ([]bridge.Person, error) {
	var list []bridge.Person
	for _, p := range t.people {
		if p.Kind == kind {
			list = append(list, p)
		}
	}
	return newestFirst(list, func(p bridge.Person) bridge.Cursor { return bridge.Cursor{At: p.CreatedAt, ID: p.ID} }, after, limit), nil
}

func (t *memoryTx) Thread(_ context.Context, id bridge.ID) (bridge.Thread, error) {
	v, ok := t.threads[id]
	return found(v, ok)
}

func (t *memoryTx) AddThread(_ context.Context, v bridge.Thread) error {
	t.threads[v.ID] = v
	return nil
}

func (t *memoryTx) UpdateThread(_ context.Context, v bridge.Thread) error {
	t.threads[v.ID] = v
	return nil
}

func (t *memoryTx) ListThreads(_ context.Context, q bridge.ThreadQuery) ([]bridge.ThreadRow, error) {
	var list []bridge.ThreadRow
	for _, v := range t.threads {
		if (q.Status == "" || v.Status == q.Status) && (!q.Awaiting || v.Awaiting) && (!q.Unopened || t.unopened[v.ID]) {
			row := bridge.ThreadRow{Thread: v, Unopened: t.unopened[v.ID]}
			for at, p := range t.participants {
				if at[0] == v.ID && p.Kind == bridge.Contact {
					row.People = append(row.People, t.people[at[1]].DisplayName())
					row.Count++
				}
			}
			list = append(list, row)
		}
	}
	return newestFirst(list, func(r bridge.ThreadRow) bridge.Cursor { return bridge.Cursor{At: r.LastAt, ID: r.ID} }, q.After, q.Limit), nil
}

func (t *memoryTx) AddParticipant(_ context.Context, p bridge.Participant) error {
	t.participants[[2]bridge.ID{p.Thread, p.Person}] = p
	return nil
}

func (t *memoryTx) Participant(_ context.Context, thread, person bridge.ID) (bridge.Participant, error) {
	p, ok := t.participants[[2]bridge.ID{thread, person}]
	return found(p, ok)
}

func (t *memoryTx) Participants(_ context.Context, thread bridge.ID) ([]bridge.Participant, error) {
	var list []bridge.Participant
	for at, p := range t.participants {
		if at[0] == thread {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b bridge.Participant) int { return bytes.Compare(a.Person[:], b.Person[:]) })
	return list, nil
}

func (t *memoryTx) LeaveThread(_ context.Context, thread, person bridge.ID, at time.Time) error {
	p := t.participants[[2]bridge.ID{thread, person}]
	p.LeftAt = at
	t.participants[[2]bridge.ID{thread, person}] = p
	return nil
}

func (t *memoryTx) AddMessage(_ context.Context, m *bridge.Message) error {
	v := t.threads[m.Thread]
	v.Seq++
	m.Seq = v.Seq
	if m.Kind == bridge.Public {
		v.LastAt, v.Preview, v.Awaiting = m.At, m.Preview(), m.AuthorKind == bridge.ByContact
	}
	t.threads[m.Thread] = v
	t.messages[m.Thread] = append(slices.Clip(t.messages[m.Thread]), *m)
	return nil
}

func (t *memoryTx) Message(_ context.Context, id bridge.ID) (bridge.Message, error) {
	for _, list := range t.messages {
		for _, m := range list {
			if m.ID == id {
				return m, nil
			}
		}
	}
	return bridge.Message{}, bridge.ErrNotFound
}

func (t *memoryTx) ListMessages(_ context.Context, thread bridge.ID, notes bool, afterSeq, limit int) ([]bridge.Message, error) {
	var out []bridge.Message
	for _, m := range t.messages[thread] {
		if m.Seq > afterSeq && len(out) < limit && (notes || m.Kind == bridge.Public) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (t *memoryTx) Attachment(_ context.Context, id bridge.ID) (bridge.Attachment, error) {
	for _, list := range t.messages {
		for _, m := range list {
			for _, a := range m.Attachments {
				if a.ID == id {
					return a, nil
				}
			}
		}
	}
	return bridge.Attachment{}, bridge.ErrNotFound
}

func (t *memoryTx) Receipts(_ context.Context, thread bridge.ID, _, _ int) ([]bridge.Receipt, error) {
	return t.receipts, nil
}

func (t *memoryTx) AddReplyAddress(_ context.Context, a bridge.ReplyAddress) error {
	t.replies[a.ID] = a
	return nil
}

func (t *memoryTx) RevokeReplyAddresses(_ context.Context, thread, person bridge.ID, at time.Time) error {
	for id, a := range t.replies {
		if a.Thread == thread && a.Person == person {
			a.RevokedAt = at
			t.replies[id] = a
		}
	}
	return nil
}

func (t *memoryTx) AddDelivery(_ context.Context, d bridge.Delivery) error {
	t.deliveries = append(t.deliveries, d)
	return nil
}

func (t *memoryTx) ListDeliveries(_ context.Context, q bridge.DeliveryQuery) ([]bridge.Delivery, error) {
	var list []bridge.Delivery
	for _, d := range t.deliveries {
		if q.State == "" || d.State == q.State {
			list = append(list, d)
		}
	}
	return newestFirst(list, func(d bridge.Delivery) bridge.Cursor { return bridge.Cursor{At: d.CreatedAt, ID: d.ID} }, q.After, q.Limit), nil
}

func (t *memoryTx) ThreadDeliveries(_ context.Context, thread bridge.ID, _, _ int) ([]bridge.Delivery, error) {
	return slices.DeleteFunc(slices.Clone(t.deliveries), func(d bridge.Delivery) bool { return d.Thread != thread }), nil
}

func (t *memoryTx) ListReceived(_ context.Context, q bridge.ReceivedQuery) ([]bridge.Received, error) {
	var list []bridge.Received
	for _, r := range t.received {
		if (q.Disposition == "" || r.Disposition == q.Disposition) && (!q.Waiting || r.Disposition == bridge.Held && r.Resolution == "") {
			list = append(list, r)
		}
	}
	return newestFirst(list, func(r bridge.Received) bridge.Cursor { return bridge.Cursor{At: r.Envelope.At, ID: r.ID} }, q.After, q.Limit), nil
}

func (t *memoryTx) AddKey(_ context.Context, k bridge.APIKey) error {
	t.keys[k.ID] = k
	return nil
}

func (t *memoryTx) Key(_ context.Context, id bridge.ID) (bridge.APIKey, error) {
	k, ok := t.keys[id]
	return found(k, ok)
}

func (t *memoryTx) UpdateKey(_ context.Context, k bridge.APIKey) error {
	t.keys[k.ID] = k
	return nil
}

func (t *memoryTx) AddOnce(_ context.Context, o bridge.OnceRecord) error {
	if _, ok := t.once[o.Owner.String()+o.Key]; ok {
		return bridge.ErrConflict
	}
	t.once[o.Owner.String()+o.Key] = o
	return nil
}

func (t *memoryTx) Once(_ context.Context, owner bridge.ID, key string) (bridge.OnceRecord, error) {
	o, ok := t.once[owner.String()+key]
	return found(o, ok)
}

func (t *memoryTx) Setting(_ context.Context, name string) (string, error) {
	v, ok := t.settings[name]
	return found(v, ok)
}

func (t *memoryTx) SetSetting(_ context.Context, name, value string) error {
	t.settings[name] = value
	return nil
}

func (t *memoryTx) AddAudit(_ context.Context, e bridge.AuditEntry) error {
	e.Seq = int64(len(t.audits) + 1)
	t.audits = append(t.audits, e)
	return nil
}

func (t *memoryTx) ListAudit(_ context.Context, action string, after bridge.Cursor, limit int) ([]bridge.AuditEntry, error) {
	var list []bridge.AuditEntry
	for _, e := range t.audits {
		if strings.HasPrefix(e.Action, action) {
			list = append(list, e)
		}
	}
	return newestFirst(list, func(e bridge.AuditEntry) bridge.Cursor { return bridge.Cursor{At: e.At, ID: e.ID} }, after, limit), nil
}

// plainKeys is a keyring whose codes prove nothing.
type plainKeys struct{}

func (plainKeys) Sign(purpose string, data []byte) []byte {
	sum := sha256.Sum256(append([]byte(purpose+"\x00"), data...))
	return sum[:]
}

func (k plainKeys) Verify(purpose string, data, code []byte) bool {
	return bytes.HasPrefix(k.Sign(purpose, data), code)
}

func (t *memoryTx) AuditFrom(_ context.Context, after int64, limit int) ([]bridge.AuditEntry, error) {
	var list []bridge.AuditEntry
	for _, e := range t.audits {
		if e.Seq > after && len(list) < limit {
			list = append(list, e)
		}
	}
	return list, nil
}

// Here all content is in the records, so nothing is ever staged elsewhere.
func (t *memoryTx) AddStaged(context.Context, bridge.ID, bridge.Blob, time.Time) error {
	return errors.New("there is nothing to stage")
}

func (t *memoryTx) UseStaged(context.Context, bridge.ID, bridge.Blob) error { return nil }

func (t *memoryTx) Staged(context.Context, bridge.ID, time.Time) (int64, error) { return 0, nil }

func (t *memoryTx) Retention(_ context.Context, thread bridge.ID) (bridge.Retention, error) {
	return t.kept[thread], nil
}

func (t *memoryTx) SetRetention(_ context.Context, thread bridge.ID, r bridge.Retention) error {
	t.kept = maps.Clone(t.kept)
	if t.kept == nil {
		t.kept = map[bridge.ID]bridge.Retention{}
	}
	t.kept[thread] = r
	return nil
}

func (t *memoryTx) DeleteThread(_ context.Context, id bridge.ID) error {
	if _, ok := t.threads[id]; !ok {
		return bridge.ErrNotFound
	}
	delete(t.threads, id)
	delete(t.messages, id)
	return nil
}

func (t *memoryTx) MailChoices(_ context.Context, person bridge.ID) (bridge.MailChoices, error) {
	c, ok := t.choices[person]
	return found(c, ok)
}

func (t *memoryTx) MailStop(_ context.Context, address string) (bridge.MailStop, error) {
	s, ok := t.stops[address]
	return found(s, ok)
}

func (t *memoryTx) RemoveMailStop(_ context.Context, address string) error {
	_, ok := t.stops[address]
	delete(t.stops, address)
	_, err := found(address, ok)
	return err
}

func (t *memoryTx) SilentIn(context.Context, bridge.ID) ([]bridge.ID, error) { return nil, nil }

func (t *memoryTx) UnopenedIn(context.Context, bridge.ID) ([]bridge.ID, error) { return nil, nil }

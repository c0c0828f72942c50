package store

import (
	"context"
	"fmt"
	"strings"

	"letterlock/bridge"
)

// label is what is sealed of an attachment beside its content. The check sum is content too: it would show which known file this is.
type label struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	ID   string   `json:"id,omitempty"`
	Sum  [32]byte `json:"sum"`
}

const selectAttachment = "select id, thread, message, inline, note, size, coalesce(blob_key, ''), sealed_label from attachment "

func (t *tx) addAttachment(ctx context.Context, m *bridge.Message, seq, i int) error {
	a := &m.Attachments[i]
	if strings.Contains(a.Blob.Key, "/") {
		return fmt.Errorf("attachment %s: its content belongs to another row: %w", a.ID, bridge.ErrInvalid)
	}
	sealed, err := t.sealJSON(label{a.Filename, a.ContentType, a.ContentID, a.Blob.SHA256}, "attachment", "label", a.ID[:])
	if err != nil {
		return err
	}
	if a.Blob.Key != "" {
		if err := t.useBlob(ctx, a.Blob.Key); err != nil {
			return err
		}
	}
	err = t.send(ctx, `insert into attachment (id, thread, message, seq, position, inline, note, size, blob_key, sealed_label)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, m.Thread, m.ID, seq, i, a.Inline, m.Kind == bridge.Note, a.Blob.Size, nullable(a.Blob.Key), sealed)
	if err != nil || a.Blob.Key != "" {
		return err
	}
	err = t.send(ctx, "insert into attachment_content (attachment, sealed_content) values (?, ?)",
		a.ID, t.conn.keys.Seal(a.Blob.Inline, "attachment_content", "content", a.ID[:]))
	return err
}

func (t *tx) scanAttachment(r row, a *bridge.Attachment) error {
	var plain []byte
	err := r.Scan(&a.ID, &a.Thread, &a.Message, &a.Inline, &a.Note, &a.Blob.Size, &a.Blob.Key,
		t.octets(&plain, "attachment", "label", a.ID[:]))
	if err != nil {
		return err
	}
	var l label
	if err := openJSON(plain, &l, "attachment", "label"); err != nil {
		return err
	}
	a.Filename, a.ContentType, a.ContentID, a.Blob.SHA256 = l.Name, l.Type, l.ID, l.Sum
	if a.Blob.Key == "" {
		a.Blob.Key = inAttachment + a.ID.String()
	}
	return nil
}

// attach reads the attachments of messages that follow one another in a thread. Small content stays where it is: OpenBlob finds it.
func (t *tx) attach(ctx context.Context, messages []bridge.Message) error {
	at := make(map[bridge.ID]*bridge.Message, len(messages))
	for i := range messages {
		at[messages[i].ID] = &messages[i]
	}
	first, last := messages[0], messages[len(messages)-1]
	return t.each(ctx, selectAttachment+"where thread = ? and seq >= ? and seq <= ? order by seq, position",
		[]any{first.Thread, first.Seq, last.Seq}, func(r row) error {
			var a bridge.Attachment
			if err := t.scanAttachment(r, &a); err != nil {
				return err
			}
			if m := at[a.Message]; m != nil { // a note's are there also when notes were not asked for
				m.Attachments = append(m.Attachments, a)
			}
			return nil
		})
}

// Attachment implements bridge.Messages.
func (t *tx) Attachment(ctx context.Context, id bridge.ID) (bridge.Attachment, error) {
	var a bridge.Attachment
	found := false
	err := t.each(ctx, selectAttachment+"where id = ?", []any{id}, func(r row) error {
		found = true
		return t.scanAttachment(r, &a)
	})
	if err == nil && !found {
		err = bridge.ErrNotFound
	}
	return a, err
}

// nullable stores an empty text as null.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

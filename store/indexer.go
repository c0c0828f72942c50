package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// The index follows behind the commit. A transaction that adds or changes what can be found writes a task; the indexer reads
// tasks and their messages, makes the entries outside of any transaction, and writes them together with the end of the task.
// So a crash repeats work and loses none, and doing a task twice changes nothing.

const (
	indexBatch  = 256                    // messages in one transaction: other writers wait no longer than for these
	indexOctets = 4 << 20                // of text, likewise
	indexPause  = 400 * time.Millisecond // between two looks at an empty queue
	indexRetry  = 2 * time.Second        // after an error
	indexBusy   = 10                     // tasks that came beside a batch, from which on others are busy
	indexGather = 250 * time.Millisecond // while others are busy: a batch of many costs one fsync, and little more than a batch of few
)

// queueIndex has messages of a thread indexed, or indexed anew.
func (t *tx) queueIndex(ctx context.Context, thread bridge.ID, first, last int) error {
	t.queued++
	err := t.send(ctx, "insert into index_task (id, thread, first_seq, last_seq) select ?, ?, ?, ? from meta where name = ? and value = ?",
		bridge.NewID(), thread, first, last, searchSetting, []byte(searchOn))
	return err
}

// queueThread has all messages of a thread indexed anew, if there are any.
func (t *tx) queueThread(ctx context.Context, thread bridge.ID) error {
	err := t.send(ctx, `insert into index_task (id, thread, first_seq, last_seq)
		select ?, h.id, 1, h.seq from thread h cross join meta o where h.id = ? and h.seq > 0 and o.name = ? and o.value = ?`,
		bridge.NewID(), thread, searchSetting, []byte(searchOn))
	return err
}

// RunIndexer keeps the index up to date until ctx ends. While others write it works a tenth of the time, so that they hardly wait for it.
// Several processes may run it on one database; one at a time is enough.
func (d *DB) RunIndexer(ctx context.Context, log *slog.Logger) error {
	before := d.queued.Load()
	for {
		start := time.Now()
		n, err := d.Index(ctx)
		pause := indexPause
		queued := d.queued.Load()
		busy := queued-before > indexBusy
		before = queued
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errClosed):
			return err
		case err != nil:
			log.ErrorContext(ctx, "could not index messages for search", "error", err)
			pause = indexRetry
		case n > 0 && busy:
			pause = max(9*time.Since(start), indexGather)
		case n > 0:
			pause = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// task is a row of index_task, and what was read for it.
type task struct {
	id, thread  bridge.ID
	first, last int
	through     int // the last message of the thread that this batch holds
	messages    []indexed
	entries     []entry
}

// Index does a batch of what waits in the queue, and returns how many tasks it has done or brought forward: 0 if nothing waits.
func (d *DB) Index(ctx context.Context) (int, error) {
	var tasks []task
	err := d.view(ctx, func(t *tx) (err error) {
		tasks, err = t.indexTasks(ctx)
		return err
	})
	if err != nil || len(tasks) == 0 {
		return 0, wrapIndex(err)
	}
	h := newHasher(d.keys)
	for i := range tasks {
		for j := range tasks[i].messages {
			tasks[i].entries = append(tasks[i].entries, h.entry(&tasks[i].messages[j]))
		}
	}
	err = d.update(ctx, func(t *tx) error {
		for i := range tasks {
			if err := t.finishTask(ctx, &tasks[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return len(tasks), wrapIndex(err)
}

func wrapIndex(err error) error {
	if err != nil {
		return fmt.Errorf("index messages: %w", err)
	}
	return nil
}

// indexTasks reads the oldest tasks with their messages, as many as make a batch.
func (t *tx) indexTasks(ctx context.Context) ([]task, error) {
	var all []task
	err := t.each(ctx, "select id, thread, first_seq, last_seq from index_task order by id limit ?", []any{indexBatch}, func(r row) error {
		all = append(all, task{})
		k := &all[len(all)-1]
		return r.Scan(&k.id, &k.thread, &k.first, &k.last)
	})
	if err != nil {
		return nil, err
	}
	room, octets := indexBatch, 0
	f := facts{threads: map[bridge.ID]*indexed{}, people: map[bridge.ID]bridge.Person{}}
	for i := range all {
		if room == 0 {
			return all[:i], nil
		}
		k := &all[i]
		k.through = min(k.last, k.first+room-1)
		err := t.fillTask(ctx, k, f)
		if errors.Is(err, seal.ErrSealed) && k.through > k.first {
			// One of several does not open: they are taken one by one.
			k.through, k.messages = k.first, nil
			err = t.fillTask(ctx, k, f)
		}
		if errors.Is(err, seal.ErrSealed) || errors.Is(err, bridge.ErrNotFound) {
			k.messages, err = nil, nil // what doesn't open has no words; the integrity check reports it
		}
		if err != nil {
			return nil, err
		}
		room -= len(k.messages)
		for j := range k.messages {
			octets += len(k.messages[j].message.Text)
		}
		if octets > indexOctets {
			return all[:i+1], nil
		}
	}
	return all, nil
}

// facts are what the messages of one batch have in common.
type facts struct {
	threads map[bridge.ID]*indexed // without a message
	people  map[bridge.ID]bridge.Person
}

// fillTask reads the messages of a task up to through.
func (t *tx) fillTask(ctx context.Context, k *task, f facts) error {
	thread, err := t.indexedThread(ctx, k.thread, f)
	if err != nil {
		return err
	}
	messages, err := t.ListMessages(ctx, k.thread, true, k.first-1, k.through-k.first+1)
	if err != nil {
		return err
	}
	if n := len(messages); n > 0 {
		k.through = min(k.through, messages[n-1].Seq) // very long ones come a few at a time
	}
	for _, m := range messages {
		if m.Seq > k.through {
			break
		}
		author, known := f.people[m.Author]
		if !known && !m.Author.IsZero() {
			if author, err = t.Person(ctx, m.Author); err != nil && !errors.Is(err, bridge.ErrNotFound) {
				return err
			}
			f.people[m.Author] = author
		}
		m.HTML, m.Quoted, m.Signature = "", "", ""
		if len(m.Text) > maxEntryText {
			m.Text = strings.Clone(m.Text[:maxEntryText])
		}
		one := *thread
		one.message, one.address = m, author.Address
		k.messages = append(k.messages, one)
	}
	return nil
}

// indexedThread returns what is indexed of a thread with each of its messages.
func (t *tx) indexedThread(ctx context.Context, id bridge.ID, f facts) (*indexed, error) {
	if known := f.threads[id]; known != nil {
		return known, nil
	}
	thread, err := t.Thread(ctx, id)
	if err != nil {
		return nil, err
	}
	in, err := t.Participants(ctx, id)
	if err != nil {
		return nil, err
	}
	one := &indexed{subject: thread.Subject, status: thread.Status}
	for _, p := range in {
		if p.Kind == bridge.Contact && p.LeftAt.IsZero() {
			one.readers = append(one.readers, p.Person)
		}
	}
	f.threads[id] = one
	return one, nil
}

// finishTask writes a task's entries and removes it, or what was done of it. If somebody else has done so meanwhile, it does nothing.
func (t *tx) finishTask(ctx context.Context, k *task) error {
	var n int64
	var err error
	if k.through < k.last {
		n, err = t.exec(ctx, "update index_task set first_seq = ? where id = ? and first_seq = ?", k.through+1, k.id, k.first)
	} else {
		n, err = t.exec(ctx, "delete from index_task where id = ? and first_seq = ?", k.id, k.first)
	}
	if err != nil || n == 0 {
		return err
	}
	for i := range k.entries {
		if err := t.putEntry(ctx, &k.messages[i].message, k.entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// putEntry writes the entry of a message, or writes it anew. The message may be gone meanwhile: then there is nothing to write.
func (t *tx) putEntry(ctx context.Context, m *bridge.Message, e entry) error {
	if t.conn.engine == postgresEngine {
		return t.putPostgres(ctx, m, e)
	}
	var id int64
	err := t.one(ctx, "select id from search_entry where thread = ? and seq = ?", []any{m.Thread, m.Seq}, &id)
	if err == nil {
		_, err = t.exec(ctx, "insert or replace into search_text (rowid, subject, body, files, author, marks) values (?, ?, ?, ?, ?, ?)", e.columns(id)...)
		return err
	}
	if !errors.Is(err, bridge.ErrNotFound) {
		return err
	}
	if id, err = t.freePlace(ctx, placeOf(m.At)); err != nil {
		return err
	}
	n, err := t.exec(ctx, "insert into search_entry (id, thread, seq, note) select ?, thread, seq, ? from message where thread = ? and seq = ?",
		id, m.Kind == bridge.Note, m.Thread, m.Seq)
	if err != nil || n == 0 {
		return err
	}
	_, err = t.exec(ctx, "insert into search_text (rowid, subject, body, files, author, marks) values (?, ?, ?, ?, ?, ?)", e.columns(id)...)
	return err
}

// freePlace returns an id for an entry of a moment: the moment's first one, or the next that is free. Many of one moment run over into
// the following ones, and stay in order.
func (t *tx) freePlace(ctx context.Context, base int64) (int64, error) {
	for width := int64(1) << placeBits; ; width *= 4 {
		var last int64
		err := t.one(ctx, "select id from search_entry where id >= ? and id < ? order by id desc limit 1", []any{base, base + width}, &last)
		switch {
		case errors.Is(err, bridge.ErrNotFound):
			return base, nil
		case err != nil:
			return 0, err
		case last+1 < base+width:
			return last + 1, nil
		}
	}
}

// columns returns an entry as FTS5 takes it.
func (e entry) columns(id int64) []any {
	join := func(tokens []string) string { return strings.Join(tokens, " ") }
	return []any{id, join(e.subject), join(e.body), join(e.files), join(e.author), join(e.marks)}
}

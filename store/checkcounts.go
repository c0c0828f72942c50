package store

import (
	"context"
)

// agreements are what must hold between tables. Each query returns the keys of the rows that break it; each reads one state of the database.
var agreements = []struct{ table, what, query string }{
	{"thread", "its number of messages is not what it says", `select t.id from thread t
		left join (select thread, count(*) as n, max(seq) as last from message group by thread) m on m.thread = t.id
		where t.seq <> coalesce(m.n, 0) or t.seq <> coalesce(m.last, 0)`},
	{"thread", "its last message is another than it says", `select t.id from thread t
		join (select thread, max(at) as last from message where kind = 'public' group by thread) m on m.thread = t.id where t.last_at < m.last`},
	{"message", "its content is gone", "select m.id from message m left join message_content c on c.message = m.id where c.message is null"},
	{"message_content", "its message is gone", "select c.message from message_content c left join message m on m.id = c.message where m.id is null"},
	{"message", "it has another number of files than it says", `select m.id from message m
		left join (select thread, seq, count(*) as n from attachment group by thread, seq) a on a.thread = m.thread and a.seq = m.seq
		where m.files <> coalesce(a.n, 0)`},
	{"message", "the mail that it came from is gone", `select m.id from message m left join received r on r.id = m.received
		where m.received is not null and r.id is null`},
	{"message", "its author is gone", "select m.id from message m left join person p on p.id = m.author where m.author is not null and p.id is null"},
	{"attachment", "its message is gone", `select a.id from attachment a left join message m on m.id = a.message
		where m.id is null or m.thread <> a.thread or m.seq <> a.seq or a.note <> (m.kind = 'note')`},
	{"attachment", "its content is gone", `select a.id from attachment a left join attachment_content c on c.attachment = a.id
		where a.blob_key is null and c.attachment is null`},
	{"attachment", "the file that it names is not known", `select a.id from attachment a left join blob b on b.key = a.blob_key
		where a.blob_key is not null and b.key is null`},
	{"received_raw", "the file that it names is not known", `select w.received from received_raw w left join blob b on b.key = w.blob_key
		where w.blob_key is not null and b.key is null`},
	{"attachment_content", "its attachment is gone", "select c.attachment from attachment_content c left join attachment a on a.id = c.attachment where a.id is null"},
	{"received", "the message that it became is gone", `select r.id from received r left join message m on m.id = r.message
		where r.message is not null and m.id is null and r.disposition <> 'duplicate'`},
	{"received", "whether it waits is not what its record says", `select id from received
		where (waiting_at is not null) <> (disposition = 'held' and resolution = '') or waiting_at <> at`},
	{"received", "the mail itself is gone", `select r.id from received r left join received_raw w on w.received = r.id
		where r.disposition in ('appended', 'held', 'new thread') and w.received is null`},
	{"received_raw", "it has neither content nor a file", "select received from received_raw where blob_key is null and sealed_content is null"},
	{"participant", "its list entry is not what the thread says", `select p.thread from participant p join thread t on t.id = p.thread
		where p.status <> t.status or p.last_at <> t.last_at or p.read_seq > t.seq or p.receipt_seq > t.seq`},
	{"participant", "its number of unread messages is wrong", `select p.thread from participant p
		where p.unread <> (select count(*) from message m where m.thread = p.thread and m.seq > p.read_seq and m.kind = 'public'
			and m.author is distinct from p.person)`},
	{"receipt", "its message is gone", "select r.message from receipt r left join message m on m.id = r.message where m.id is null"},
	{"delivery", "its message is gone", "select d.id from delivery d left join message m on m.id = d.message where d.message is not null and m.id is null"},
	{"delivery", "its recipient is gone", "select d.id from delivery d left join person p on p.id = d.person where d.person is not null and p.id is null"},
	{"delivery", "when it is due is not what its state says", `select id from delivery
		where (due_at is not null) <> (state in ('queued', 'deferred')) or state not in ('queued', 'deferred', 'held', 'relayed', 'failed', 'suppressed')`},
	{"pending", "its state or author is none that there is", `select id from pending where state not in ('waiting', 'held', 'stopped')
		or by_kind not in ('staff', 'program') or by_kind = 'staff' and by_id is null`},
	{"pending", "its author is gone", `select p.id from pending p left join person a on a.id = p.by_id where p.by_kind = 'staff' and a.id is null`},
	{"pending", "it has gone out already", "select p.id from pending p join message m on m.id = p.id"},
	{"pending", "it has another number of files than it says", `select p.id from pending p
		where p.files <> (select count(*) from pending_file f where f.pending = p.id)`},
	{"pending_file", "its message is gone", "select f.id from pending_file f left join pending p on p.id = f.pending where p.id is null"},
	{"pending_file", "it has neither content nor a file", "select id from pending_file where blob_key is null and sealed_content is null"},
	{"pending_file", "the file that it names is not known", `select f.id from pending_file f left join blob b on b.key = f.blob_key
		where f.blob_key is not null and b.key is null`},
	{"person", "its kind and role are none that there are", `select id from person where not (kind = 'contact' and role = ''
		or kind = 'staff' and role in ('staff', 'admin')) or mode not in ('', 'secure', 'convenience')`},
	{"thread", "its state or mode is none that there is", "select id from thread where status not in ('open', 'closed') or mode not in ('', 'secure', 'convenience')"},
	{"signing", "its state is none that there is", `select id from signing where state not in ('next', 'current', 'past', 'retired')
		or (current_at <> 0) <> (state = 'current' or past_at <> 0) or (retired_at <> 0) <> (state = 'retired')`},
	{"api_key", "its role is none that there is", "select id from api_key where role not in ('staff', 'admin')"},
}

// counts compares the tables with each other.
func (c *checker) counts(ctx context.Context) error {
	c.total = int64(len(agreements))
	for _, a := range agreements {
		var broken [][]byte
		err := c.db.view(ctx, func(t *tx) error {
			if err := t.readWhole(ctx); err != nil {
				return err
			}
			return t.each(ctx, a.query, nil, func(r row) error {
				var key []byte
				err := r.Scan(&key)
				broken = append(broken, key)
				return err
			})
		})
		if err != nil {
			return err
		}
		for _, key := range broken {
			c.fault(a.table, key, "%s", a.what)
		}
		c.step(1)
	}
	return nil
}

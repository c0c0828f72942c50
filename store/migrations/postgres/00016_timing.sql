-- When mails leave: who looks at what, who is reminded of what, what people chose, and what is to be sent later.

-- +goose Up

-- When somebody last had a thread before them. It is apart from participant, which every message writes to.
create table look (
	thread bytea  not null references thread (id) on delete cascade,
	person bytea  not null references person (id),
	at     bigint not null,
	primary key (thread, person)
);

-- Who may have to be reminded of a thread: the step of the ladder that comes next, and when it is to be looked at.
create table reminder (
	thread      bytea   not null references thread (id) on delete cascade,
	person      bytea   not null references person (id),
	step        integer not null,
	due_at      bigint,            -- null once nothing more is to come
	unopened_at bigint  not null,  -- when staff were told that it was never opened
	primary key (thread, person)
);

create index reminder_due on reminder (due_at) where due_at is not null;
create index reminder_unopened on reminder (thread) where unopened_at > 0;

-- What somebody chose about mail to them. Whoever chose nothing has no row.
create table preference (
	person         bytea  not null primary key references person (id),
	digest_at      bigint,         -- when the next digest is due; null for none
	sealed_choices bytea  not null
);

create index preference_digest on preference (digest_at) where digest_at is not null;

-- Messages that staff wrote and that are to be sent later. They are in no thread until then.
create table pending (
	id            bytea  not null primary key,
	thread        bytea  references thread (id) on delete cascade, -- null for the first message of a new one
	owner         bytea  not null,  -- the person or the key that wrote it
	send_at       bigint not null,
	due_at        bigint,           -- null while it waits for somebody to decide
	created_at    bigint not null,
	sealed_letter bytea  not null
);

create index pending_due on pending (due_at) where due_at is not null;
create index pending_thread on pending (thread, send_at);

-- The big files of such messages.
create table pending_file (
	pending  bytea not null references pending (id) on delete cascade,
	blob_key text not null,
	primary key (pending, blob_key)
);

create index pending_file_blob on pending_file (blob_key);

create trigger pending_file_left_blob after delete on pending_file
	for each row execute function blob_left();

-- People, threads, messages, and who reads them.
--
-- Columns named sealed_* hold values that only the key file opens (AES-256-GCM, bound to table, column and row), or null where
-- there is nothing. Columns named *_hash hold keyed hashes, by which sealed values are found. Moments are microseconds since
-- 1970 in UTC, and 0 where there is none; ids are 16 octets, which sort by time. Tables and columns are those of SQLite's
-- migration of the same number, and mean the same.

-- +goose Up
create table meta (
	name  text not null primary key,
	value bytea not null
);

create table person (
	id              bytea   not null primary key,
	kind            text    not null,
	role            text    not null,
	mode            text    not null,
	locale          text    not null,
	disabled        boolean not null,
	created_at      bigint  not null,
	signed_out_at   bigint  not null,
	address_hash    bytea   not null unique,
	sealed_name     bytea,
	sealed_address  bytea   not null,
	sealed_password bytea
);

create index person_kind on person (kind, created_at, id);

create table thread (
	id             bytea   not null primary key,
	status         text    not null,
	mode           text    not null,
	awaiting       boolean not null,
	seq            integer not null,
	created_at     bigint  not null,
	last_at        bigint  not null,
	sealed_subject bytea,
	sealed_preview bytea
);

create index thread_last on thread (last_at, id);
create index thread_status on thread (status, last_at, id);
create index thread_awaiting on thread (last_at, id) where awaiting;

-- One person's view of one thread: what a list of threads shows is here already, so that it needs no counting.
create table participant (
	thread      bytea   not null references thread (id) on delete cascade,
	person      bytea   not null references person (id),
	kind        text    not null,
	joined_at   bigint  not null,
	left_at     bigint  not null,
	read_seq    integer not null,
	receipt_seq integer not null,
	unread      integer not null,
	status      text    not null,
	last_at     bigint  not null,
	primary key (thread, person)
);

-- One index serves a person's list with and without a status: every message moves every participant's entry, so a second
-- one would cost more than it saves.
create index participant_last on participant (person, last_at, thread) where left_at = 0;

-- How far staff have read threads that they take no part in.
create table reader (
	thread   bytea   not null references thread (id) on delete cascade,
	person   bytea   not null references person (id),
	read_seq integer not null,
	primary key (thread, person)
);

create table message (
	id          bytea   not null unique,
	thread      bytea   not null references thread (id) on delete cascade,
	seq         integer not null,
	kind        text    not null,
	author      bytea,
	author_kind text    not null,
	via         text    not null,
	at          bigint  not null,
	received    bytea,
	files       integer not null,
	primary key (thread, seq)
);

create table message_content (
	message            bytea not null primary key references message (id) on delete cascade,
	sealed_author_name bytea,
	sealed_text        bytea,
	sealed_html        bytea,
	sealed_quoted      bytea,
	sealed_signature   bytea,
	sealed_mail_id     bytea
);

create table attachment (
	id       bytea   not null primary key,
	thread   bytea   not null references thread (id) on delete cascade,
	message  bytea   not null,
	seq      integer not null,
	position integer not null,
	inline   boolean not null,
	note     boolean not null,
	size     bigint  not null,
	blob_key text,
	sealed_label bytea not null
);

create unique index attachment_message on attachment (thread, seq, position);
create index attachment_blob on attachment (blob_key) where blob_key is not null;

create table attachment_content (
	attachment     bytea not null primary key references attachment (id) on delete cascade,
	sealed_content bytea not null
);

create table receipt (
	thread  bytea  not null references thread (id) on delete cascade,
	message bytea  not null,
	person  bytea  not null,
	at      bigint not null,
	primary key (thread, message, person)
);

create table reply_address (
	id         bytea  not null primary key,
	thread     bytea  not null references thread (id) on delete cascade,
	person     bytea  not null references person (id),
	created_at bigint not null,
	revoked_at bigint not null
);

create index reply_address_owner on reply_address (thread, person, created_at, id);

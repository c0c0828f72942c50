-- People, threads, messages, and who reads them.
--
-- Columns named sealed_* hold values that only the key file opens (AES-256-GCM, bound to table, column and row), or null where
-- there is nothing. Columns named *_hash hold keyed hashes, by which sealed values are found. Moments are microseconds since
-- 1970 in UTC, and 0 where there is none; ids are 16 octets. Tables that are listed or joined are clustered by their key
-- (without rowid); tables that hold content are apart from them, and are not, since their rows are large.

-- +goose Up
create table meta (
	name  text not null primary key,
	value blob not null
) without rowid;

create table person (
	id              blob    not null primary key,
	kind            text    not null,
	role            text    not null,
	mode            text    not null,
	locale          text    not null,
	disabled        boolean not null,
	created_at      bigint  not null,
	signed_out_at   bigint  not null,
	address_hash    blob    not null unique,
	sealed_name     blob,
	sealed_address  blob    not null,
	sealed_password blob
) without rowid;

create index person_kind on person (kind, created_at, id);

create table thread (
	id             blob    not null primary key,
	status         text    not null,
	mode           text    not null,
	awaiting       boolean not null,
	seq            integer not null,
	created_at     bigint  not null,
	last_at        bigint  not null,
	sealed_subject blob,
	sealed_preview blob
) without rowid;

create index thread_last on thread (last_at, id);
create index thread_status on thread (status, last_at, id);
create index thread_awaiting on thread (last_at, id) where awaiting;

-- One person's view of one thread: what a list of threads shows is here already, so that it needs no counting.
create table participant (
	thread      blob    not null references thread (id) on delete cascade,
	person      blob    not null references person (id),
	kind        text    not null,
	joined_at   bigint  not null,
	left_at     bigint  not null,
	read_seq    integer not null,
	receipt_seq integer not null,
	unread      integer not null,
	status      text    not null,
	last_at     bigint  not null,
	primary key (thread, person)
) without rowid;

-- One index serves a person's list with and without a status: every message moves every participant's entry, so a second
-- one would cost more than it saves.
create index participant_last on participant (person, last_at, thread) where left_at = 0;

-- How far staff have read threads that they take no part in.
create table reader (
	thread   blob    not null references thread (id) on delete cascade,
	person   blob    not null references person (id),
	read_seq integer not null,
	primary key (thread, person)
) without rowid;

-- Clustered by thread, so that reading one is reading one place.
create table message (
	id          blob    not null unique,
	thread      blob    not null references thread (id) on delete cascade,
	seq         integer not null,
	kind        text    not null,
	author      blob,
	author_kind text    not null,
	via         text    not null,
	at          bigint  not null,
	received    blob,
	files       integer not null,
	primary key (thread, seq)
) without rowid;

create table message_content (
	message            blob not null primary key references message (id) on delete cascade,
	sealed_author_name blob,
	sealed_text        blob,
	sealed_html        blob,
	sealed_quoted      blob,
	sealed_signature   blob,
	sealed_mail_id     blob
);

create table attachment (
	id       blob    not null primary key,
	thread   blob    not null references thread (id) on delete cascade,
	message  blob    not null,
	seq      integer not null,
	position integer not null,
	inline   boolean not null,
	note     boolean not null,
	size     bigint  not null,
	blob_key text,
	sealed_label blob not null
) without rowid;

create unique index attachment_message on attachment (thread, seq, position);
create index attachment_blob on attachment (blob_key) where blob_key is not null;

create table attachment_content (
	attachment     blob not null primary key references attachment (id) on delete cascade,
	sealed_content blob not null
);

create table receipt (
	thread  blob   not null references thread (id) on delete cascade,
	message blob   not null,
	person  blob   not null,
	at      bigint not null,
	primary key (thread, message, person)
) without rowid;

create table reply_address (
	id         blob   not null primary key,
	thread     blob   not null references thread (id) on delete cascade,
	person     blob   not null references person (id),
	created_at bigint not null,
	revoked_at bigint not null
) without rowid;

create index reply_address_owner on reply_address (thread, person, created_at, id);

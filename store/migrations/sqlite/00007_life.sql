-- The life of data: a chain through the audit log, how long threads are kept, and how far new keys have been taken into use.

-- +goose Up

-- Each entry has a number without gaps, and a keyed code over itself and the code before it. Entries from before are given theirs when the
-- program starts, which has the key.
alter table audit add column seq bigint;
alter table audit add column link blob;
create unique index audit_seq on audit (seq);

-- The end of the chain: one row, which is also the lock that makes entries stand in line. What is sealed is the number and the code of the last
-- entry, so that an end that was cut off is missed.
create table audit_head (
	id          integer not null primary key,
	seq         bigint  not null,
	sealed_head blob    not null
);

-- What was decided about keeping one thread. Most threads have no row: the organization's setting holds.
create table retention (
	thread blob    not null primary key references thread (id) on delete cascade,
	days   integer not null,
	hold   boolean not null
) without rowid;

-- Mail that belongs to a thread and did not become a message of it.
create index received_beside on received (thread) where thread is not null and disposition <> 'appended';

-- How far each table has been sealed again with the key that is named.
create table rekey (
	name       text   not null primary key,
	key_id     bigint not null,
	place      blob,
	rows_done  bigint not null,
	done       boolean not null
) without rowid;

-- Files whose records were deleted, until they are deleted too.
create table removal (
	blob_key text   not null primary key,
	at       bigint not null
) without rowid;

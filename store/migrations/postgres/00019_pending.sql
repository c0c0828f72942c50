-- Messages that staff wrote and that have not gone out.

-- +goose Up

-- One that has gone out is a message, and its row is gone. The order of a list is that of at: when it goes out, or since when it does not wait.
create table pending (
	id          bytea    not null primary key,
	thread      bytea    references thread (id) on delete cascade, -- null where it starts one
	state       text    not null,
	at          bigint  not null,
	made_at     bigint  not null,
	by_id       bytea,
	by_kind     text    not null,
	files       integer not null,
	sealed_head bytea    not null, -- what a list shows of it
	sealed_text bytea,
	sealed_html bytea
);

create index pending_at on pending (at, id);
create index pending_thread on pending (thread, at, id) where thread is not null;
create index pending_due on pending (at, id) where state = 'waiting';
create index pending_stopped on pending (id) where state = 'stopped';

-- Its files: small ones have their content here.
create table pending_file (
	id             bytea    not null primary key,
	pending        bytea    not null references pending (id) on delete cascade,
	position       integer not null,
	size           bigint  not null,
	blob_key       text,
	sealed_label   bytea    not null,
	sealed_content bytea
);

create index pending_file_of on pending_file (pending, position);
create index pending_file_blob on pending_file (blob_key) where blob_key is not null;

-- Whether somebody has staged what was deleted elsewhere.
create index staged_blob on staged (blob_key);

create trigger pending_file_left_blob after delete on pending_file
	for each row when (old.blob_key is not null) execute function blob_left();

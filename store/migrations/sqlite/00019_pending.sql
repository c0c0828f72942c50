-- Messages that staff wrote and that have not gone out.

-- +goose Up

-- One that has gone out is a message, and its row is gone. The order of a list is that of at: when it goes out, or since when it does not wait.
create table pending (
	id          blob    not null primary key,
	thread      blob    references thread (id) on delete cascade, -- null where it starts one
	state       text    not null,
	at          bigint  not null,
	made_at     bigint  not null,
	by_id       blob,
	by_kind     text    not null,
	files       integer not null,
	sealed_head blob    not null, -- what a list shows of it
	sealed_text blob,
	sealed_html blob
) without rowid;

create index pending_at on pending (at, id);
create index pending_thread on pending (thread, at, id) where thread is not null;
create index pending_due on pending (at, id) where state = 'waiting';
create index pending_stopped on pending (id) where state = 'stopped';

-- Its files: small ones have their content here.
create table pending_file (
	id             blob    not null primary key,
	pending        blob    not null references pending (id) on delete cascade,
	position       integer not null,
	size           bigint  not null,
	blob_key       text,
	sealed_label   blob    not null,
	sealed_content blob
) without rowid;

create index pending_file_of on pending_file (pending, position);
create index pending_file_blob on pending_file (blob_key) where blob_key is not null;

-- Whether somebody has staged what was deleted elsewhere.
create index staged_blob on staged (blob_key);

-- +goose StatementBegin
create trigger pending_file_left_blob after delete on pending_file when old.blob_key is not null begin
	update blob set idle = true where key = old.blob_key and not idle;
end;
-- +goose StatementEnd

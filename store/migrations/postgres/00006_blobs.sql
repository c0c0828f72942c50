-- Files of big content, each known by one row however many messages it is attached to.

-- +goose Up
create table blob (
	key           text    not null primary key, -- names the file; random
	content_hash  bytea   unique,               -- by which the same content is found again; null in files of the first format
	size          bigint  not null,
	used_at       bigint  not null,             -- when it was last staged or attached
	idle          boolean not null,             -- it may be that nothing refers to it
	sealed_secret bytea                         -- opens the file; null in files of the first format
);

create index blob_idle on blob (used_at, key) where idle;

insert into blob (key, size, used_at, idle)
	select blob_key, max(size), 0, false from (
		select blob_key, size from attachment where blob_key is not null
		union all select blob_key, size from received_raw where blob_key is not null
	) u group by blob_key;

-- +goose StatementBegin
create function blob_left() returns trigger language plpgsql as $$
begin
	update blob set idle = true where key = old.blob_key and not idle;
	return null;
end
$$;
-- +goose StatementEnd

create trigger attachment_left_blob after delete on attachment
	for each row when (old.blob_key is not null) execute function blob_left();

create trigger received_raw_left_blob after delete on received_raw
	for each row when (old.blob_key is not null) execute function blob_left();

-- What each person or program has staged and not used yet.
create table staged (
	owner    bytea  not null,
	blob_key text   not null,
	size     bigint not null,
	at       bigint not null,
	primary key (owner, blob_key)
);

create index staged_at on staged (at);

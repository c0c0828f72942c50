-- Mail that leaves and mail that came.

-- +goose Up
create table delivery (
	id                bytea   not null primary key,
	kind              text    not null,
	thread            bytea   references thread (id) on delete cascade,
	message           bytea,
	person            bytea,
	priority          integer not null,
	state             text    not null,
	form              text    not null,
	attempts          integer not null,
	created_at        bigint  not null,
	next_at           bigint  not null,
	lease_by          text    not null,
	lease_until       bigint  not null,
	done_at           bigint  not null,
	due_at            bigint, -- the later of next_at and lease_until; null once the delivery is final
	sealed_recipient  bytea,
	sealed_payload    bytea,
	sealed_diagnostic bytea
);

create index delivery_due on delivery (priority, due_at, id) where due_at is not null;
create index delivery_lease on delivery (lease_by) where lease_by <> '';
create index delivery_created on delivery (created_at, id);
create index delivery_state on delivery (state, created_at, id);
create index delivery_thread on delivery (thread, person, created_at, id) where thread is not null;

create table received (
	id            bytea  not null primary key,
	at            bigint not null,
	route         text   not null,
	kind          text   not null,
	disposition   text   not null,
	verdict       text   not null,
	method        text   not null,
	size          bigint not null,
	thread        bytea,
	message       bytea,
	person        bytea,
	original      bytea,
	identity_hash bytea  unique,
	resolved_by   bytea,
	resolved_at   bigint not null,
	resolution    text   not null,
	waiting_at    bigint, -- at, while it is held and nobody has decided; then null
	sealed_record bytea  not null
);

create index received_at on received (at, id);
create index received_disposition on received (disposition, at, id);
create index received_waiting on received (waiting_at, id) where waiting_at is not null;

create table received_raw (
	received       bytea  not null primary key references received (id) on delete cascade,
	size           bigint not null,
	blob_key       text,
	sealed_sum     bytea  not null,
	sealed_content bytea
);

create index received_raw_blob on received_raw (blob_key) where blob_key is not null;

-- How far each IMAP mailbox has been read.
create table mailbox (
	mailbox_hash bytea  not null primary key,
	uid_validity bigint not null,
	last_uid     bigint not null
);

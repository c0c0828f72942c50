-- Signing in, programs' keys, settings and the audit log.

-- +goose Up
create table session (
	token_hash  blob   not null primary key,
	expires_at  bigint not null,
	sealed_data blob   not null
) without rowid;

create index session_expires on session (expires_at);

create table login_code (
	id         blob    not null primary key,
	browser    blob    not null,
	person     blob,
	thread     blob,
	code_hash  blob    not null,
	attempts   integer not null,
	created_at bigint  not null,
	expires_at bigint  not null,
	used_at    bigint  not null
) without rowid;

create index login_code_browser on login_code (browser, created_at, id);
create index login_code_created on login_code (created_at);

create table attempt (
	key_hash blob   not null,
	at       bigint not null
);

create index attempt_key on attempt (key_hash, at);
create index attempt_at on attempt (at);

create table api_key (
	id           blob   not null primary key,
	role         text   not null,
	secret_hash  blob   not null,
	created_by   blob,
	created_at   bigint not null,
	last_used_at bigint not null,
	revoked_at   bigint not null,
	sealed_name  blob
) without rowid;

create index api_key_created on api_key (created_at, id);

create table once (
	owner          blob   not null,
	key_hash       blob   not null,
	thread         blob,
	message        blob,
	person         blob,
	created_at     bigint not null,
	sealed_request blob   not null,
	primary key (owner, key_hash)
) without rowid;

create index once_created on once (created_at);

create table setting (
	name         text not null primary key,
	sealed_value blob not null
) without rowid;

create table audit (
	id            blob   not null primary key,
	at            bigint not null,
	actor         text   not null,
	by_id         blob,
	action        text   not null,
	thread        blob,
	person        blob,
	sealed_detail blob
) without rowid;

create index audit_at on audit (at, id);
create index audit_action on audit (action, at, id);

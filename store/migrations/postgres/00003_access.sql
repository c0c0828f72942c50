-- Signing in, programs' keys, settings and the audit log.

-- +goose Up
create table session (
	token_hash  bytea  not null primary key,
	expires_at  bigint not null,
	sealed_data bytea  not null
);

create index session_expires on session (expires_at);

create table login_code (
	id         bytea   not null primary key,
	browser    bytea   not null,
	person     bytea,
	thread     bytea,
	code_hash  bytea   not null,
	attempts   integer not null,
	created_at bigint  not null,
	expires_at bigint  not null,
	used_at    bigint  not null
);

create index login_code_browser on login_code (browser, created_at, id);
create index login_code_created on login_code (created_at);

create table attempt (
	key_hash bytea  not null,
	at       bigint not null
);

create index attempt_key on attempt (key_hash, at);
create index attempt_at on attempt (at);

create table api_key (
	id           bytea  not null primary key,
	role         text   not null,
	secret_hash  bytea  not null,
	created_by   bytea,
	created_at   bigint not null,
	last_used_at bigint not null,
	revoked_at   bigint not null,
	sealed_name  bytea
);

create index api_key_created on api_key (created_at, id);

create table once (
	owner          bytea  not null,
	key_hash       bytea  not null,
	thread         bytea,
	message        bytea,
	person         bytea,
	created_at     bigint not null,
	sealed_request bytea  not null,
	primary key (owner, key_hash)
);

create index once_created on once (created_at);

create table setting (
	name         text not null primary key,
	sealed_value bytea not null
);

create table audit (
	id            bytea  not null primary key,
	at            bigint not null,
	actor         text   not null,
	by_id         bytea,
	action        text   not null,
	thread        bytea,
	person        bytea,
	sealed_detail bytea
);

create index audit_at on audit (at, id);
create index audit_action on audit (action, at, id);

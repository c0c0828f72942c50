-- Addresses to which nothing is mailed until a person says so.

-- +goose Up
create table mail_stop (
	address_hash  blob   not null primary key,
	stopped_at    bigint not null,
	sealed_record blob   not null
) without rowid;

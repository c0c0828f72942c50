-- The keys that sign the mail that leaves (DKIM).

-- +goose Up
create table signing (
	id          blob   not null primary key,
	state       text   not null,
	made_at     bigint not null,
	current_at  bigint not null,
	past_at     bigint not null,
	retired_at  bigint not null,
	sealed_keys blob   not null
) without rowid;

-- One pair signs, and one may be about to.
create unique index signing_state on signing (state) where state in ('next', 'current');

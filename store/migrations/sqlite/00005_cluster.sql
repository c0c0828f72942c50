-- Who does what only one process may do at a time.

-- +goose Up
create table lease (
	name_hash blob   not null primary key,
	holder    text   not null,
	until_at  bigint not null -- by the database's clock
) without rowid;

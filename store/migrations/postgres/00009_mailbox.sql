-- Mailboxes read without gaps, and tokens that their owner must show next time.

-- +goose Up

-- Where the first reading ends that takes only mail since a day; what the server's counter of changes was; and which UIDs up to the last one
-- were not dealt with, as an IMAP sequence set.
alter table mailbox add column first_uid bigint not null default 0;
alter table mailbox add column mod_seq bigint not null default 0;
alter table mailbox add column missing text not null default '';

-- Refresh tokens that an OAuth2 server gave in place of the one before, each for one token that the configuration names.
create table oauth_token (
	name_hash    bytea  not null primary key,
	kept_at      bigint not null,
	sealed_token bytea  not null
);

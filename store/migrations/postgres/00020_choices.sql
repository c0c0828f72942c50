-- What people decided about the mails that they get.

-- +goose Up
create table mail_choice (
	person       bytea   not null primary key references person (id),
	notify       text    not null,
	no_reminders boolean not null,
	zone         text    not null,
	hour         integer not null,
	off_at       bigint  not null,  -- when a link in a mail turned everything off
	digest_at    bigint,            -- when the next summary is due; null for none
	digest_of    bigint  not null   -- when the last one was
);

create index mail_choice_digest on mail_choice (digest_at) where digest_at is not null;

-- What names a person in the links that turn their mails off: random, so that it tells nothing.
alter table person add column unsubscribe bytea;
update person set unsubscribe = uuid_send(gen_random_uuid());
create unique index person_unsubscribe on person (unsubscribe);

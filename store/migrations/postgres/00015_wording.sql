-- The organization's own words for its mails, and what people chose for theirs.

-- +goose Up

-- Every version stays on record; the newest counts. One without words goes back to those that come with the program.
create table template (
	id           bytea   not null primary key,
	kind         text    not null,
	language     text    not null,
	version      integer not null,
	at           bigint  not null,
	by_id        bytea,
	reset        boolean not null,
	sealed_words bytea
);

create unique index template_version on template (kind, language, version);

-- When somebody signed in for the first time, and the phrase that their mails show. Who was here before is known from the audit log.
alter table person add column signed_in_at bigint not null default 0;
alter table person add column sealed_phrase bytea;

update person set signed_in_at = s.since
	from (select a.person as who, min(a.at) as since from audit a where a.action in ('signin.code', 'signin.password') and a.person is not null group by a.person) s
	where s.who = person.id;

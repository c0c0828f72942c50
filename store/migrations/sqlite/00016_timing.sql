-- When mails leave: who looks at what, and who is reminded of what.

-- +goose Up

-- When somebody last had a thread before them. It is apart from participant, which every message writes to.
create table look (
	thread blob   not null references thread (id) on delete cascade,
	person blob   not null references person (id),
	at     bigint not null,
	primary key (thread, person)
) without rowid;

-- Who may have to be reminded of a thread: since when something is unopened, the step of the ladder that comes next, and when it is to be looked
-- at.
create table reminder (
	thread      blob    not null references thread (id) on delete cascade,
	person      blob    not null references person (id),
	since       bigint  not null,
	step        integer not null,
	due_at      bigint,            -- null once nothing more is to come
	unopened_at bigint  not null,  -- when staff were told that it was never opened
	primary key (thread, person)
) without rowid;

create index reminder_due on reminder (due_at) where due_at is not null;
create index reminder_unopened on reminder (thread) where unopened_at > 0;

-- A person's list of threads is read from the index alone: looking up each of its rows cost more the more threads there were. Each message moves
-- the entry anyway.

-- +goose Up
drop index participant_last;
create index participant_last on participant (person, last_at, thread, kind, unread, read_seq, status) where left_at = 0;

-- Search over keyed tokens: what is indexed are keyed hashes of words, so that no word shows here.

-- +goose Up

-- What is to be indexed: messages of a thread, by their numbers. A task is written by the transaction that makes it necessary,
-- and dropped by the indexer if its thread is gone.
create table index_task (
	id        bytea   not null primary key, -- sorts by time
	thread    bytea   not null,
	first_seq integer not null,
	last_seq  integer not null
);

-- One indexed message. Its id sorts by the message's time, so that a search that walks ids downwards finds the newest first.
create table search_entry (
	id     bigint   not null primary key,
	thread bytea    not null,
	seq    integer  not null,
	note   boolean  not null,
	words  tsvector not null, -- the tokens; their weights are A for the subject, B the text, C file names, D the author
	foreign key (thread, seq) references message (thread, seq) on delete cascade
);

create unique index search_entry_message on search_entry (thread, seq);

-- What waits to be sorted into the index is read by every search, so little of it may.
create index search_entry_words on search_entry using gin (words) with (fastupdate = on, gin_pending_list_limit = 512);

-- Which way a search goes is not left to the planner, and statistics of tokens are dear.
alter table search_entry alter column words set statistics 0;

-- Search over keyed tokens: what is indexed are keyed hashes of words, so that no word shows here.

-- +goose Up

-- What is to be indexed: messages of a thread, by their numbers. A task is written by the transaction that makes it necessary,
-- and dropped by the indexer if its thread is gone.
create table index_task (
	id        blob    not null primary key, -- sorts by time
	thread    blob    not null,
	first_seq integer not null,
	last_seq  integer not null
) without rowid;

-- One indexed message. Its id sorts by the message's time, so that a search that walks ids downwards finds the newest first.
create table search_entry (
	id     integer not null primary key,
	thread blob    not null,
	seq    integer not null,
	note   boolean not null,
	foreign key (thread, seq) references message (thread, seq) on delete cascade
);

create unique index search_entry_message on search_entry (thread, seq);

-- The tokens, by the entry's id. The texts they were made from are not kept here (content = '').
create virtual table search_text using fts5 (
	subject, body, files, author, marks, content = '', contentless_delete = 1, tokenize = 'ascii', detail = full
);

-- +goose StatementBegin
create trigger search_entry_gone after delete on search_entry begin
	delete from search_text where rowid = old.id;
end;
-- +goose StatementEnd

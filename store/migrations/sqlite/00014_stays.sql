-- Why a message stays in, where its author wanted it so or a content rule matched when it was written.

-- +goose Up
alter table message_content add column sealed_stays blob;

-- The daily reports of how TLS went (RFC 8460), each to one destination that a domain named, so that no two gateways send the same one.

-- +goose Up
create table tls_report (
	key_hash blob    not null primary key, -- of the day, the domain and the destination
	day      bigint  not null,
	attempts integer not null,
	next_at  bigint                        -- when it may be tried again; null once it has been sent, or given up
) without rowid;

create index tls_report_day on tls_report (day);

-- The way that mail took, and what is known of the ways there are.

-- +goose Up

-- How well the connection was protected that a mail left by, and why a notice left in place of a copy.
alter table delivery add column path text not null default '';
alter table delivery add column sealed_why blob;

-- The MTA-STS policies of recipients' domains (RFC 8461), for as long as they said.
create table mta_sts (
	domain_hash   blob   not null primary key,
	expires_at    bigint not null,
	sealed_policy blob   not null
) without rowid;

create index mta_sts_expires on mta_sts (expires_at);

-- How often TLS was spoken with a recipient's domain on a day, and how often it could not be and why (RFC 8460, section 4).
create table tls_result (
	key_hash      blob    not null primary key,
	day           bigint  not null,
	sessions      bigint  not null,
	sealed_result blob    not null
) without rowid;

create index tls_result_day on tls_result (day);

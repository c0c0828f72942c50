package bridge

import "time"

// STSPolicy is an MTA-STS policy (RFC 8461) as it was fetched, to be kept until it expires.
type STSPolicy struct {
	Domain    string
	ID        string // of the TXT record that announced it
	Text      string // as it came over HTTPS
	FetchedAt time.Time
	ExpiresAt time.Time
}

// TLSResult counts how TLS went with one host for a domain's mail on one day, in the words of RFC 8460, section 4.
type TLSResult struct {
	Day    time.Time // its beginning, UTC
	Domain string
	Host   string // the mail exchanger; empty where none was reached
	Policy string // tlsa, sts or no-policy-found
	Result string // a result-type; empty for success
	Count  int64  // sessions; not part of what is counted by
}

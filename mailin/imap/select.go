package imap

import (
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"letterlock/bridge"
)

// mailbox is what the server says of one that was opened.
type mailbox struct {
	validity uint32
	next     imap.UID // the UID that the next message gets; zero if the server does not tell
	modSeq   uint64   // zero if the server does not count changes
	messages uint32
}

// open selects a mailbox.
func (c *connection) open(name string, readOnly bool) (mailbox, error) {
	defer c.bound(c.timeout)()
	options := &imap.SelectOptions{ReadOnly: readOnly, CondStore: c.caps.Has(imap.CapCondStore)}
	data, err := c.client.Select(name, options).Wait()
	if err != nil {
		return mailbox{}, fmt.Errorf("open mailbox %q: %w", name, err)
	}
	if data.UIDValidity == 0 {
		return mailbox{}, fmt.Errorf("open mailbox %q: the server gives its messages no lasting numbers (UIDVALIDITY)", name)
	}
	return mailbox{data.UIDValidity, data.UIDNext, data.HighestModSeq, data.NumMessages}, nil
}

// maxSearch bounds how many UIDs are taken from one SEARCH.
const maxSearch = 10_000

// search returns the UIDs from one on, in their order, at most maxSearch of them, and how many there are. Since may be zero.
func (c *connection) search(from imap.UID, since time.Time) (uids []imap.UID, total int, err error) {
	if from == 0 {
		return nil, 0, nil // after the last UID that there can be
	}
	spans, err := c.spans(&imap.SearchCriteria{UID: upTo(from, 0), Since: since})
	if err != nil {
		return nil, 0, err
	}
	for _, s := range spans {
		// "*" is the last message even where that comes before from (RFC 9051, section 6.4.4).
		first := max(s.First, uint32(from))
		if s.Last < first {
			continue
		}
		total += int(s.Last-first) + 1
		for uid := uint64(first); uid <= uint64(s.Last) && len(uids) < maxSearch; uid++ {
			uids = append(uids, imap.UID(uid))
		}
	}
	return uids, total, nil
}

// missed returns those UIDs up to the last that are among the gaps, at most maxSearch. With a mod-sequence, only messages that came or changed
// after it are looked at.
func (c *connection) missed(gaps gaps, last imap.UID, after uint64) ([]imap.UID, error) {
	criteria := &imap.SearchCriteria{UID: upTo(1, last)}
	if after > 0 && c.caps.Has(imap.CapCondStore) {
		criteria.ModSeq = &imap.SearchCriteriaModSeq{ModSeq: after + 1}
	}
	spans, err := c.spans(criteria)
	if err != nil {
		return nil, err
	}
	return gaps.among(spans, maxSearch), nil
}

func upTo(first, last imap.UID) []imap.UIDSet {
	var set imap.UIDSet
	set.AddRange(first, last)
	return []imap.UIDSet{set}
}

// spans runs a SEARCH. What it returns is in order, without overlaps.
func (c *connection) spans(criteria *imap.SearchCriteria) ([]bridge.UIDRange, error) {
	defer c.bound(c.timeout)()
	var options *imap.SearchOptions
	if c.caps.Has(imap.CapESearch) || c.caps.Has(imap.CapIMAP4rev2) {
		options = &imap.SearchOptions{ReturnAll: true} // which answers with ranges instead of each number
	}
	data, err := c.client.UIDSearch(criteria, options).Wait()
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	found, _ := data.All.(imap.UIDSet)
	spans := make([]bridge.UIDRange, 0, len(found))
	for _, s := range found {
		if s.Start == 0 || s.Stop < s.Start || len(spans) > 0 && uint32(s.Start) <= spans[len(spans)-1].Last {
			return nil, errors.New("search: the server's answer makes no sense")
		}
		spans = append(spans, bridge.UIDRange{First: uint32(s.Start), Last: uint32(s.Stop)})
	}
	return spans, nil
}

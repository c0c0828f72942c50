package imap

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// message is one that was fetched.
type message struct {
	uid  imap.UID
	raw  []byte // with CRLF line ends
	cut  bool   // raw is only the beginning
	size int64  // octets, as far as is known
}

// beginning is how much of a message that is too large is read, in octets: enough for its header.
const beginning = 64 << 10

// fetched is a group of messages, as far as the server handed them over.
type fetched struct {
	group    []imap.UID
	sizes    map[imap.UID]int64 // of those that were still there; see measure
	messages []message          // in the order of their UIDs, each once
	lost     error              // why not all came, or nil
}

// broken reports whether the connection broke.
func (f *fetched) broken() bool { return f.lost != nil && !isNo(f.lost) }

// unknown is the size of a message that is there and whose size the server does not tell.
const unknown = -1

// measure returns the sizes in octets of those messages that are still there. Its error means that the connection broke.
func (c *connection) measure(uids []imap.UID) (map[imap.UID]int64, error) {
	sizes, err := c.sizesOfAll(uids)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(uids), func(uid imap.UID) bool {
		_, there := sizes[uid]
		return there
	})
	if len(missing) == 0 {
		return sizes, nil
	}
	// Most that it says nothing about are gone. One that is not must not be passed over.
	var set gaps
	for _, uid := range missing {
		set.add(uid, uid)
	}
	spans, err := c.spans(&imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(missing...)}})
	if err != nil && !isNo(err) {
		return nil, err
	}
	if err == nil {
		missing = set.among(spans, len(missing))
	}
	for _, uid := range missing {
		sizes[uid] = unknown
	}
	return sizes, nil
}

// sizesOfAll asks for sizes, and for each by itself where the server refuses that.
func (c *connection) sizesOfAll(uids []imap.UID) (map[imap.UID]int64, error) {
	sizes, err := c.sizes(uids)
	switch {
	case err == nil || !isNo(err):
		return sizes, err
	case len(uids) == 1:
		return map[imap.UID]int64{uids[0]: unknown}, nil
	}
	sizes = make(map[imap.UID]int64, len(uids))
	for i := range uids {
		one, err := c.sizesOfAll(uids[i : i+1])
		if err != nil {
			return nil, err
		}
		maps.Copy(sizes, one)
	}
	return sizes, nil
}

// isNo reports whether a server answered with NO or BAD, after which the connection goes on.
func isNo(err error) bool {
	var refused *imap.Error
	return errors.As(err, &refused)
}

// sizes asks for sizes once.
func (c *connection) sizes(uids []imap.UID) (map[imap.UID]int64, error) {
	defer c.bound(c.timeout)()
	found := make(map[imap.UID]int64, len(uids))
	fetch := c.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true})
	for m := fetch.Next(); m != nil; m = fetch.Next() {
		var uid imap.UID
		size := int64(unknown)
		for item := m.Next(); item != nil; item = m.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = item.UID
			case imapclient.FetchItemDataRFC822Size:
				size = item.Size
			}
		}
		if size <= 0 { // no message is empty
			size = unknown
		}
		if uid != 0 {
			found[uid] = size // unknown also where news of its flags came first: the library hands over one answer for each message
		}
	}
	if err := fetch.Close(); err != nil {
		return nil, fmt.Errorf("fetch sizes: %w", err)
	}
	return found, nil
}

// fetch gets messages that were measured. It does not mark them as seen. Of a message over the limit, which is alone in its group, only the
// beginning is read. One of unknown size, which is alone too, is read up to the limit, and then its beginning is kept.
//
// Only one FETCH may be in flight: the library was seen to hang with several.
func (c *connection) fetch(group []imap.UID, sizes map[imap.UID]int64, limit int64) *fetched {
	f := &fetched{group: group, sizes: sizes, messages: make([]message, 0, len(group))}
	var octets int64
	wanted := make(map[imap.UID]bool, len(group))
	for _, uid := range group {
		octets += sizes[uid]
		if _, there := sizes[uid]; there {
			wanted[uid] = true
		}
	}
	section := &imap.FetchItemBodySection{Peek: true}
	cut := len(group) == 1 && octets > limit
	unmeasured := len(group) == 1 && sizes[group[0]] == unknown
	switch {
	case cut:
		octets = beginning
	case unmeasured:
		octets = limit + 1
	}
	if cut || unmeasured {
		section.Partial = &imap.SectionPartial{Size: octets}
	}
	// At least 32 KiB a second, beside the time for the command.
	defer c.bound(c.timeout + time.Duration(octets>>15)*time.Second)()
	fetch := c.client.Fetch(imap.UIDSetNum(group...), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
	var came int64
	for m := fetch.Next(); m != nil; m = fetch.Next() {
		// What the server said the sizes were, with room to be wrong.
		got, ok, err := readMessage(m, octets+1<<20-came)
		if err != nil {
			f.lost = err
			_ = c.conn.Close() // what follows can't be read
			break
		}
		came += got.size
		if ok && wanted[got.uid] {
			delete(wanted, got.uid)
			got.cut = cut
			if unmeasured && got.size > limit {
				got.cut, got.raw = true, bytes.Clone(got.raw[:min(beginning, len(got.raw))])
			}
			f.messages = append(f.messages, got)
		}
	}
	if err := fetch.Close(); err != nil && f.lost == nil {
		f.lost = err
	}
	if f.lost != nil {
		f.lost = fmt.Errorf("fetch: %w", f.lost)
	}
	slices.SortFunc(f.messages, func(a, b message) int { return cmp.Compare(a.uid, b.uid) })
	return f
}

// readMessage reads one answer to FETCH. It reports false for one without a message, and an error for one with more octets than the limit.
func readMessage(m *imapclient.FetchMessageData, limit int64) (got message, ok bool, err error) {
	for item := m.Next(); item != nil; item = m.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			got.uid = item.UID
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			got.size = item.Literal.Size()
			if got.size > limit {
				return got, false, fmt.Errorf("message %d has %d octets and was said to be smaller", got.uid, got.size)
			}
			raw := make([]byte, got.size)
			if _, err := io.ReadFull(item.Literal, raw); err != nil {
				return got, false, err
			}
			got.raw, ok = withCRLF(raw), true
		}
	}
	return got, ok && got.uid != 0, nil
}

// finish does with recorded messages what the account wants.
func (c *connection) finish(uids []imap.UID, a Account) error {
	set := imap.UIDSetNum(uids...)
	switch a.After {
	case Seen:
		return c.flag(set, imap.FlagSeen)
	case Delete:
		return c.remove(set)
	case Move:
		return c.move(set, a.Folder)
	}
	return nil
}

func (c *connection) flag(set imap.UIDSet, flag imap.Flag) error {
	defer c.bound(c.timeout)()
	err := c.client.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}, nil).Close()
	if err != nil {
		return fmt.Errorf("flag: %w", err)
	}
	return nil
}

// remove deletes messages. Where the server can't expunge just these (UIDPLUS, RFC 4315), they are only flagged: a plain EXPUNGE would
// also take what somebody else flagged.
func (c *connection) remove(set imap.UIDSet) error {
	if err := c.flag(set, imap.FlagDeleted); err != nil {
		return err
	}
	if !c.caps.Has(imap.CapUIDPlus) {
		return nil
	}
	defer c.bound(c.timeout)()
	if err := c.client.UIDExpunge(set).Close(); err != nil {
		return fmt.Errorf("expunge: %w", err)
	}
	return nil
}

// move moves messages, and makes the folder if it is not there. Without MOVE (RFC 6851) they are copied and deleted.
func (c *connection) move(set imap.UIDSet, folder string) error {
	err := c.moveOnce(set, folder)
	if !isRefused(err) {
		return err
	}
	done := c.bound(c.timeout)
	created := c.client.Create(folder, nil).Wait()
	done()
	if created != nil {
		return err
	}
	return c.moveOnce(set, folder)
}

func (c *connection) moveOnce(set imap.UIDSet, folder string) error {
	defer c.bound(c.timeout)()
	if c.caps.Has(imap.CapMove) {
		if _, err := c.client.Move(set, folder).Wait(); err != nil {
			return fmt.Errorf("move to %q: %w", folder, err)
		}
		return nil
	}
	if _, err := c.client.Copy(set, folder).Wait(); err != nil {
		return fmt.Errorf("copy to %q: %w", folder, err)
	}
	return c.remove(set)
}

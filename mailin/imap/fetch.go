package imap

import (
	"fmt"
	"io"
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

// fetching is a FETCH that runs. Its messages must be drained; then err may be called.
type fetching struct {
	messages chan message
	failure  error
}

// err returns why not all messages came, or nil.
func (f *fetching) err() error {
	if f.failure != nil {
		return fmt.Errorf("fetch: %w", f.failure)
	}
	return nil
}

// sizes returns the sizes in octets of those messages that are still there.
func (c *connection) sizes(uids []imap.UID) (map[imap.UID]int64, error) {
	defer c.bound(c.timeout)()
	found := make(map[imap.UID]int64, len(uids))
	fetch := c.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true})
	for m := fetch.Next(); m != nil; m = fetch.Next() {
		var uid imap.UID
		size := int64(-1)
		for item := m.Next(); item != nil; item = m.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = item.UID
			case imapclient.FetchItemDataRFC822Size:
				size = item.Size
			}
		}
		if uid != 0 && size >= 0 {
			found[uid] = size
		}
	}
	if err := fetch.Close(); err != nil {
		return nil, fmt.Errorf("fetch sizes: %w", err)
	}
	return found, nil
}

// fetch gets messages whose sizes make so many octets together. With a limit, only that much of each is read. It does not mark them as
// seen. The messages wait in memory, so that the connection is not held up by what is done with them.
//
// Only one FETCH may be in flight: the library was seen to hang with several.
func (c *connection) fetch(uids []imap.UID, octets, limit int64) *fetching {
	f := &fetching{messages: make(chan message, len(uids))}
	section := &imap.FetchItemBodySection{Peek: true}
	if limit > 0 {
		section.Partial = &imap.SectionPartial{Size: limit}
	}
	go func() {
		defer close(f.messages)
		// At least 32 KiB a second, beside the time for the command.
		defer c.bound(c.timeout + time.Duration(octets>>15)*time.Second)()
		fetch := c.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
		for m := fetch.Next(); m != nil; m = fetch.Next() {
			got, ok, err := readMessage(m, max(octets+1<<20, limit))
			if err != nil {
				f.failure = err
				_ = c.conn.Close() // what follows can't be read
				break
			}
			if ok {
				got.cut = limit > 0
				f.messages <- got
			}
		}
		if err := fetch.Close(); err != nil && f.failure == nil {
			f.failure = err
		}
	}()
	return f
}

// readMessage reads one answer to FETCH. It reports false for one without a message. The limit is what the server said the size was,
// with room to be wrong.
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

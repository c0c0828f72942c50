package imap

import (
	"context"
	"errors"
	"time"

	"github.com/emersion/go-imap/v2"
)

// takeAll takes messages, in the order of their UIDs, in groups that fit in memory. While some groups are recorded the next is fetched. Its
// error means that the connection or the rest of the machine does not work.
func (r *reader) takeAll(ctx context.Context, c *connection, uids []imap.UID) error {
	w := r.newRecorder(ctx)
	defer w.end()
	for len(uids) > 0 {
		some := uids[:min(len(uids), r.Batch)]
		if r.careful > 0 {
			some = uids[:1]
		}
		uids = uids[len(some):]
		sizes, lost := c.measure(some)
		if lost != nil {
			return errors.Join(r.finishAll(ctx, c, w), r.unmeasured(ctx, some, lost))
		}
		for len(some) > 0 {
			group := r.group(some, sizes)
			some = some[len(group):]
			f := c.fetch(group, sizes, r.MaxSize)
			w.add(f)
			for !f.broken() && w.due(r.BatchBytes) {
				if err := r.finishFirst(ctx, c, w); err != nil {
					return errors.Join(err, r.finishAll(ctx, c, w))
				}
			}
			if f.broken() {
				return r.finishAll(ctx, c, w)
			}
		}
	}
	return r.finishAll(ctx, c, w)
}

// unmeasured deals with messages whose sizes were asked for when the connection broke. It's seen next time, one by one, on which of them.
func (r *reader) unmeasured(ctx context.Context, uids []imap.UID, lost error) error {
	if len(uids) > 1 {
		r.careful = len(uids)
		return lost
	}
	r.reach(uids[0])
	return errors.Join(r.putAside(ctx, uids[0], lost), lost)
}

// group returns the messages, of those given, that are fetched together next: at least one, and alone one that is too large or of unknown size.
func (r *reader) group(uids []imap.UID, sizes map[imap.UID]int64) []imap.UID {
	if r.careful > 0 {
		r.careful--
		return uids[:1]
	}
	var sum int64
	for i, uid := range uids {
		sum += sizes[uid]
		alone := sizes[uid] > r.MaxSize || sizes[uid] == unknown
		switch {
		case i == 0 && alone:
			return uids[:1]
		case i > 0 && (alone || sum > r.BatchBytes):
			return uids[:i]
		}
	}
	return uids
}

// finishAll finishes all groups that are under way.
func (r *reader) finishAll(ctx context.Context, c *connection, w *recorder) (err error) {
	for len(w.underWay) > 0 {
		err = errors.Join(err, r.finishFirst(ctx, c, w))
	}
	return err
}

// finishFirst finishes the group that is the longest under way. Where not all of it was tried the groups after it are dropped: what was fetched
// comes again.
func (r *reader) finishFirst(ctx context.Context, c *connection, w *recorder) error {
	rec := w.first()
	err := r.finish(ctx, c, rec)
	if rec.gaveUp && err == nil {
		err = errNothingWorks
	}
	if rec.gaveUp || errors.Is(err, errNothingWorks) {
		w.drop()
	}
	return err
}

// finish waits until a group is recorded, and does with its messages what the account wants.
func (r *reader) finish(ctx context.Context, c *connection, rec *recording) error {
	<-rec.ended
	f := rec.fetched
	var done []imap.UID
	var failure error
	outcome := make(map[imap.UID]int, len(f.messages))
	for i, m := range f.messages {
		outcome[m.uid] = i
	}
	// The last that is not to be asked for again with those after it.
	last := -1
	for i, uid := range f.group {
		k, came := outcome[uid]
		if came && rec.outcomes[k].tried || !came && (!f.broken() || len(f.group) == 1) {
			last = i
		}
	}
	for i, uid := range f.group {
		k, came := outcome[uid]
		_, there := f.sizes[uid]
		switch {
		case !there: // it went away between SEARCH and FETCH
			r.reach(uid)
			delete(r.late, uid)
		case came && rec.outcomes[k].tried && rec.outcomes[k].err == nil:
			r.reach(uid)
			r.taken++
			r.failing = 0
			delete(r.late, uid)
			if !f.messages[k].cut {
				done = append(done, uid)
			}
		case came && rec.outcomes[k].tried:
			r.reach(uid)
			failure = errors.Join(failure, r.putAside(ctx, uid, rec.outcomes[k].err))
		case !came && !f.broken():
			why := f.lost
			if why == nil {
				why = errors.New("the server did not hand it over")
			}
			r.reach(uid)
			failure = errors.Join(failure, r.putAside(ctx, uid, why))
		case !came && len(f.group) == 1: // this is the one that breaks connections
			r.reach(uid)
			failure = errors.Join(failure, r.putAside(ctx, uid, f.lost))
		case i < last || uid <= r.next:
			// A server may hand messages over in any order, so one that was passed over must not be forgotten.
			r.reach(uid)
			if r.late[uid] == nil {
				r.late[uid] = &lateMessage{taken: r.taken, due: time.Now()}
			}
		}
	}
	if f.broken() {
		if len(f.group) > 1 {
			r.careful = len(f.group)
		}
		failure = errors.Join(failure, f.lost)
	}
	r.report.add(r, len(f.group))
	if failure == nil {
		failure = ctx.Err()
	}
	return errors.Join(failure, r.settle(ctx, c, done))
}

// settle does with recorded messages what the account wants, and saves the progress after that. What an earlier connection left undone is done too.
func (r *reader) settle(ctx context.Context, c *connection, done []imap.UID) error {
	if len(done) == 0 && len(r.undone) == 0 {
		return nil
	}
	if r.AfterReceive != nil && len(done) > 0 {
		r.AfterReceive()
	}
	r.undone = append(r.undone, done...)
	for len(r.undone) > 0 {
		some := r.undone[:min(len(r.undone), r.Batch)]
		err := c.finish(some, r.account)
		if isNo(err) {
			// They are recorded, and the server won't do it: that must not keep other mail from coming.
			r.log.ErrorContext(ctx, "recorded messages stay as they are", "after", string(r.account.After), "messages", len(some), "error", err)
			err = nil
		}
		if err != nil {
			return err
		}
		r.undone = r.undone[len(some):]
	}
	return r.save(context.WithoutCancel(ctx))
}

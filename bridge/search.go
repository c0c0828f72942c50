package bridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"letterlock/bridge/mailaddr"
	"letterlock/bridge/query"
)

// ErrSearchOff means that the organization keeps no search index.
var ErrSearchOff = fmt.Errorf("search is turned off here: %w", ErrNotFound)

// Place is a place in a list of found messages, newest first. The zero Place is the beginning.
type Place int64

// String returns the form for a URL or a program: opaque, and nothing for the beginning.
func (p Place) String() string {
	if p == 0 {
		return ""
	}
	return strconv.FormatInt(int64(p), 36)
}

// IsZero reports whether the place is the beginning of a list.
func (p Place) IsZero() bool { return p == 0 }

// ParsePlace reads what String wrote. Its error wraps ErrInvalid.
func ParsePlace(s string) (Place, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 36, 64)
	if err != nil || Place(n).String() != s {
		return 0, fmt.Errorf("this place in the list can't be read: %w", ErrInvalid)
	}
	return Place(n), nil
}

// SearchQuery selects messages for a search, newest first: all terms and senders, none of those that are excluded.
type SearchQuery struct {
	Reader ID // only public messages of threads that this contact is in now; zero for all
	Terms  []query.Term
	From   []SearchSender
	Files  query.Tristate
	Status ThreadStatus // empty for both
	Since  time.Time    // zero for no bound
	Until  time.Time    // likewise
	After  Place
	Limit  int
}

// SearchSender is who wrote a message: a person, anybody at a domain, or somebody whose name has these words in this order.
type SearchSender struct {
	Person ID
	Domain string
	Words  []string
	Not    bool
}

// Found is a message that a search found.
type Found struct {
	Place  Place
	Thread ID
	Seq    int
}

// Searches finds messages by their words. A message can be found a moment after the transaction that added it.
type Searches interface {
	// SearchMessages returns what a query finds. Its error is ErrSearchOff if no index is kept.
	SearchMessages(ctx context.Context, q SearchQuery) ([]Found, error)
}

// SearchRequest asks for a page of what Text finds.
type SearchRequest struct {
	Text  string // as somebody typed it; package query says how it is read
	After Place
	Limit int // conversations; 20 if zero, at most 50
}

// SearchPage is a page of conversations in which something was found.
type SearchPage struct {
	Hits    []SearchHit
	Next    Place    // zero at the end
	Asked   bool     // the text asks for something
	Notices []string // what in it was not understood, for whoever typed it
}

// SearchHit is a conversation, by the newest message in it that was found.
type SearchHit struct {
	Thread   ID
	Status   ThreadStatus
	Message  ID
	Seq      int
	Long     bool // the thread has more messages than are read at once
	Kind     MessageKind
	Author   string // as the actor may see it
	AuthorID ID
	At       time.Time
	Subject  []query.Part
	Snippet  []query.Part
	Files    [][]query.Part // names of its attachments that were found; or of all of them if attachments were asked for
	More     int            // other messages of the same conversation that were found on this page
}

// Bounds on one page of a search.
const (
	searchLimit    = 20
	maxSearchLimit = 50
	searchBatch    = 100 // messages that are looked up at once
	searchBatches  = 5   // for one page: a long conversation may hold them all
	snippetSize    = 240 // octets

	longThread = 200 // messages, the most that are read at once
)

// CanSearch reports whether an index is kept.
func (g *Gateway) CanSearch() bool { return !g.noSearch }

// Search finds messages that the actor may read: for staff all, for a contact the public ones of the threads that they are in.
func (g *Gateway) Search(ctx context.Context, a Actor, r SearchRequest) (SearchPage, error) {
	limit := min(r.Limit, maxSearchLimit)
	if limit <= 0 {
		limit = searchLimit
	}
	var page SearchPage
	var p principal
	err := g.store.View(ctx, func(tx Tx) (err error) {
		if p, err = g.resolve(ctx, tx, a); err != nil {
			return err
		}
		if !p.isStaff() && !p.isContact() {
			return ErrForbidden
		}
		if g.noSearch {
			return ErrSearchOff
		}
		asked, err := query.Parse(r.Text)
		if err != nil {
			return fmt.Errorf("%w: %w", err, ErrInvalid)
		}
		page = SearchPage{Asked: !asked.IsZero(), Notices: asked.Notices}
		if asked.IsZero() {
			return nil
		}
		q, possible, err := g.searchQuery(ctx, tx, p, asked)
		if err != nil || !possible {
			return err
		}
		q.After = r.After
		return g.searchPage(ctx, tx, p, asked, q, limit, &page)
	})
	if err == nil && page.Asked {
		// What staff look for is recorded, as what they open is: a result shows a part of each message.
		sum := sha256.Sum256([]byte(r.Text))
		err = g.noteLook(ctx, p, AuditEntry{Action: "search", Detail: r.Text}, ID(sum[:len(ID{})]))
	}
	if err != nil {
		return SearchPage{}, wrap("search", err)
	}
	return page, nil
}

// searchQuery turns what was asked into a query on what the principal may read. It reports whether anything can be found at all.
func (g *Gateway) searchQuery(ctx context.Context, tx Tx, p principal, asked query.Query) (_ SearchQuery, possible bool, _ error) {
	q := SearchQuery{Terms: asked.Terms, Files: asked.Files, Status: ThreadStatus(asked.In), Since: asked.Since, Until: asked.Until, Limit: searchBatch}
	if !p.isStaff() {
		q.Reader = p.person.ID
	}
	for _, from := range asked.From {
		s := SearchSender{Domain: from.Domain, Words: from.Words, Not: from.Not}
		if from.Address != "" || from.Domain != "" {
			// Whose message it is by address is for staff, and for oneself: others' addresses are not shown to contacts.
			var err error
			if s.Person, err = g.searchedPerson(ctx, tx, p, from); err != nil {
				return q, false, err
			}
			if s.Person.IsZero() && (from.Address != "" || !p.isStaff()) {
				if from.Not {
					continue
				}
				return q, false, nil
			}
		}
		q.From = append(q.From, s)
	}
	return q, true, nil
}

// searchedPerson returns the person at an address, or the zero ID.
func (g *Gateway) searchedPerson(ctx context.Context, tx Tx, p principal, from query.Sender) (ID, error) {
	if from.Address == "" {
		return ID{}, nil
	}
	at := mailaddr.Normalize(from.Address)
	if !p.isStaff() {
		if at == p.person.Address {
			return p.person.ID, nil
		}
		return ID{}, nil
	}
	person, err := tx.PersonByAddress(ctx, at)
	if errors.Is(err, ErrNotFound) {
		return ID{}, nil
	}
	return person.ID, err
}

// searchPage gathers what was found into conversations, in the order of the newest message found in each.
func (g *Gateway) searchPage(ctx context.Context, tx Tx, p principal, asked query.Query, q SearchQuery, limit int, page *SearchPage) error {
	at := make(map[ID]int, limit)
	mark := asked.Marker()
	for range searchBatches {
		found, err := tx.SearchMessages(ctx, q)
		if err != nil {
			return err
		}
		for _, f := range found {
			if i, known := at[f.Thread]; known {
				page.Hits[i].More++
				q.After = f.Place
				continue
			}
			if len(page.Hits) == limit {
				page.Next = q.After
				return nil
			}
			q.After = f.Place
			hit, err := g.searchHit(ctx, tx, p, asked, mark, f)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			at[f.Thread] = len(page.Hits)
			page.Hits = append(page.Hits, hit)
		}
		if len(found) < q.Limit {
			return nil
		}
	}
	page.Next = q.After
	return nil
}

func (g *Gateway) searchHit(ctx context.Context, tx Tx, p principal, asked query.Query, mark query.Marker, f Found) (SearchHit, error) {
	t, err := tx.Thread(ctx, f.Thread)
	if err != nil {
		return SearchHit{}, err
	}
	all, err := tx.ListMessages(ctx, f.Thread, p.isStaff(), f.Seq-1, 1)
	if err != nil {
		return SearchHit{}, err
	}
	if len(all) != 1 || all[0].Seq != f.Seq {
		return SearchHit{}, ErrNotFound
	}
	m := all[0]
	hit := SearchHit{
		Thread: t.ID, Status: t.Status, Message: m.ID, Seq: m.Seq, Kind: m.Kind, Author: m.AuthorName, AuthorID: m.Author, At: m.At,
	}
	if !p.isStaff() {
		hit.Author = authorFor(p.person.ID, m)
	}
	hit.Long = t.Seq > longThread
	hit.Subject, _ = mark.Mark(t.Subject)
	hit.Snippet, _ = mark.Snippet(m.Text, snippetSize)
	for _, a := range m.Attachments {
		name, found := mark.Mark(a.Filename)
		if found || asked.Files == query.Yes {
			hit.Files = append(hit.Files, name)
		}
	}
	return hit, nil
}

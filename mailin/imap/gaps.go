package imap

import (
	"slices"
	"sort"

	"github.com/emersion/go-imap/v2"

	"letterlock/bridge"
)

// gaps are the UIDs below the last one that were not dealt with, as ranges in order and apart from each other. Nearly all of them name no
// message: whatever was deleted leaves one.
type gaps []bridge.UIDRange

// maxGaps bounds how many ranges are remembered. Those with the lowest UIDs are forgotten first: there nothing new shows up any more.
const maxGaps = 1000

// add adds UIDs, both ends included.
func (g *gaps) add(first, last imap.UID) {
	if first == 0 || last < first {
		return
	}
	a, b := uint32(first), uint32(last)
	// from is the first range that touches the new one or comes after it, to the first that comes after it and does not touch it.
	from := sort.Search(len(*g), func(i int) bool { return uint64((*g)[i].Last)+1 >= uint64(a) })
	to := from
	for to < len(*g) && uint64((*g)[to].First) <= uint64(b)+1 {
		a, b = min(a, (*g)[to].First), max(b, (*g)[to].Last)
		to++
	}
	*g = slices.Replace(*g, from, to, bridge.UIDRange{First: a, Last: b})
}

// remove takes one UID out.
func (g *gaps) remove(uid imap.UID) {
	u := uint32(uid)
	i := sort.Search(len(*g), func(i int) bool { return (*g)[i].Last >= u })
	if i == len(*g) || (*g)[i].First > u {
		return
	}
	r := (*g)[i]
	switch {
	case r.First == r.Last:
		*g = slices.Delete(*g, i, i+1)
	case r.First == u:
		(*g)[i].First++
	case r.Last == u:
		(*g)[i].Last--
	default:
		(*g)[i].Last = u - 1
		*g = slices.Insert(*g, i+1, bridge.UIDRange{First: u + 1, Last: r.Last})
	}
}

// among returns the UIDs of the gaps that are also in spans, which are in order, and at most so many of them.
func (g gaps) among(spans []bridge.UIDRange, limit int) (uids []imap.UID) {
	for i, j := 0, 0; i < len(g) && j < len(spans); {
		first, last := max(g[i].First, spans[j].First), min(g[i].Last, spans[j].Last)
		for uid := uint64(first); uid <= uint64(last); uid++ {
			if len(uids) == limit {
				return uids
			}
			uids = append(uids, imap.UID(uid))
		}
		if g[i].Last < spans[j].Last {
			i++
		} else {
			j++
		}
	}
	return uids
}

// bound forgets ranges that are too many.
func (g *gaps) bound() {
	if n := len(*g) - maxGaps; n > 0 {
		*g = slices.Delete(*g, 0, n)
	}
}

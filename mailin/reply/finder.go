package reply

import (
	"bytes"
	"strings"
	"sync"
)

// finder looks for many words in a text in one pass over it. Its lists are numbered from 0.
type finder struct {
	maybe [1 << 10]uint64         // a bit for each hash of the first four octets of a word
	long  map[uint32][]wordOfList // words by their first four octets
	short []wordOfList            // words of fewer octets
}

type wordOfList struct {
	word string
	list uint16 // a bit for each list it is in
}

// lists makes a finder when it is first needed.
func lists(all ...[]string) func() *finder {
	return sync.OnceValue(func() *finder {
		f := &finder{long: make(map[uint32][]wordOfList)}
		for n, words := range all {
			for _, w := range words {
				if len(w) < 4 {
					f.short = append(f.short, wordOfList{w, 1 << n})
					continue
				}
				k := key(w)
				h := hash(k)
				f.maybe[h>>6] |= 1 << (h & 63)
				f.long[k] = append(f.long[k], wordOfList{w, 1 << n})
			}
		}
		return f
	})
}

// key packs the first four octets of a text.
func key[T string | []byte](s T) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func hash(k uint32) uint32 { return (k * 2654435761) >> 16 }

// mayHave reports whether some word may begin with the four octets of a key. It says so of few that none begins with.
func (f *finder) mayHave(k uint32) bool {
	h := hash(k)
	return f.maybe[h>>6]&(1<<(h&63)) != 0
}

// in returns which lists have a word that is somewhere in a text, as bits.
func (f *finder) in(s string) uint16 {
	found := longIn(f, s)
	for _, w := range f.short {
		if found&w.list == 0 && strings.Contains(s, w.word) {
			found |= w.list
		}
	}
	return found
}

// inLower is in for a text that is not in lower case yet. It copies no text that is short.
func (f *finder) inLower(s string) uint16 {
	var buf [512]byte
	return f.inBytes(lower(buf[:0], s))
}

func (f *finder) inBytes(s []byte) uint16 {
	found := longIn(f, s)
	for _, w := range f.short {
		if found&w.list == 0 && bytes.Contains(s, []byte(w.word)) {
			found |= w.list
		}
	}
	return found
}

// at returns which lists have a word of four octets or more that a text begins with, as bits.
func (f *finder) at(s []byte) uint16 {
	if len(s) < 4 {
		return 0
	}
	k := key(s)
	if !f.mayHave(k) {
		return 0
	}
	return longAt(f, s, k)
}

// beginningAs returns the words of four octets or more of which a text has the first four.
func (f *finder) beginningAs(s []byte) []wordOfList {
	if len(s) < 4 || !f.mayHave(key(s)) {
		return nil
	}
	return f.long[key(s)]
}

// longIn returns which lists have a word of four octets or more that is somewhere in a text.
func longIn[T string | []byte](f *finder, s T) uint16 {
	if len(s) < 4 {
		return 0
	}
	var found uint16
	k := key(s) << 8
	for i := 3; i < len(s); i++ {
		k = k>>8 | uint32(s[i])<<24
		if f.mayHave(k) {
			found |= longAt(f, s[i-3:], k)
		}
	}
	return found
}

// longAt returns which lists have a word that a text begins with, of which the first four octets are k.
func longAt[T string | []byte](f *finder, s T, k uint32) uint16 {
	var found uint16
	for _, w := range f.long[k] {
		if len(s) >= len(w.word) && string(s[:len(w.word)]) == w.word {
			found |= w.list
		}
	}
	return found
}

// What is looked for in a paragraph that may be a footer, in what may be a phone's line, and in what stands above a block of
// contact details. The bits are in the order of the lists.
var (
	footerFinder   = lists(footerWords[:], scanners[:], printing[:], nature[:], personal[:], legalWords[0], legalWords[1], legalWords[2], legalWords[3], legalWords[4], legalWords[5], legalWords[6])
	mobileFinder   = lists(mobileStarts[:], weakStarts[:], brands[:], things[:])
	letterFinder   = lists(pointers[:], news[:], contactWords[:])
	registryFinder = lists(registry[0], registry[1], registry[2], registry[3])
	courtesyFinder = lists(courtesies[:])
	beforeFinder   = lists(befores[:])
	bannerFinder   = lists(outside[:], warnings[:])
	numberFinder   = lists(accountWords[:])
	pronounsFinder = lists(pronouns[:])
	verbFinder     = lists(verbs[:])
	closingFinder  = lists(closings[:])
	titleFinder    = lists(legalTitles[:]) // none of which is shorter
)

const (
	findsFooter = 1 << iota
	findsScanner
	findsPrinting
	findsNature
	findsAuthor
	findsLegal // and the six after it
	findsMail
)

// findsSign has the lists of which a word is a sign of a notice, not only a part of one.
const findsSign = ^uint16(findsPrinting | findsNature | findsAuthor | findsMail)

const (
	findsStart = 1 << iota
	findsWeakStart
	findsBrand
	findsThing
)

const (
	findsPointer = 1 << iota
	findsNews
	findsContact
)

package store

import (
	"encoding/base32"
	"slices"
	"strconv"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
	"letterlock/bridge/query"
	"letterlock/store/seal"
)

// Bounds on what is indexed of one message. What is beyond them is stored and shown, and not found.
const (
	maxEntryWords = 20_000
	maxEntryEdges = 5_000
	maxEntryText  = 1 << 20 // octets
)

// Marks are what an entry is found by beside its words.
const (
	markAny    = "any"    // every entry
	markReader = "reader" // a contact who may read it
	markAuthor = "author" // who wrote it
	markDomain = "domain" // of the author's address
	markFiles  = "files"  // it has attachments
	markStatus = "status" // of its thread
)

// tokenSize is how many characters of a keyed hash make a token: 50 bits, so that among a million words two meet by chance
// once in two thousand installations.
const tokenSize = 10

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// hasher turns words into tokens. It remembers those of one batch, in which most come again and again.
type hasher struct {
	keys  *seal.Keyring
	known map[string]string
}

func newHasher(keys *seal.Keyring) *hasher { return &hasher{keys: keys, known: map[string]string{}} }

func (h *hasher) token(purpose, value string) string {
	name := purpose + " " + value
	if t, ok := h.known[name]; ok {
		return t
	}
	t := tokenText.EncodeToString(h.keys.Lookup(purpose, []byte(value)))[:tokenSize]
	h.known[name] = t
	return t
}

// A word, the beginning of one and a mark never have the same token, though they may be spelt alike.
func (h *hasher) word(s string) string        { return h.token("search.word", s) }
func (h *hasher) edge(s string) string        { return h.token("search.edge", s) }
func (h *hasher) mark(kind, of string) string { return h.token("search.mark", kind+" "+of) }

func (h *hasher) words(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = h.word(w)
	}
	return out
}

// entry is one message as the index holds it: tokens in their order, field by field.
type entry struct {
	subject, body, files, author []string
	marks                        []string // in no order, each once
}

// indexed is all that an entry is made of.
type indexed struct {
	message bridge.Message
	subject string
	status  bridge.ThreadStatus
	readers []bridge.ID // contacts who are in the thread
	address string      // the author's
}

// entryMaker makes entries.
type entryMaker struct {
	*hasher
	left  int // words that may still come
	edges map[string]bool
}

// entry makes the entry of one message. What a reply quoted and signatures are left out: the quoted words are found where they were written.
func (h *hasher) entry(m *indexed) entry {
	k := entryMaker{hasher: h, left: maxEntryWords, edges: map[string]bool{}}
	e := entry{subject: k.field(m.subject), author: k.field(nameAlone(m.message.AuthorName))}
	for _, a := range m.message.Attachments {
		e.files = append(e.files, k.field(a.Filename)...)
	}
	e.body = k.field(m.message.Text)
	e.marks = append(e.marks, h.mark(markAny, ""), h.mark(markStatus, string(m.status)))
	if !m.message.Author.IsZero() {
		e.marks = append(e.marks, h.mark(markAuthor, string(m.message.Author[:])))
	}
	if _, domain, ok := mailaddr.Split(m.address); ok {
		e.marks = append(e.marks, h.mark(markDomain, strings.ToLower(domain)))
	}
	if len(m.message.Attachments) > 0 {
		e.marks = append(e.marks, h.mark(markFiles, ""))
	}
	if m.message.Kind == bridge.Public {
		for _, id := range m.readers {
			e.marks = append(e.marks, h.mark(markReader, string(id[:])))
		}
	}
	for edge := range k.edges {
		e.marks = append(e.marks, edge)
	}
	slices.Sort(e.marks) // so that their order says nothing about the words
	e.marks = slices.Compact(e.marks)
	return e
}

// nameAlone leaves out addresses: who has no name writes under theirs, and a contact could find out another's by searching for it.
func nameAlone(author string) string {
	if !strings.Contains(author, "@") {
		return author
	}
	words := strings.Fields(author)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return strings.Contains(w, "@") }), " ")
}

// field returns the tokens of one text and notes the beginnings of its words.
func (k *entryMaker) field(text string) []string {
	var out []string
	for w := range query.Words(text) {
		if k.left == 0 {
			break
		}
		k.left--
		out = append(out, k.word(w.Text))
		for e := range w.Edges {
			if len(k.edges) < maxEntryEdges {
				k.edges[k.edge(e)] = true
			}
		}
	}
	return out
}

// Positions in a tsvector end at 16,383: phrases are not found beyond.
const maxPosition = 16383

// vector writes an entry as a tsvector. Between two fields a position stays free, so that no phrase runs from one into the next.
func (e entry) vector() string {
	var b strings.Builder
	at := 0
	field := func(tokens []string, weight string) {
		at++
		for _, t := range tokens {
			at = min(at+1, maxPosition)
			b.WriteString(t + ":" + strconv.Itoa(at) + weight + " ")
		}
	}
	field(e.author, "D")
	field(e.subject, "A")
	field(e.files, "C")
	field(e.body, "B")
	for _, m := range e.marks {
		b.WriteString(m + " ")
	}
	return b.String()
}

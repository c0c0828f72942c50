// Package richtext makes HTML from strangers fit to be shown: the HTML of received mail and of our own composer.
//
// [Clean] keeps what a letter needs (text, lists, tables, links, a few styles, images that travelled with the mail) and
// nothing that acts, fetches, covers the page or names things in it. It works in two layers that don't trust each other:
// a pass over the tokens of the HTML standard (section 13.2.5) writes balanced tags with attributes in one canonical form,
// and a bluemonday policy then lets through that canonical form only. What comes out holds no comment, no raw text
// element and no foreign content, so parsing it again can't turn text into markup; cleaning it again changes nothing.
//
// A message's HTML is cleaned when it is made and again when it is shown or mailed. [Text] reads it as plain text and
// [FromText] makes it out of plain text. The package fetches nothing and knows nothing of mail, storage or the web.
package richtext

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxSize bounds, in octets, both what [Clean] reads and what it returns, so that whatever it returned can be cleaned again.
const MaxSize = 8 << 20

// maxDepth bounds how deep elements nest in what Clean returns. Deeper ones lose their tags and keep their text.
const maxDepth = 100

// ErrTooLarge says that HTML is over [MaxSize].
var ErrTooLarge = errors.New("the HTML is too large")

// Result is what [Clean] made.
type Result struct {
	HTML         string   // safe to put inside an element such as a div
	RemoteImages int      // how many images from elsewhere were replaced by their alternative text
	ContentIDs   []string // the Content-IDs of the images it shows, without angle brackets, each once, in order
}

// Clean returns the HTML with everything unsafe or foreign to a letter taken away. It never fails on malformed input;
// its only error is [ErrTooLarge]. It takes time linear in the input.
func Clean(html string) (Result, error) {
	if len(html) > MaxSize {
		return Result{}, fmt.Errorf("clean HTML of %d octets: %w", len(html), ErrTooLarge)
	}
	s := shaper{}
	s.run(plain(html))
	out := policy().Sanitize(s.out.String())
	if len(out) > MaxSize {
		return Result{}, fmt.Errorf("clean HTML of %d octets, which grew to %d: %w", len(html), len(out), ErrTooLarge)
	}
	return Result{HTML: out, RemoteImages: s.remote, ContentIDs: s.cids}, nil
}

// plain returns the text as valid UTF-8 without control characters other than tab and newline. They show nothing, and
// old browsers disagree about what they mean inside a tag.
func plain(s string) string {
	dirty := false
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			dirty = true
			break
		}
	}
	if !dirty && utf8.ValidString(s) {
		return s
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\f' || r == '\v':
			return '\n'
		case r < ' ' && r != '\n' && r != '\t', r == 0x7f:
			return -1
		}
		return r
	}, s)
}

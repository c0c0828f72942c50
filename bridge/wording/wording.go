// Package wording has the words of the mails that leave: in each language a template for each kind of content-free mail, and the few
// phrases of a copy. It checks templates that an organization writes for itself, and sets one as text and as HTML.
//
// A template is made so that it can't tell anything about a message: it may use only the placeholders of its kind, and none of them
// holds a subject, a name of an author, a text or the name of a file. It has one link, which shows its own address. Its text and its
// HTML are made from the same paragraphs, so that they can't say different things.
//
// Languages are named as BCP 47 has it and looked up as RFC 4647 says, Accept-Language is read as RFC 9110, section 12.5.4, and what
// is filled into a sentence is isolated from its direction as Unicode Standard Annex #9 says.
//
// The package knows nothing of mail, of storage or of who may change what. All functions can be used by several goroutines at once.
package wording

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what a content-free mail is about.
type Kind string

// The kinds of content-free mails.
const (
	Notice      Kind = "notice"       // a message waits
	Activation  Kind = "activation"   // a message waits for somebody who never signed in
	Reminder    Kind = "reminder"     // messages are still unread
	Code        Kind = "code"         // a sign-in code
	Device      Kind = "device"       // somebody signed in with a browser that was not seen before
	Answer      Kind = "answer"       // a mail that came could not be accepted
	StaffNotice Kind = "staff_notice" // to staff: a conversation has a new message
	Unopened    Kind = "unopened"     // to staff: a message was never opened
	Digest      Kind = "digest"       // to staff: something waits
	Alert       Kind = "alert"        // to admins: received mail waits for a decision
	Trouble     Kind = "trouble"      // to admins: an account that mail is fetched from or leaves by fails, or soon will
)

// Placeholder is a name in braces that a template may use.
type Placeholder struct {
	Name  string // without the braces
	About string // what stands there, for whoever edits the template
}

// Spec says what a kind of mail is and what its template may use.
type Spec struct {
	Kind  Kind
	Title string // in a word or two, for whoever edits it
	About string // when it is sent
	Holds []Placeholder
	Needs string // the placeholder it can't do without
}

var (
	holdsOrganization = Placeholder{"organization", "your organization's name"}
	holdsLink         = Placeholder{"link", "the one link, in a paragraph of its own"}
)

// specs are in the order in which people look for them.
var specs = []Spec{
	{Notice, "Notice", "A message waits for a customer.", []Placeholder{holdsOrganization, holdsLink}, "link"},
	{Activation, "First notice", "A message waits for a customer who has never signed in.", []Placeholder{holdsOrganization, holdsLink}, "link"},
	{Reminder, "Reminder", "A customer's messages are still unread.", []Placeholder{holdsOrganization, holdsLink}, "link"},
	{Code, "Sign-in code", "Somebody asked for a code to sign in.", []Placeholder{
		holdsOrganization,
		{"code", "the code, in a paragraph of its own"},
		{"minutes", "for how many minutes the code works"},
	}, "code"},
	{Device, "New browser", "Somebody signed in with a browser that was not seen before.", []Placeholder{
		holdsOrganization, holdsLink, {"when", "day and time of the sign-in, in UTC"},
	}, "link"},
	{Answer, "Mail not accepted", "A mail came in that can't be accepted.", []Placeholder{
		holdsOrganization, holdsLink, {"reason", "why, in a sentence, in English"},
	}, "reason"},
	{StaffNotice, "Notice to staff", "A customer has written in a conversation of somebody of your staff.", []Placeholder{holdsOrganization, holdsLink}, "link"},
	{Unopened, "Never opened", "A customer has not opened a message in spite of reminders: to your staff.", []Placeholder{holdsOrganization, holdsLink}, "link"},
	{Digest, "Summary for staff", "Something waits, for staff who want to be told once a day or week.", []Placeholder{
		holdsOrganization, holdsLink,
		{"new", "how many conversations wait for an answer since the summary before"},
		{"waiting", "how many wait for an answer, all in all"},
		{"held", "how many received mails wait for a decision"},
		{"unopened", "how many conversations have a message that was never opened"},
	}, "link"},
	{Alert, "Alert to admins", "Received mail waits for a decision.", []Placeholder{holdsOrganization, holdsLink}, "link"},
	{Trouble, "Trouble with mail", "A mailbox or the relay does not work, or access to it runs out: to admins.", []Placeholder{holdsOrganization, holdsLink}, "link"},
}

// Specs returns all kinds, in the order in which people look for them.
func Specs() []Spec { return slices.Clone(specs) }

// SpecOf returns what is known of a kind, and false if there is no such kind.
func SpecOf(k Kind) (Spec, bool) {
	i := slices.IndexFunc(specs, func(s Spec) bool { return s.Kind == k })
	if i < 0 {
		return Spec{}, false
	}
	return specs[i], true
}

func (s Spec) may(name string) bool {
	return slices.ContainsFunc(s.Holds, func(p Placeholder) bool { return p.Name == name })
}

// contents are placeholders that people expect, and that would give away what a message says or who wrote it.
var contents = []string{"subject", "author", "sender", "from", "name", "recipient", "text", "body", "message", "content", "preview", "thread", "file", "files", "attachment", "attachments", "email", "address", "phone"}

// placeholders checks what a text uses. Its errors are for whoever wrote the text.
func placeholders(s string, may func(name string) bool) error {
	for {
		at := strings.IndexAny(s, "{}")
		if at < 0 {
			return nil
		}
		if s[at] == '}' {
			return fmt.Errorf("there is a } without a { before it")
		}
		name, rest, closed := strings.Cut(s[at+1:], "}")
		switch {
		case !closed || strings.Contains(name, "{"):
			return fmt.Errorf("there is a { without a } after it")
		case may(name):
		case slices.Contains(contents, strings.ToLower(strings.TrimSpace(name))):
			return fmt.Errorf("{%s} can't be used: this mail says nothing about the message or the people in it", name)
		default:
			return fmt.Errorf("{%s} can't be used here", clip(name, 40))
		}
		s = rest
	}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

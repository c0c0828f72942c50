package portal

import (
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
	"letterlock/web/page"
	"letterlock/web/page/pagetest"
)

func ago(d time.Duration) time.Time { return pagetest.Now().Add(-d) }

var customerNav = []page.Link{{Text: "Messages", Href: "/", Here: true}, {Text: "Account", Href: "/account"}}

// marks makes the parts of a text in which *this* was found.
func marks(text string) (parts []query.Part) {
	for i, s := range strings.Split(text, "*") {
		parts = append(parts, query.Part{Text: s, Found: i%2 == 1})
	}
	return parts
}

// TestGallery sets every page with what real days bring, and with hostile words, and checks each.
func TestGallery(t *testing.T) {
	b := pagetest.Book(t, templates, "templates/*.html")
	in := func(title string, view any) page.Frame {
		return page.Frame{Title: title, Who: "Mina Okafor", Nav: customerNav, View: view}
	}
	card := func(title string, view any) page.Frame { return page.Frame{Title: title, Shape: "card", View: view} }

	pagetest.Set(t, b, "signin", "portal-signin", card("Sign in", signInView{Words: "To read and answer your messages.", Next: "/"}))
	pagetest.Set(t, b, "signin", "portal-signin-wrong", card("Sign in", signInView{Words: "To read and answer your messages.", Next: "/", Email: "mina@example.org", PasswordOpen: true, Flaw: "That address and password don't belong together. You can always have a code emailed instead."}))
	pagetest.Set(t, b, "code", "portal-code", card("Enter your code", codeView{Masked: "m•••@example.org", Minutes: 10, Digits: 8, Next: "/", StartHref: "/sign-in"}))
	pagetest.Set(t, b, "code", "portal-code-wrong", card("Enter your code", codeView{Masked: "m•••@example.org", Minutes: 10, Digits: 8, Next: "/", StartHref: "/sign-in", Flaw: "That code is not right, or its time is over. Look at the newest mail, or start again."}))
	pagetest.Set(t, b, "code", "portal-code-over", card("Too many tries", codeView{Over: true, OverHeading: "Too many tries", OverWords: "This code can't be used any more. Ask for a fresh one.", StartHref: "/sign-in"}))
	pagetest.Set(t, b, "invite", "portal-invite", card("A message for you", inviteView{Org: "Harbour Street Practice", Masked: "m•••@example.org", Action: "/m/x", Host: "post.harbourstreet.example"}))

	threads := threadsView{Find: page.Find{Action: "/search", Label: findLabel}, Line: "2 conversations have something new.", Turn: page.Turn{Older: "/?after=x"}, Threads: []threadLine{
		{Href: "/t/1", Subject: "Your test results", Preview: "Dear Mina, the results are in and everything looks as it should. I've attached the full report; the second page has the numbers you asked about.", At: ago(20 * time.Minute), Unread: true},
		{Href: "/t/2", Subject: "Appointment on 3 December", Preview: "Would a quarter past nine suit you better? We have one more place that morning.", At: ago(26 * time.Hour), Unread: true},
		{Href: "/t/3", Subject: "Question about the invoice for September", Preview: "Thank you, that explains it.", At: ago(9 * 24 * time.Hour)},
		{Href: "/t/4", Subject: "פגישה ביום שלישי", Preview: "תודה רבה, נתראה ביום שלישי בשעה תשע.", At: ago(31 * 24 * time.Hour)},
		{Href: "/t/5", Subject: "A very long subject that goes on and on because somebody pasted the beginning of the message into it and never looked at it again", Preview: "Hello", At: ago(60 * 24 * time.Hour), Closed: true},
		{Href: "/t/6", Subject: "Welcome", Preview: "This is where we write to each other from now on. Whatever stands here stays between us.", At: ago(700 * 24 * time.Hour), Closed: true},
	}}
	pagetest.Set(t, b, "threads", "portal-threads", in("Your messages", threads))
	pagetest.Set(t, b, "threads", "portal-threads-empty", in("Your messages", threadsView{}))

	found := page.Found{
		Heading: "Search", Back: "Your messages", Home: "/", Asked: true, Find: page.Find{Action: "/search", Label: findLabel, Text: "results report in:trash"},
		Notices: []string{"in: knows in:open and in:closed."}, Turn: page.Turn{Older: "/search?q=x&after=y"}, Hits: []page.Hit{
			{Href: "/t/1#m-b", Subject: marks("Your test *results*"), Author: "Dr Ada Lindqvist", At: ago(20 * time.Minute), More: 2, Snippet: marks("Dear Mina, the *results* are in and everything looks as it should. I've attached the full *report*; the second page has the numbers you asked about. They came this morning, a day early …"), Files: [][]query.Part{marks("*Results* 2026-11-17.pdf"), marks("a-*report*-with-a-file-name-that-is-much-too-long-to-be-shown-whole-anywhere.docx")}},
			{Href: "/t/4#m-c", Subject: marks("פגישה ביום *שלישי*"), Author: "ד״ר עדה", At: ago(31 * 24 * time.Hour), More: 1, Snippet: marks("תודה רבה, נתראה ביום *שלישי* בשעה תשע.")},
			{Href: "/t/5#m-d", Subject: marks("A very long subject that goes on and on because somebody pasted the beginning of the *report* into it and never looked at it again"), Author: "You", Closed: true, At: ago(60 * 24 * time.Hour), Snippet: marks("… and so on; <b>it</b> is *" + strings.Repeat("averylongword", 12) + "* after all")},
		},
	}
	pagetest.Set(t, b, "search", "portal-search", in("Search", found))
	pagetest.Set(t, b, "search", "portal-search-none", in("Search", page.Found{Heading: "Search", Back: "Your messages", Home: "/", Asked: true, Find: page.Find{Action: "/search", Label: findLabel, Text: "walrus"}}))
	pagetest.Set(t, b, "search", "portal-search-help", in("Search", page.Found{Heading: "Search", Back: "Your messages", Home: "/", Find: page.Find{Action: "/search", Label: findLabel, Flaw: true}, Flaw: "A search has at most 1,000 characters."}))

	thread := threadView{
		ID: "1", Subject: "Your test results", Between: "Between Harbour Street Practice and you", Action: "/t/1", Once: "o", Limit: 25 << 20,
		Messages: []page.Message{
			{ID: "a", Author: "You", At: ago(50 * time.Hour), Via: "By email", Text: "Good morning,\n\nI had blood taken on Monday. Could you tell me when the results will be there? I'm travelling from Thursday and would like to know before.\n\nKind regards\nMina Okafor", Quoted: "On Mon, 16 Nov 2026 at 09:12, Harbour Street Practice wrote:\n> Thank you for coming in today.\n> You will hear from us within the week."},
			{
				ID: "b", Author: "Dr Ada Lindqvist", Role: "Harbour Street Practice", At: ago(20 * time.Minute), New: true, HTMLURL: "/t/1/formatted/b",
				Text:  "Dear Mina,\n\nthe results are in and everything looks as it should. I've attached the full report; the second page has the numbers you asked about.\n\n> when the results will be there\n\nThey came this morning, a day early.\n\nThe laboratory explains each value here: https://lab.example.org/values?lang=en (in plain words, and worth the ten minutes).\n\nHave a good journey,\nAda Lindqvist",
				Files: []page.File{{Name: "Results 2026-11-17.pdf", Type: "application/pdf", Size: 248_112, URL: "/files/1"}, {Name: "a-file-name-that-is-much-too-long-to-be-shown-whole-anywhere.docx", Type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", Size: 1_248_112, URL: "/files/2"}},
			},
		},
	}
	pagetest.Set(t, b, "thread", "portal-thread", in("Conversation", thread))
	thread.Closed, thread.Flaw, thread.Draft = true, "A message needs a text or a file.", "…"
	thread.Earlier, thread.Later = "/t/1?after=0", "/t/1?after=200"
	pagetest.Set(t, b, "thread", "portal-thread-flaw", in("Conversation", thread))
	pagetest.Set(t, b, "compose", "portal-compose", in("Write a message", composeView{Org: "Harbour Street Practice", Limit: 25 << 20, Once: "o"}))
	pagetest.Set(t, b, "unsubscribe", "portal-unsubscribe", card("Emails to you", unsubscribeView{Org: "Harbour Street Practice", Masked: "m•••@example.org", Action: "/u/x"}))
	pagetest.Set(t, b, "unsubscribe", "portal-unsubscribe-staff", card("Emails to you", unsubscribeView{Org: "Harbour Street Practice", Masked: "a•••@a-very-long-domain-name-of-a-practice.example", Action: "/u/x", Staff: true}))
	pagetest.Set(t, b, "unsubscribe", "portal-unsubscribe-done", card("Emails to you", unsubscribeView{Org: "Harbour Street Practice", Masked: "m•••@example.org", Action: "/u/x", Done: true}))
	pagetest.Set(t, b, "unsubscribe", "portal-unsubscribe-before", card("Emails to you", unsubscribeView{Org: "Harbour Street Practice", Masked: "m•••@example.org", Action: "/u/x", Off: true}))
	account := accountView{Name: "Mina Okafor", Address: "mina@example.org", SignedIn: ago(time.Hour), HasPassword: true, MinPassword: 10}
	account.Choices = viewChoices(bridge.MailChoices{Notify: bridge.NotifyNone, OffAt: ago(50 * time.Hour)}, false)
	pagetest.Set(t, b, "account", "portal-account-off", in("Your account", account))
	account.Choices, account.Role = viewChoices(bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: 8, Zone: "America/Argentina/Ushuaia"}, true), "Staff"
	pagetest.Set(t, b, "account", "portal-account-staff", in("Your account", account))
	account.Choices, account.Role = viewChoices(bridge.MailChoices{Notify: bridge.NotifyEach}, false), ""
	f := in("Your account", account)
	f.Flash = page.Flash{Text: "Your name is saved."}
	pagetest.Set(t, b, "account", "portal-account", f)
}

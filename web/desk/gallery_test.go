package desk

import (
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
	"letterlock/web/page"
	"letterlock/web/page/pagetest"
)

func ago(d time.Duration) time.Time { return pagetest.Now().Add(-d) }

// TestGallery sets every page with what real days bring and checks each.
func TestGallery(t *testing.T) {
	b := pagetest.Book(t, templates, "templates/*.html")
	in := func(title, shape, here string, view any) page.Frame {
		nav := []page.Link{
			{Text: "Conversations", Href: "/desk"},
			{Text: "Contacts", Href: "/desk/contacts"},
			{Text: "Held mail", Href: "/desk/held", Count: 3, CountOf: "waiting"},
			{Text: "Administration", Href: "/admin"},
			{Text: "Account", Href: "/account"},
		}
		for i := range nav {
			nav[i].Here = nav[i].Href == here
		}
		return page.Frame{Title: title, Shape: shape, Who: "Dr Ada Lindqvist", Mode: "secure", Nav: nav, View: view}
	}
	all := tabs("/desk")
	pagetest.Set(t, b, "threads", "desk-threads", in("Conversations", "wide", "/desk", threadsView{Find: page.Find{Action: "/desk/search", Label: findLabel}, Tabs: all, Turn: page.Turn{Older: "/desk?after=x"}, Threads: []threadLine{
		{Href: "/desk/t/1", Subject: "Your test results", People: "Mina Okafor", Preview: "Thank you! One more question: the value on the second page, is it per day or per week?", At: ago(4 * time.Minute), Unread: true, Waiting: true},
		{Href: "/desk/t/2", Subject: "Contract, second draft", People: "Jonas Weber, Priya Raman, Tomasz Zieliński and 4 more", Preview: "Clause 7 is still open. We'd prefer the wording of the first draft.", At: ago(3 * time.Hour), Waiting: true},
		{Href: "/desk/t/3", Subject: "Appointment on 3 December", People: "Mina Okafor", Preview: "Would a quarter past nine suit you better? We have one more place that morning.", At: ago(26 * time.Hour)},
		{Href: "/desk/t/4", Subject: "موعد يوم الثلاثاء", People: "ليلى حداد", Preview: "شكرا جزيلا، أراكم يوم الثلاثاء في الساعة التاسعة.", At: ago(3 * 24 * time.Hour), Unread: true},
		{Href: "/desk/t/5", Subject: "Welcome", People: "Sam Carter", Preview: "This is where we write to each other from now on.", At: ago(500 * 24 * time.Hour), Closed: true},
	}}))
	pagetest.Set(t, b, "threads", "desk-threads-empty", in("Conversations", "wide", "/desk", threadsView{Tabs: all, EmptyHeading: filters[1].empty, EmptyWords: filters[1].words}))

	pagetest.Set(t, b, "search", "desk-search", in("Search", "wide", "/desk", page.Found{
		Heading: "Search", Back: "Conversations", Home: "/desk", Asked: true, Staff: true, Find: page.Find{Action: "/desk/search", Label: findLabel, Text: "worried from:carter"}, Hits: []page.Hit{
			{Href: "/desk/t/1#m-n", Subject: []query.Part{{Text: "Your test results"}}, Author: "Sam Carter", Note: true, At: ago(49 * time.Hour), More: 1, Snippet: []query.Part{{Text: "The lab says Friday at the latest. Ada, will you write to her? She is "}, {Text: "worried", Found: true}, {Text: " about the second value, so be gentle."}}},
			{Href: "/desk/t/5#m-c", Subject: []query.Part{{Text: "Welcome"}}, Author: "Sam Carter", Closed: true, At: ago(500 * 24 * time.Hour), Snippet: []query.Part{{Text: "No need to be "}, {Text: "worried", Found: true}, {Text: "."}}},
		},
	}))

	pagetest.Set(t, b, "keep", "desk-keep", in("How long it is kept", "wide", "/desk", keepView{Base: "/desk/t/1", Subject: "Your test results", All: 3650}))
	pagetest.Set(t, b, "keep", "desk-keep-hold", in("How long it is kept", "wide", "/desk", keepView{Base: "/desk/t/1", Subject: "Your test results", Days: 30, Hold: true}))
	pagetest.Set(t, b, "keep", "desk-keep-flaw", in("How long it is kept", "wide", "/desk", keepView{Base: "/desk/t/1", Subject: "Your test results", Flaw: "Please confirm that it is to be deleted for good."}))

	thread := threadView{
		ID: "1", Base: "/desk/t/1", Subject: "Your test results", Waiting: true, ModeNow: "secure", ReplyTo: "Mina Okafor", LeavesAs: leavesAs(bridge.ModeSecure),
		Once: "o", Limit: 25 << 20, ModeWhy: "Notices only: the organization is in secure mode.", Modes: modeChoices(""), Started: ago(50 * time.Hour),
		People: []personLine{{ID: "p", Name: "Mina Okafor", Detail: "mina@example.org", Href: "/desk/contacts/p", CanRemove: true, Unopened: true, Silent: true}, {ID: "q", Name: "jonas.weber@very-long-domain-name-of-a-firm.example", Detail: "jonas.weber@very-long-domain-name-of-a-firm.example", Href: "/desk/contacts/q", CanRemove: true}, {ID: "a", Name: "Dr Ada Lindqvist", Detail: "Staff"}},
		Messages: []page.Message{
			{ID: "a", Author: "Mina Okafor", At: ago(50 * time.Hour), Via: "By email", Text: "Good morning,\n\nI had blood taken on Monday. Could you tell me when the results will be there?\n\nKind regards\nMina Okafor", Quoted: "On Mon, 16 Nov 2026 at 09:12, Harbour Street Practice wrote:\n> Thank you for coming in today."},
			{ID: "n", Author: "Sam Carter", Role: "Staff", Note: true, At: ago(49 * time.Hour), Text: "The lab says Friday at the latest. Ada, will you write to her? She is worried about the second value, so be gentle."},
			{
				ID: "b", Author: "You", At: ago(20 * time.Minute), Text: "Dear Mina,\n\nthe results are in and everything looks as it should. I've attached the full report.\n\nAda Lindqvist",
				Files: []page.File{{Name: "Results 2026-11-17.pdf", Type: "application/pdf", Size: 248_112, URL: "/files/1"}},
				Fates: []page.Fate{
					{Who: "Mina Okafor", Words: "opened it here", At: ago(6 * time.Minute), Tone: "good", Reason: "The email was a notice."},
					{Who: "Jonas Weber", Words: "could not be reached", At: ago(8 * time.Minute), Tone: "bad", Reason: "550 5.1.1 <jonas.weber@very-long-domain-name-of-a-firm.example>: Recipient address rejected: User unknown in virtual mailbox table"},
					{Who: "Priya Raman", Words: "has no email yet, next try", At: ago(-8 * time.Minute), Tone: "warn", Reason: "451 4.7.1 Greylisted, try again in 600 seconds"},
					{Who: "Tomasz Zieliński", Words: "was sent a notice", At: ago(19 * time.Minute)},
				},
			},
			{ID: "c", Author: "Mina Okafor", At: ago(4 * time.Minute), New: true, Text: "Thank you! One more question: the value on the second page, is it per day or per week?"},
		},
	}
	pagetest.Set(t, b, "thread", "desk-thread", in(thread.Subject, "wide", "/desk", thread))
	leaving := []leavingLine{
		{Who: "Mina Okafor", What: "will get a notice, without content: contains a card number; contains a word of the list “Diagnoses”", Notice: true},
		{Who: "jonas.weber@very-long-domain-name-of-a-firm.example", What: "will get a notice, without content: this contact was set to notices only", Notice: true},
		{Who: "ليلى حداد", What: "will get it by email"},
		{Who: "Sam Carter", What: "will get no email: has turned notifications off, and will see it at sign-in", Notice: true},
	}
	thread.ModeNow, thread.LeavesAs, thread.CanTighten, thread.Secure = "convenience", leavesAs(bridge.ModeConvenience), true, true
	thread.Draft, thread.Leaving = "Dear Mina,\n\nyour card 4111 1111 1111 1111 was charged.", leaving
	pagetest.Set(t, b, "thread", "desk-thread-leaving", in(thread.Subject, "wide", "/desk", thread))
	thread.DraftIsNote, thread.Draft, thread.Flaw = true, "Call her back", "A message needs a text or a file."
	thread.Closed, thread.ModeNow = true, "convenience"
	pagetest.Set(t, b, "thread", "desk-thread-note", in(thread.Subject, "wide", "/desk", thread))

	unsent := []unsentCard{
		{ID: "1", Base: "/desk/out/1", Who: "You", Label: "On its way", Words: "It leaves in a few seconds.", At: ago(-9 * time.Second), Undo: true, Waits: true, Begin: "Dear Mina,\n\nit is per day. Shall we talk about it on Thursday?\n\nAda Lindqvist", Files: []page.File{{Name: "Values explained.pdf", Type: "application/pdf", Size: 88_112}}},
		{ID: "2", Base: "/desk/out/2", Who: "Sam Carter", Label: "Goes out later", Words: "It goes out tomorrow at 09:00 (Europe/Berlin).", At: ago(-20 * time.Hour), Waits: true, Begin: "Good morning! Today at a quarter past nine, don't forget."},
		{ID: "3", Base: "/desk/out/3", Who: "You", Label: "Taken back", Words: "It was taken back and will not go out.", Begin: "Dear Nina,", Edit: "/desk/t/1?edit=3#answer"},
		{ID: "4", Base: "/desk/out/4", Who: "Tom Hale", Label: "Not sent", Stopped: true, Words: "It could not be sent: the account of Tom Hale, who wrote it, is disabled.", Begin: "I'm away from tomorrow on.", Edit: "/desk/t/1?edit=4#answer"},
	}
	thread.DraftIsNote, thread.Draft, thread.Flaw, thread.Closed, thread.ModeNow = false, "", "", false, "secure"
	thread.Unsent, thread.Messages, thread.Leaving, thread.CanTighten = unsent, thread.Messages[3:], nil, false
	thread.SendAt = laterView{Zone: "UTC"}
	pagetest.Set(t, b, "thread", "desk-thread-unsent", in(thread.Subject, "wide", "/desk", thread))
	thread.Unsent, thread.Draft = unsent[:1], "Dear Nina,\n\nit is per day."
	thread.SendAt = laterView{At: "2026-11-21T09:00", Zone: "Europe/Berlin"}
	thread.Redo = redoView{Replaces: "3", Formatted: true, Files: []keptFile{{ID: "f", Name: "Values explained.pdf", Size: 88_112, Kept: true}, {ID: "g", Name: "The wrong file with a very long name, which nobody wanted to send to anybody at all.pdf", Size: 1_088_112}}}
	pagetest.Set(t, b, "thread", "desk-thread-redo", in(thread.Subject, "wide", "/desk", thread))
	starts := unsentCard{ID: "5", Base: "/desk/out/5", Who: "You", Subject: "Your appointment on 3 December", To: "Mina Okafor, jonas.weber@very-long-domain-name-of-a-firm.example", Label: "Goes out later", Words: "It goes out Monday, 23 November at 08:30 (Europe/Berlin).", At: ago(-70 * time.Hour), Waits: true, Begin: "Would a quarter past nine suit you?"}
	gone := unsentCard{ID: "6", Base: "/desk/out/6", Who: "You", Label: "Not sent", Stopped: true, Bare: true, Words: "It could not be sent: its conversation was deleted, with what it said, by Rosa Lind; it was to go out on 21 November 2026 at 08:00 UTC."}
	listed := append([]unsentCard{gone}, unsent[1:]...)
	for i := range listed[1:] {
		listed[i+1].Subject, listed[i+1].Thread, listed[i+1].Return = "Your test results", "/desk/t/1", outPath
	}
	pagetest.Set(t, b, "out", "desk-out", in("Not sent yet", "wide", "/desk", outView{Cards: append(listed, starts), Next: "/desk/out?after=x", Tabs: tabs(outPath)}))
	pagetest.Set(t, b, "out", "desk-out-empty", in("Not sent yet", "wide", "/desk", outView{Tabs: tabs(outPath)}))
	pagetest.Set(t, b, "outone", "desk-outone", in("Not sent yet", "wide", "/desk", outOneView{starts}))
	pagetest.Set(t, b, "start", "desk-start-leaving", in("Write to someone", "", "/desk", startView{LeavesAs: leavesAs(bridge.ModeConvenience), CanTighten: true, Limit: 25 << 20, Once: "o", To: "mina@example.org, leila@example.org", Subject: "Your account", Draft: "IBAN DE89 3704 0044 0532 0130 00", Leaving: leaving}))
	pagetest.Set(t, b, "start", "desk-start", in("Write to someone", "", "/desk", startView{LeavesAs: leavesAs(bridge.ModeConvenience), CanTighten: true, Limit: 25 << 20, Once: "o", Known: []string{"mina@example.org"}, Chosen: []contactLine{{ID: "1", Name: "Mina Okafor", Address: "mina@example.org"}}}))
	contacts := []contactLine{
		{ID: "1", Href: "/desk/contacts/1", Name: "Mina Okafor", Address: "mina@example.org", Mode: "As the organization", State: "Active"},
		{ID: "2", Href: "/desk/contacts/2", Name: "Jonas Weber", Address: "jonas.weber@very-long-domain-name-of-a-firm.example", Mode: "Always a notice", State: "Active"},
		{ID: "3", Href: "/desk/contacts/3", Name: "old@example.com", Address: "old@example.com", Mode: "As the organization", State: "Active", Disabled: true},
	}
	pagetest.Set(t, b, "contacts", "desk-contacts", in("Contacts", "wide", "/desk/contacts", contactsView{Contacts: contacts}))
	pagetest.Set(t, b, "contacts", "desk-contacts-empty", in("Contacts", "wide", "/desk/contacts", contactsView{Flaw: "X@example.org is known already.", NewAddress: "x@example.org"}))
	pagetest.Set(t, b, "contact", "desk-contact", in("Mina Okafor", "", "/desk/contacts", contactView{ID: "1", Base: "/desk/contacts/1", Name: "Mina Okafor", GivenName: "Mina Okafor", Address: "mina@example.org", Since: ago(900 * time.Hour), ModeWhy: "The organization is in secure mode: everybody gets notices.", Modes: modeChoices(""), Mails: page.Mails(bridge.MailChoices{Notify: bridge.NotifyNone, OffAt: ago(50 * time.Hour)}, bridge.Contact)}))
	pagetest.Set(t, b, "contact", "desk-contact-disabled", in("Mina Okafor", "", "/desk/contacts", contactView{ID: "1", Base: "/desk/contacts/1", Name: "Mina Okafor", Address: "mina@example.org", Disabled: true, Since: ago(900 * time.Hour), Modes: modeChoices("secure")}))
	pagetest.Set(t, b, "held", "desk-held", in("Held mail", "wide", "/desk/held", heldView{Mails: []heldLine{
		{Href: "/desk/held/1", Subject: "Re: Your test results", From: "mina.private@example.net", Reason: "The sender is not the person whose reply address was used", At: ago(2 * time.Hour)},
		{Href: "/desk/held/2", Subject: "(no subject)", From: "news@shop.example", Reason: "Nobody here has that address", At: ago(30 * time.Hour)},
	}}))
	pagetest.Set(t, b, "held", "desk-held-empty", in("Held mail", "wide", "/desk/held", heldView{}))
	mail := heldMailView{
		Base: "/desk/held/1", Subject: "Re: Your test results", From: "mina.private@example.net", As: "mina.private@example.net", At: ago(2 * time.Hour),
		Reasons:    []string{"The sender is not the person whose reply address was used", "Found by the reply address", "From is mina.private@example.net, the reply address is that of mina@example.org"},
		ThreadHref: "/desk/t/1", ThreadSubject: "Your test results",
		Facts:   []fact{{"To", "reply+mr4vcnzrgiztinjwg44dsmbrgiztinjwg44dsmbrgiz@post.harbourstreet.example"}, {"Envelope sender", "mina.private@example.net"}, {"Came by", "SMTP"}, {"Size", "4 kB"}},
		Message: page.Message{ID: "1", Author: "mina.private@example.net", At: ago(2 * time.Hour), Text: "I'm writing from my private address, sorry. Is it per day or per week?", Files: []page.File{{Name: "photo.jpg", Type: "image/jpeg", Size: 120_000}}},
	}
	pagetest.Set(t, b, "heldmail", "desk-heldmail", in("Held mail", "wide", "/desk/held", mail))
	mail.Decided = "It was released."
	pagetest.Set(t, b, "heldmail", "desk-heldmail-done", in("Held mail", "wide", "/desk/held", mail))
}

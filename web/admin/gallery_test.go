package admin

import (
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/rules"
	"letterlock/bridge/wording"
	"letterlock/web/page"
	"letterlock/web/page/pagetest"
)

func ago(d time.Duration) time.Time { return pagetest.Now().Add(-d) }

// TestGallery sets every page with what real days bring and checks each.
func TestGallery(t *testing.T) {
	b := pagetest.Book(t, templates, "templates/*.html")
	in := func(title, shape string, view any) page.Frame {
		return page.Frame{Title: title, Shape: shape, Who: "Noor Haddad", Mode: "secure", View: view, Nav: []page.Link{
			{Text: "Conversations", Href: "/desk"},
			{Text: "Contacts", Href: "/desk/contacts"},
			{Text: "Held mail", Href: "/desk/held"},
			{Text: "Administration", Href: "/admin", Here: true},
			{Text: "Account", Href: "/account"},
		}}
	}
	changes := []changeLine{{At: ago(30 * time.Hour), Who: "Noor Haddad", What: "convenience → secure"}, {At: ago(90 * time.Hour), Who: "Noor Haddad", What: "secure → convenience"}}
	pagetest.Set(t, b, "mode", "admin-mode-secure", in("Mode", "wide", modeView{Office: office("/admin"), Mode: "secure", Warning: Warning, Changes: changes}))
	pagetest.Set(t, b, "mode", "admin-mode-convenience", in("Mode", "wide", modeView{Office: office("/admin"), Mode: "convenience", Warning: Warning}))
	pagetest.Set(t, b, "loosen", "admin-loosen", in("Switch to convenience mode?", "card", loosenView{Warning: Warning}))
	pagetest.Set(t, b, "people", "admin-people", in("People", "wide", peopleView{Office: office("/admin/people"), People: []personLine{
		{ID: "1", Name: "Noor Haddad", Address: "noor@harbourstreet.example", Role: "Admin", You: true},
		{ID: "2", Name: "Dr Ada Lindqvist", Address: "ada@harbourstreet.example", Role: "Staff"},
		{ID: "3", Name: "Sam Carter", Address: "sam@harbourstreet.example", Role: "Staff", Disabled: true},
	}}))
	pagetest.Set(t, b, "person", "admin-person", in("Sam Carter", "wide", personView{Office: office("/admin/people"), Base: "/admin/people/3", Name: "Sam Carter", Address: "sam@harbourstreet.example", Mails: page.Mails(bridge.MailChoices{Notify: bridge.NotifyWeekly, Hour: 17, Zone: "Europe/Berlin"}, bridge.Staff)}))
	keys := []keyLine{{ID: "1", Name: "Booking system", Role: "Staff", By: "Noor Haddad", At: ago(400 * time.Hour), Used: ago(time.Minute)}, {ID: "2", Name: "Old import", Role: "Admin", By: "Noor Haddad", At: ago(4000 * time.Hour), Revoked: true}}
	pagetest.Set(t, b, "keys", "admin-keys", in("API keys", "wide", keysView{Office: office("/admin/keys"), Keys: keys}))
	pagetest.Set(t, b, "keys", "admin-keys-made", in("API keys", "wide", keysView{Office: office("/admin/keys"), Keys: keys, Made: "llk_mr4vcnzrgiztinjwg44dsmbrgiztinjwg44dsmbrgiztinjwg44dsmbrgi"}))
	pagetest.Set(t, b, "queue", "admin-queue", in("Outgoing mail", "wide", queueView{
		Office: office("/admin/queue"), ListHeading: "Not delivered", Turn: page.Turn{Older: "/admin/queue?after=x"},
		Counts: []countLine{{Name: "Waiting", N: 2, Href: "?"}, {Name: "To be tried again", N: 1, Tone: "warn", Href: "?"}, {Name: "Left", N: 18204, Href: "?"}, {Name: "Not delivered", N: 2, Tone: "bad", Href: "?", Here: true}, {Name: "Not sent", Href: "?"}},
		Deliveries: []deliveryLine{
			{ID: "1", To: "jonas.weber@very-long-domain-name-of-a-firm.example", What: "Message", State: "Not delivered", Tone: "bad", Reason: "550 5.1.1 Recipient address rejected: User unknown", Attempts: 1, At: ago(time.Hour), CanRetry: true, ThreadHref: "/desk/t/1"},
			{ID: "2", To: "mina@example.org", What: "Sign-in code", State: "To be tried again", Tone: "warn", Reason: "451 4.7.1 Greylisted", Attempts: 3, At: ago(2 * time.Hour), Next: ago(-10 * time.Minute), CanRetry: true, CanCancel: true},
		},
	}))
	pagetest.Set(t, b, "mail", "admin-mail", in("Received mail", "wide", mailView{Office: office("/admin/mail"), Mails: []mailLine{
		{At: ago(time.Minute), From: "mina@example.org", Way: "SMTP, 192.0.2.7:51234", Disposition: "Appended", Tone: "good", Href: "/desk/t/1", Reasons: []string{"Found by the reply address", "From is the participant's address"}},
		{At: ago(time.Hour), From: "mina.private@example.net", Way: "IMAP, office", Disposition: "Held", Tone: "warn", Href: "/desk/held/1", Reasons: []string{"The sender is not the person whose reply address was used"}},
		{At: ago(5 * time.Hour), From: "spam@shop.example", Way: "SMTP, 203.0.113.9:4001", Disposition: "Refused", Tone: "bad", Reasons: []string{"Replies by email are off"}},
		{At: ago(400 * 24 * time.Hour), From: "(nobody)", Way: "SMTP", Disposition: "Report", Reasons: []string{"It is a bounce, not a message"}},
	}}))
	pagetest.Set(t, b, "mail", "admin-mail-empty", in("Received mail", "wide", mailView{Office: office("/admin/mail")}))
	pagetest.Set(t, b, "audit", "admin-audit", in("Audit log", "wide", auditView{Office: office("/admin/audit"), Turn: page.Turn{Older: "/admin/audit?after=x"}, Entries: []auditLine{
		{Seq: 4711, At: ago(time.Minute), Who: "Dr Ada Lindqvist", What: "Read a conversation", Href: "/desk/t/1"},
		{Seq: 4710, At: ago(time.Hour), Who: "Somebody unknown", What: "Failed to sign in", Tone: "bad", Whom: "Sam Carter", Detail: "password, for sam@harbourstreet.example, from 203.0.113.9: wrong or expired"},
		{Seq: 4709, At: ago(5 * time.Hour), Who: "Noor Haddad", What: "Changed the organization's mode", Detail: "secure → convenience, by Noor Haddad"},
		{Seq: 4708, At: ago(6 * time.Hour), Who: "The gateway", What: "Deleted a conversation whose time was over"},
	}}))
	pagetest.Set(t, b, "audit", "admin-audit-empty", in("Audit log", "wide", auditView{Office: office("/admin/audit")}))
	pair := func(name, state, tone, note string) signingLine {
		return signingLine{State: state, Tone: tone, Since: ago(9 * 24 * time.Hour), Note: note, Records: []signingRecord{
			{name + "-rsa._domainkey.mail.harbourclinic.example", "v=DKIM1; k=rsa; p=" + strings.Repeat("MIIBIjANBgkqhkiG9w0B", 19) + "QAB"},
			{name + "-ed._domainkey.mail.harbourclinic.example", "v=DKIM1; k=ed25519; p=VkzV1h/Ru5KX97jW5EpZpNl8EDjMXhZ+qPNqB+qXGwE="},
		}}
	}
	pagetest.Set(t, b, "signing", "admin-signing", in("Signatures", "wide", signingView{Office: office("/admin/signing"), Domain: "mail.harbourclinic.example", Signs: true, Pairs: []signingLine{
		pair("ll20261120nds3", "New", "", "Publish these records, then run: letterlock dkim switch"),
		pair("ll20251118a7qp", "Signing", "is-secure", "These records must be published."),
		{State: "Destroyed", Since: ago(300 * 24 * time.Hour), Note: "The records may be gone.", Selectors: "ll20241101xy2z-rsa, ll20241101xy2z-ed"},
	}, TLS: []tlsDay{
		tlsDayOf("Today", []bridge.TLSResult{
			{Domain: "example.org", Host: "mx1.example.org", Policy: "sts", Count: 1204},
			{Domain: "very-long-domain-name-of-a-firm.example", Host: "mail.very-long-domain-name-of-a-firm.example", Policy: "no-policy-found", Result: "certificate-expired", Count: 12},
			{Domain: "very-long-domain-name-of-a-firm.example", Host: "mail.very-long-domain-name-of-a-firm.example", Policy: "no-policy-found", Result: "starttls-not-supported", Count: 2},
			{Domain: "very-long-domain-name-of-a-firm.example", Policy: "sts", Result: "sts-policy-fetch-error", Count: 1},
		}),
		{Name: "Yesterday", Domains: []tlsLine{{Domain: "example.org", Good: 3801}}, Others: 212},
	}}))
	pagetest.Set(t, b, "signing", "admin-signing-none", in("Signatures", "wide", signingView{Office: office("/admin/signing"), Domain: "mail.harbourclinic.example"}))
	view := rulesView{Office: office("/admin/rules")}
	view.fill([]rules.Rule{
		{ID: "card", Kind: rules.Card},
		{ID: "gb-nhs", Kind: rules.ID, Values: []string{"gb-nhs"}},
		{ID: "1", Kind: rules.Words, Name: "Diagnoses", Values: []string{"diabetes", "asthma", "HIV", "سرطان", "糖尿病", "Krebsvorsorge", "Depression", "Epilepsie", "psoriasis", "lupus", "gout", "angina", "stroke", "flu"}},
		{ID: "2", Kind: rules.Pattern, Name: "Case numbers", Values: []string{`(?i)\bCASE-\d{4}-[A-Z]{2,8}-\d{6}\b`}},
	})
	pagetest.Set(t, b, "rules", "admin-rules", in("Content rules", "wide", view))
	view.Tried, view.Text, view.Why = true, "Your diabetes, and your card 4111 1111 1111 1111", []string{"contains a card number", "contains a word of the list “Diagnoses”"}
	view.Flaw, view.Name, view.Values, view.Secure = "The pattern can't be read: missing closing ): `(`", "Broken", "(", true
	pagetest.Set(t, b, "rules", "admin-rules-tried", in("Content rules", "wide", view))
	pagetest.Set(t, b, "timing", "admin-timing", in("When mails leave", "wide", timingView{Office: office("/admin/timing"), Delay: "30", Units: units("s"), Reminders: "3, 7", Unopened: "14", Undo: "10"}))
	pagetest.Set(t, b, "timing", "admin-timing-flaw", in("When mails leave", "wide", timingView{Office: office("/admin/timing"), Delay: "48", Units: units("h"), Undo: "10", EmailOff: true, Flaw: "A notice waits for at most 24 hours."}))
	row := mailRow{Title: "Notice", About: "A message waits for a customer.", Cells: []mailCell{{Language: "English", Href: "/admin/words/notice/en", Own: true, At: ago(time.Hour)}, {Language: "العربية", Href: "/admin/words/notice/ar"}}}
	pagetest.Set(t, b, "words", "admin-words", in("Wording", "wide", wordsView{
		Office: office("/admin/words"), Org: "Harbour Street Practice", From: "no-reply@harbourstreet.example", Host: "portal.elsewhere.example", Apart: true,
		Postal: "Harbour Street 1, 20457 Hamburg", Logo: "120 × 40 pixels as shown, 4 kB", MaxLogo: 48 << 10, Mails: []mailRow{row, row}, Flaw: "The logo is neither a PNG nor a JPEG.",
	}))
	pagetest.Set(t, b, "template", "admin-template", in("Notice, العربية", "wide", templateView{
		Office: office("/admin/words"), Title: "Notice", About: "A message waits for a customer.", Language: "العربية", Dir: "rtl", Tag: "ar", Base: "/admin/words/notice/ar", Own: true,
		Subject: "لديك رسالة جديدة من {organization}", Words: "# لديك رسالة جديدة من {organization}.\n\n{link}", Holds: []wording.Placeholder{{Name: "link", About: "the one link"}}, Needs: "link",
		MaxSubject: 150, MaxWords: 6000, Flaw: "{author} can't be used.", Versions: []versionLine{{Version: 2, At: ago(time.Hour), Who: "Noor Haddad"}, {Version: 1, At: ago(9 * time.Hour), Who: "Noor Haddad", Href: "/admin/words/notice/ar?version=1"}},
	}))
	accounts := []bridge.MailAccount{
		{Name: "office", Where: "INBOX of office@harbourstreet.example at outlook.office365.com:993", ReportedAt: ago(time.Minute), WorkedAt: ago(2 * time.Minute), Ends: ago(-400 * 24 * time.Hour), What: "the client secret"},
		{Name: "archive", Where: "INBOX of archive@harbourstreet.example at imap.harbourstreet.example:993", ReportedAt: ago(time.Second), Taken: 61_200, Waiting: 18_800, Aside: 2},
		{
			Name: "sales", Where: "INBOX of sales@harbourstreet.example at imap.gmail.com:993", ReportedAt: ago(time.Minute), WorkedAt: ago(49 * time.Hour), FailingSince: ago(48 * time.Hour), Ends: ago(-5 * 24 * time.Hour), What: "the consent (refresh token)",
			Failure: "the provider gives no access: sign in: get an access token: the token server refuses: invalid_grant AADSTS700082: The refresh token has expired due to inactivity", Advice: "look at oauth_client_id and its secret; if consent was taken back or ran out, have it given again: letterlock mailbox authorize sales",
		},
		{Name: "a mailbox with quite a long name that nobody thought about", Where: "INBOX of long at very-long-name-of-a-mail-server.harbourstreet.example:993", ReportedAt: ago(time.Minute), WorkedAt: ago(5 * time.Minute), FailingSince: ago(time.Minute), Failure: "the server can't be reached: connection refused", Advice: "look at address and tls of the mailbox, and whether a firewall lets this machine out"},
		{Name: "old", Where: "INBOX of old at imap.example.com:993", ReportedAt: ago(5 * time.Hour), WorkedAt: ago(5 * time.Hour)},
		{Name: "new", Where: "INBOX of new at imap.example.com:993"},
		{Name: "relay", Sends: true, Where: "office@harbourstreet.example at smtp.office365.com:587", ReportedAt: ago(time.Minute), WorkedAt: ago(20 * time.Minute)},
	}
	boxes := mailboxesView{Office: office("/admin/mailboxes")}
	for _, one := range accounts {
		boxes.Accounts = append(boxes.Accounts, accountLineOf(one, pagetest.Now()))
	}
	pagetest.Set(t, b, "mailboxes", "admin-mailboxes", in("Mailboxes", "wide", boxes))
	troubled := in("Mailboxes", "wide", mailboxesView{Office: office("/admin/mailboxes")})
	troubled.Trouble = page.Trouble{Words: "No mail is fetched from “sales” since 18 November, 14:30. Another account needs you too.", Bad: true}
	pagetest.Set(t, b, "mailboxes", "admin-mailboxes-none", troubled)
	troubled.Trouble = page.Trouble{Words: "The client secret of “office” runs out on 30 November 2026."}
	pagetest.Set(t, b, "mailboxes", "admin-mailboxes-soon", troubled)
	pagetest.Set(t, b, "keeping", "admin-keeping", in("Keeping", "wide", keepingView{Office: office("/admin/keeping"), Days: 3650}))
	pagetest.Set(t, b, "keeping", "admin-keeping-ever", in("Keeping", "wide", keepingView{Office: office("/admin/keeping")}))
}

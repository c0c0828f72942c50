package admin

import (
	"errors"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type auditView struct {
	Office  []page.Link
	Entries []auditLine
	Turn    page.Turn
}

type auditLine struct {
	Seq                                 int64
	At                                  time.Time
	Who, What, Whom, Detail, Tone, Href string
}

// deeds are the actions of the audit log as this page calls them. One that is not here is shown by its own name.
var deeds = map[string]string{
	"contact.add":        "Added a contact",
	"delivery.cancel":    "Took back a mail that waited",
	"delivery.hold":      "Kept back a mail that waited",
	"delivery.retry":     "Had a mail tried again",
	"export.audit":       "Exported the audit log",
	"export.person":      "Exported a person's conversations",
	"export.thread":      "Exported a conversation",
	"file.download":      "Opened a file",
	"file.refuse":        "Had a file refused",
	"held.discard":       "Discarded held mail",
	"held.release":       "Released held mail",
	"held.view":          "Read held mail",
	"key.add":            "Made an API key",
	"key.revoke":         "Revoked an API key",
	"keys.change":        "Changed the keys that seal everything",
	"mail.unsubscribe":   "Turned off mails, by the link in one",
	"mail.clear":         "Let mail leave to somebody again",
	"mail.stop":          "Mail to an address was stopped",
	"letterhead.set":     "Changed what stands around mails",
	"mode.contact":       "Changed a contact's mode",
	"rules.known":        "Changed which known content rules hold",
	"rules.set":          "Changed the content rules",
	"rules.add":          "Added a content rule",
	"rules.remove":       "Removed a content rule",
	"mode.set":           "Changed the organization's mode",
	"mode.thread":        "Changed a conversation's mode",
	"participant.add":    "Let somebody into a conversation",
	"participant.remove": "Took somebody out of a conversation",
	"person.disable":     "Shut somebody out",
	"person.enable":      "Let somebody in again",
	"person.mails":       "Chose which mails to get",
	"person.password":    "Set a password",
	"person.phrase":      "Chose a phrase for mails",
	"person.rename":      "Renamed somebody",
	"person.signout":     "Ended somebody's sessions",
	"timing.set":         "Changed when mails leave",
	"message.schedule":   "Scheduled a message for later",
	"message.takeback":   "Took back a message before it went out",
	"message.discard":    "Discarded a message that had not gone out",
	"message.sendnow":    "Sent a message before its time",
	"message.stop":       "A message could not go out",
	"retention.set":      "Changed how long conversations are kept",
	"retention.thread":   "Changed how long a conversation is kept",
	"search":             "Searched messages",
	"signing.make":       "Made keys to sign mail with",
	"signing.retire":     "Destroyed keys to sign mail with",
	"signing.switch":     "Had other keys sign mail",
	"signin.code":        "Signed in with a code",
	"signin.device":      "Signed in with a new browser",
	"signin.failed":      "Failed to sign in",
	"signin.password":    "Signed in with a password",
	"staff.add":          "Added a member of staff",
	"staff.role":         "Changed a role",
	"template.reset":     "Went back to the words that come with Letterlock",
	"template.set":       "Changed the words of a mail",
	"thread.closed":      "Closed a conversation",
	"thread.delete":      "Deleted a conversation",
	"thread.expire":      "Deleted a conversation whose time was over",
	"thread.open":        "Opened a conversation again",
	"thread.view":        "Read a conversation",
}

// audit is GET /admin/audit: who did what, newest first.
func (a *Admin) audit(v *page.Visit) error {
	place, err := v.Cursor()
	if err != nil {
		return err
	}
	entries, next, err := a.gateway.ListAudit(v.Context(), v.Actor(), "", place, 0)
	if err != nil {
		return err
	}
	view := auditView{Office: office("/admin/audit"), Turn: v.Turn("/admin/audit", next)}
	names := map[bridge.ID]string{}
	for _, e := range entries {
		line, err := a.auditLine(v, e, names)
		if err != nil {
			return err
		}
		view.Entries = append(view.Entries, line)
	}
	return v.Render(a.book, "audit", page.Frame{Title: "Audit log", Shape: "wide", View: view})
}

// auditLine returns an entry as the list shows it. names remembers who was looked up.
func (a *Admin) auditLine(v *page.Visit, e bridge.AuditEntry, names map[bridge.ID]string) (auditLine, error) {
	l := auditLine{Seq: e.Seq, At: e.At, What: deeds[e.Action], Detail: e.Detail}
	if l.What == "" {
		l.What = e.Action
	}
	if e.Action == "signin.failed" {
		l.Tone = "bad"
	}
	var err error
	switch e.Actor {
	case "person":
		l.Who, err = a.nameOf(v, e.By, names)
	case "key":
		l.Who = "A program, by its key"
	case "operator":
		l.Who = "The operator, on the command line"
	case "system":
		l.Who = "The gateway"
	default:
		l.Who = "Somebody unknown"
	}
	if err == nil && !e.Person.IsZero() && e.Person != e.By {
		l.Whom, err = a.nameOf(v, e.Person, names)
	}
	if !e.Thread.IsZero() && e.Action != "thread.delete" && e.Action != "thread.expire" {
		l.Href = "/desk/t/" + e.Thread.String()
	}
	return l, err
}

// nameOf returns how a person is called, also when there is no such person any more.
func (a *Admin) nameOf(v *page.Visit, id bridge.ID, names map[bridge.ID]string) (string, error) {
	if name, ok := names[id]; ok {
		return name, nil
	}
	p, err := a.gateway.PersonByID(v.Context(), v.Actor(), id)
	name := p.DisplayName()
	if errors.Is(err, bridge.ErrNotFound) {
		name, err = "somebody who is gone", nil
	}
	names[id] = name
	return name, err
}

package page

import (
	"fmt"

	"letterlock/bridge"
)

// Mails says in a sentence for staff which mails somebody chose to get.
func Mails(c bridge.MailChoices, kind bridge.PersonKind) string {
	zone := c.Zone
	if zone == "" {
		zone = "UTC"
	}
	switch {
	case c.Notify == bridge.NotifyNone && !c.OffAt.IsZero():
		return "None: turned off on " + c.OffAt.UTC().Format("2 January 2006") + " with the link in an email."
	case c.Notify == bridge.NotifyNone:
		return "None: they look themselves."
	case c.Notify == bridge.NotifyDaily:
		return fmt.Sprintf("A summary every day at %02d:00 (%s).", c.Hour, zone)
	case c.Notify == bridge.NotifyWeekly:
		return fmt.Sprintf("A summary every Monday at %02d:00 (%s).", c.Hour, zone)
	case kind == bridge.Contact && c.NoReminders:
		return "One for every new message, and no reminders."
	case kind == bridge.Contact:
		return "One for every new message, and reminders."
	}
	return "One for each new message in their conversations."
}

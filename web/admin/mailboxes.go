package admin

import (
	"fmt"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type mailboxesView struct {
	Office   []page.Link
	Accounts []accountLine
}

type accountLine struct {
	Name, Where  string
	Sends        bool
	State, Tone  string // a word or two, and the class of its tag
	Worked       time.Time
	Since        time.Time // since when it fails
	Silent       string    // for how long nothing was heard of it
	Why, Advice  string
	Taken, All   int // of a reading that goes on
	Lag          string
	Aside        int
	Ends         time.Time
	What, EndsIn string
	EndsSoon     bool
}

// mailboxes is GET /admin/mailboxes: how the accounts stand that mail is fetched from, and the relay's.
func (a *Admin) mailboxes(v *page.Visit) error {
	accounts, err := a.gateway.MailAccounts(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view := mailboxesView{Office: office("/admin/mailboxes")}
	for _, one := range accounts {
		view.Accounts = append(view.Accounts, accountLineOf(one, a.site.Now()))
	}
	return v.Render(a.book, "mailboxes", page.Frame{Title: "Mailboxes", Shape: "wide", View: view})
}

func accountLineOf(a bridge.MailAccount, now time.Time) accountLine {
	l := accountLine{
		Name: a.Name, Where: a.Where, Sends: a.Sends, Worked: a.WorkedAt, Why: capital(a.Failure), Advice: capital(a.Advice), Aside: a.Aside, Ends: a.Ends, What: capital(a.What),
	}
	switch {
	case a.ReportedAt.IsZero():
		l.State = "Not looked at yet"
	case a.Silent(now):
		l.State, l.Tone, l.Silent = "Not looked after", "is-bad", span(now.Sub(a.ReportedAt))
	case !a.FailingSince.IsZero() && now.Sub(a.FailingSince) < bridge.FailureGrace:
		l.State, l.Tone, l.Since = "Trying again", "is-convenience", a.FailingSince
	case !a.FailingSince.IsZero():
		l.State, l.Tone, l.Since = "Does not work", "is-bad", a.FailingSince
	case a.Waiting > 0:
		l.State, l.Tone = "Being read", "is-secure"
		l.Taken, l.All = a.Taken, a.Taken+a.Waiting
	default:
		l.State, l.Tone = "Works", "is-secure"
	}
	if (!l.Since.IsZero() || l.Silent != "") && !a.WorkedAt.IsZero() && !a.Sends {
		l.Lag = span(now.Sub(a.WorkedAt))
	}
	if left := a.Ends.Sub(now); !a.Ends.IsZero() {
		l.EndsSoon = left <= bridge.EndNotice
		if l.EndsIn = "in " + span(left); left <= 0 {
			l.EndsIn = "it is over"
		}
	}
	return l
}

// span writes a span of time in its greatest unit.
func span(d time.Duration) string {
	for _, u := range []struct {
		name string
		span time.Duration
	}{{"days", day}, {"hours", time.Hour}} {
		if d >= 2*u.span {
			return fmt.Sprintf("%d %s", d.Round(u.span)/u.span, u.name)
		}
	}
	if d < 2*time.Minute {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", d/time.Minute)
}

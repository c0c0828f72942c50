package page

import (
	"testing"
	"time"

	"letterlock/bridge"
)

func TestTroubleInWords(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	down := bridge.MailAccount{Name: "office", FailingSince: now.Add(-2 * time.Hour)}
	relay := bridge.MailAccount{Name: "relay", Sends: true, FailingSince: now.Add(-3 * time.Hour)}
	soon := bridge.MailAccount{Name: "sales", Ends: now.Add(10 * 24 * time.Hour), What: "the client secret"}
	over := bridge.MailAccount{Name: "sales", Ends: now.Add(-time.Hour), What: "the consent (refresh token)"}
	for name, c := range map[string]struct {
		accounts []bridge.MailAccount
		want     Trouble
	}{
		"no accounts":   {nil, Trouble{}},
		"all is well":   {[]bridge.MailAccount{{Name: "office", WorkedAt: now}}, Trouble{}},
		"a mailbox":     {[]bridge.MailAccount{down}, Trouble{"No mail is fetched from “office” since 20 November, 12:30.", true}},
		"the relay":     {[]bridge.MailAccount{relay}, Trouble{"No mail can leave by “relay” since 20 November, 11:30.", true}},
		"an end":        {[]bridge.MailAccount{soon}, Trouble{"The client secret of “sales” runs out on 30 November 2026.", false}},
		"after the end": {[]bridge.MailAccount{over}, Trouble{"The consent (refresh token) of “sales” ran out on 20 November 2026.", true}},
		"two":           {[]bridge.MailAccount{soon, down}, Trouble{"No mail is fetched from “office” since 20 November, 12:30. Another account needs you too.", true}},
		"three":         {[]bridge.MailAccount{soon, down, relay}, Trouble{"No mail is fetched from “office” since 20 November, 12:30. 2 more accounts need you too.", true}},
	} {
		if got := troubleOf(c.accounts, now, time.UTC); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

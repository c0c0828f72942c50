package page

import (
	"fmt"
	"time"

	"letterlock/bridge"
)

// Trouble is what admins are told on every page about the accounts that mail is fetched from and leaves by.
type Trouble struct {
	Words string // empty while all is well
	Bad   bool   // it does not work; otherwise it soon won't
}

// trouble returns the worst of what is wrong, and says how much more there is.
func (v *Visit) trouble() (Trouble, error) {
	accounts, err := v.site.gateway.MailAccounts(v.Context(), v.Actor())
	if err != nil {
		return Trouble{}, err
	}
	return troubleOf(accounts, v.site.Now(), v.site.cfg.Location), nil
}

func troubleOf(accounts []bridge.MailAccount, now time.Time, place *time.Location) Trouble {
	var worst bridge.MailAccount
	how, more := bridge.NoTrouble, -1
	for _, a := range accounts {
		t := a.Trouble(now)
		if t != bridge.NoTrouble {
			more++
		}
		if t > how {
			worst, how = a, t
		}
	}
	if how == bridge.NoTrouble {
		return Trouble{}
	}
	t := Trouble{Bad: how == bridge.Failing}
	end := worst.Ends.In(place).Format("2 January 2006")
	switch {
	case how != bridge.Failing:
		t.Words = fmt.Sprintf("%s of “%s” runs out on %s.", capital(worst.What), worst.Name, end)
	case worst.FailingSince.IsZero() || now.Sub(worst.FailingSince) < bridge.FailureGrace:
		t.Words = fmt.Sprintf("%s of “%s” ran out on %s.", capital(worst.What), worst.Name, end)
	case worst.Sends:
		t.Words = fmt.Sprintf("No mail can leave by “%s” since %s.", worst.Name, worst.FailingSince.In(place).Format("2 January, 15:04"))
	default:
		t.Words = fmt.Sprintf("No mail is fetched from “%s” since %s.", worst.Name, worst.FailingSince.In(place).Format("2 January, 15:04"))
	}
	switch {
	case more == 1:
		t.Words += " Another account needs you too."
	case more > 1:
		t.Words += fmt.Sprintf(" %d more accounts need you too.", more)
	}
	return t
}

// capital begins a sentence. What runs out is named by us, in ASCII.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

package portal

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

// choicesView is what somebody decided about the mails they get.
type choicesView struct {
	Staff     bool
	Ways      []wayChoice
	Reminders bool
	OffAt     time.Time // when a link in a mail turned them off; zero if none did
	Hours     []hourChoice
	Zones     []zoneChoice
	NoZone    bool // none was chosen yet, so that the browser's own may be proposed
}

type wayChoice struct {
	Value, Text string
	Chosen      bool
}

type hourChoice struct {
	Value  int
	Text   string
	Chosen bool
}

type zoneChoice struct {
	Name, Text string
	Chosen     bool
}

// choicesOf returns what the visitor decided.
func (p *Portal) choicesOf(v *page.Visit, me bridge.Person) (choicesView, error) {
	c, err := p.gateway.MailChoices(v.Context(), v.Actor(), me.ID)
	if err != nil {
		return choicesView{}, err
	}
	return viewChoices(c, me.Kind == bridge.Staff), nil
}

func viewChoices(c bridge.MailChoices, staff bool) choicesView {
	view := choicesView{Staff: staff, Reminders: !c.NoReminders, OffAt: c.OffAt, NoZone: c.Zone == ""}
	way := func(n bridge.Notify, text string) {
		view.Ways = append(view.Ways, wayChoice{Value: string(n), Text: text, Chosen: c.Notify == n})
	}
	if !staff {
		way(bridge.NotifyEach, "One for every new message")
		way(bridge.NotifyNone, "None: I’ll look myself")
		return view
	}
	way(bridge.NotifyEach, "One for each new message in my conversations")
	way(bridge.NotifyDaily, "A summary every day")
	way(bridge.NotifyWeekly, "A summary every Monday")
	way(bridge.NotifyNone, "None: I’ll look myself")
	for h := range 24 {
		view.Hours = append(view.Hours, hourChoice{Value: h, Text: fmt.Sprintf("%02d:00", h), Chosen: h == c.Hour})
	}
	names := zoneNames
	if c.Zone != "" && !slices.Contains(names, c.Zone) {
		names = append([]string{c.Zone}, names...)
	}
	for _, name := range names {
		view.Zones = append(view.Zones, zoneChoice{Name: name, Text: strings.ReplaceAll(name, "_", " "), Chosen: name == c.Zone || c.Zone == "" && name == "UTC"})
	}
	return view
}

// setChoices is POST /account/choices: which mails this person wants.
func (p *Portal) setChoices(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	c := bridge.MailChoices{Notify: bridge.Notify(form.Get("notify")), NoReminders: form.Get("reminders") == "", Zone: form.Get("zone")}
	if text := form.Get("hour"); text != "" {
		if c.Hour, err = strconv.Atoi(text); err != nil {
			err = fmt.Errorf("the hour of a summary is 0 to 23: %w", bridge.ErrInvalid)
		}
	}
	if err == nil {
		err = p.gateway.SetMailChoices(v.Context(), v.Actor(), c)
	}
	if errors.Is(err, bridge.ErrInvalid) {
		return p.showAccount(v, err)
	}
	if err != nil {
		return err
	}
	done := "Saved. It holds for the next email."
	switch c.Notify {
	case bridge.NotifyNone:
		done = "Saved. You get no more emails but for sign-in codes and what keeps your account safe."
	case bridge.NotifyDaily, bridge.NotifyWeekly:
		done = "Saved. Where there is nothing to tell, no summary is sent."
	}
	v.Flash(page.Flash{Text: done})
	return v.Redirect("/account#choices")
}

// zoneNames are places whose time most people live by, one or a few for each rule that there is, by their names in the IANA database. A zone that
// is not here can be kept, but not chosen anew.
var zoneNames = []string{
	"UTC",
	"Africa/Cairo", "Africa/Casablanca", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi",
	"America/Adak", "America/Anchorage", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Caracas", "America/Chicago", "America/Denver",
	"America/Halifax", "America/Havana", "America/La_Paz", "America/Lima", "America/Los_Angeles", "America/Mexico_City", "America/Montevideo",
	"America/New_York", "America/Nuuk", "America/Phoenix", "America/Regina", "America/Santiago", "America/Sao_Paulo", "America/St_Johns",
	"America/Toronto", "America/Vancouver",
	"Asia/Almaty", "Asia/Amman", "Asia/Baghdad", "Asia/Bangkok", "Asia/Beirut", "Asia/Colombo", "Asia/Dhaka", "Asia/Dubai", "Asia/Ho_Chi_Minh",
	"Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem", "Asia/Kabul", "Asia/Karachi", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Manila", "Asia/Riyadh",
	"Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei", "Asia/Tashkent", "Asia/Tbilisi", "Asia/Tehran", "Asia/Tokyo", "Asia/Vladivostok",
	"Asia/Yangon",
	"Atlantic/Azores", "Atlantic/Cape_Verde", "Atlantic/Reykjavik",
	"Australia/Adelaide", "Australia/Brisbane", "Australia/Darwin", "Australia/Perth", "Australia/Sydney",
	"Europe/Amsterdam", "Europe/Athens", "Europe/Belgrade", "Europe/Berlin", "Europe/Brussels", "Europe/Bucharest", "Europe/Budapest",
	"Europe/Copenhagen", "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv", "Europe/Lisbon", "Europe/London", "Europe/Madrid",
	"Europe/Moscow", "Europe/Oslo", "Europe/Paris", "Europe/Prague", "Europe/Rome", "Europe/Sofia", "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw",
	"Europe/Zurich",
	"Pacific/Apia", "Pacific/Auckland", "Pacific/Fiji", "Pacific/Guam", "Pacific/Honolulu", "Pacific/Tongatapu",
}

package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type timingView struct {
	Office []page.Link
	Delay  string // a whole number of units
	Units  []unit
	// Reminders are days, apart by commas; Unopened is days too.
	Reminders, Unopened string
	Undo                string // seconds
	EmailOff            bool
	Flaw                string
}

type unit struct {
	Value, Text string
	Chosen      bool
	span        time.Duration
}

// units returns those in which a delay can be written, with the one chosen that suits it.
func units(chosen string) []unit {
	all := []unit{
		{Value: "s", Text: "seconds", span: time.Second},
		{Value: "m", Text: "minutes", span: time.Minute},
		{Value: "h", Text: "hours", span: time.Hour},
	}
	for i := range all {
		all[i].Chosen = all[i].Value == chosen
	}
	return all
}

// timing is GET /admin/timing: when mails leave.
func (a *Admin) timing(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	t, err := a.gateway.Timing(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view := timingView{EmailOff: t.EmailOff, Undo: strconv.FormatInt(int64(t.Undo/time.Second), 10)}
	view.Delay, view.Units = spanOf(t.NoticeDelay)
	for i, r := range t.Reminders {
		if i > 0 {
			view.Reminders += ", "
		}
		view.Reminders += days(r)
	}
	if t.Unopened > 0 {
		view.Unopened = days(t.Unopened)
	}
	return a.showTiming(v, http.StatusOK, view)
}

func (a *Admin) showTiming(v *page.Visit, status int, view timingView) error {
	view.Office = office("/admin/timing")
	return v.RenderStatus(status, a.book, "timing", page.Frame{Title: "When mails leave", Shape: "wide", View: view})
}

// spanOf writes a span of time in the largest unit that leaves a whole number.
func spanOf(d time.Duration) (string, []unit) {
	all := units("")
	for i := len(all) - 1; i >= 0; i-- {
		if u := all[i]; (d >= u.span && d%u.span == 0) || i == 0 {
			return strconv.FormatInt(int64(d/u.span), 10), units(u.Value)
		}
	}
	return "0", all
}

// setTiming is POST /admin/timing.
func (a *Admin) setTiming(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	if err := a.allowed(v); err != nil {
		return err
	}
	t, err := a.gateway.Timing(v.Context(), v.Actor())
	if err == nil {
		err = readTiming(&t, form)
	}
	if err == nil {
		err = a.gateway.SetTiming(v.Context(), v.Actor(), t)
	}
	if errors.Is(err, bridge.ErrInvalid) {
		return a.showTiming(v, page.Status(err), timingView{
			Delay: form.Get("delay"), Units: units(form.Get("unit")), Reminders: form.Get("reminders"), Unopened: form.Get("unopened"), Undo: form.Get("undo"), EmailOff: form.Get("email") == "off", Flaw: page.Explain(err),
		})
	}
	if err != nil {
		return err
	}
	done := "Saved. It holds for what is written from now on."
	if t.EmailOff {
		done = "Saved. Nothing leaves by email but sign-in codes."
	}
	v.Flash(page.Flash{Text: done})
	return v.Redirect("/admin/timing")
}

// readTiming changes t to what the form says.
func readTiming(t *bridge.Timing, form page.Form) error {
	n, err := whole(form.Get("delay"), "the delay before a notice")
	if err != nil {
		return err
	}
	span := time.Duration(0)
	for _, u := range units("") {
		if u.Value == form.Get("unit") {
			span = u.span
		}
	}
	if span == 0 || n > int(48*time.Hour/span) {
		return fmt.Errorf("a notice waits for at most 24 hours: %w", bridge.ErrInvalid)
	}
	t.NoticeDelay, t.EmailOff, t.Reminders = time.Duration(n)*span, form.Get("email") == "off", nil
	for text := range strings.SplitSeq(form.Get("reminders"), ",") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		r, err := readDays(text, "a day of a reminder")
		if err != nil {
			return err
		}
		t.Reminders = append(t.Reminders, r)
	}
	if t.Unopened, err = readDays(form.Get("unopened"), "the day on which staff are told"); err != nil {
		return err
	}
	undo, err := whole(form.Get("undo"), "the time to take a message back")
	t.Undo = time.Duration(undo) * time.Second
	return err
}

// whole reads a whole number that is not negative; nothing is none.
func whole(text, what string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1e6 {
		return 0, fmt.Errorf("%s is no whole number: %w", what, bridge.ErrInvalid)
	}
	return n, nil
}

const day = 24 * time.Hour

// days writes a span of time in days, which need not be whole where the configuration says so.
func days(d time.Duration) string { return strconv.FormatFloat(float64(d)/float64(day), 'f', -1, 64) }

// readDays reads what days wrote, to the minute; nothing is none.
func readDays(text, what string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= 1000) {
		return 0, fmt.Errorf("%s is no number of days: %w", what, bridge.ErrInvalid)
	}
	return time.Duration(n * float64(day)).Round(time.Minute), nil
}

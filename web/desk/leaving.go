package desk

import (
	"encoding/json"
	"net/http"
	"strings"

	"letterlock/bridge"
	"letterlock/web/page"
)

// leavingLine is what one person will get, in words.
type leavingLine struct {
	Who    string `json:"who"`
	What   string `json:"what"`
	Notice bool   `json:"notice"`
}

// leavingLines says what each recipient will get.
func leavingLines(all []bridge.Leaving) []leavingLine {
	lines := make([]leavingLine, 0, len(all))
	for _, l := range all {
		line := leavingLine{Who: name(l.Name, l.Address), What: "will get it by email"}
		switch why := strings.Join(l.Why, "; "); {
		case l.Form == "":
			line.What, line.Notice = "will get no email: "+why, true
		case l.Form != bridge.FormCopy:
			line.What, line.Notice = "will get a notice, without content: "+why, true
		}
		lines = append(lines, line)
	}
	return lines
}

// asks reports whether a form was sent to see what will leave, and not to send it.
func asks(form page.Form) bool { return form.Get("step") == "check" }

// answerDraft is an answer that was not sent yet.
func answerDraft(thread bridge.ID, form page.Form) bridge.Draft {
	return bridge.Draft{Thread: thread, Text: form.Get("text"), Files: form.Files, Names: form.All("name"), Secure: form.Get("secure") != ""}
}

// startDraft is the beginning of a conversation that was not sent yet. Addresses that can't be read are left out: the form is still being filled in.
func startDraft(form page.Form) bridge.Draft {
	d := bridge.Draft{
		Subject: form.Get("subject"), Text: form.Get("text"), Files: form.Files, Names: form.All("name"), Secure: form.Get("secure") != "",
	}
	if form.Get("tight") != "" {
		d.Mode = bridge.ModeSecure
	}
	to, err := recipients(form.Get("to"))
	for _, r := range to {
		if err == nil && strings.Contains(r.Address, "@") {
			d.Contacts = append(d.Contacts, r)
		}
	}
	for _, text := range form.All("contact") {
		if id, err := bridge.ParseID(text); err == nil {
			d.Contacts = append(d.Contacts, bridge.Recipient{ID: id})
		}
	}
	return d
}

// answerLeaving is POST /desk/t/THREAD/leaving: what will leave, for the script that asks while somebody writes.
func (d *Desk) answerLeaving(v *page.Visit) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	form, err := v.Letter()
	if err != nil {
		return err
	}
	return d.tellLeaving(v, answerDraft(id, form))
}

// startLeaving is POST /desk/new/leaving, likewise.
func (d *Desk) startLeaving(v *page.Visit) error {
	form, err := v.Letter()
	if err != nil {
		return err
	}
	return d.tellLeaving(v, startDraft(form))
}

func (d *Desk) tellLeaving(v *page.Visit, draft bridge.Draft) error {
	all, err := d.gateway.Preview(v.Context(), v.Actor(), draft)
	if err != nil {
		return err
	}
	v.W.Header().Set("Content-Type", "application/json")
	v.W.Header().Set("Cache-Control", "no-store")
	v.W.WriteHeader(http.StatusOK)
	return json.NewEncoder(v.W).Encode(leavingLines(all))
}

// sentAs adds to the words about a message that was sent why no copy of it leaves, where the organization sends copies.
func (d *Desk) sentAs(v *page.Visit, words string, m bridge.Message) string {
	if len(m.Stays) == 0 {
		return words
	}
	mode, err := d.gateway.Mode(v.Context(), v.Actor())
	if err != nil || mode.Organization != bridge.ModeConvenience {
		return words
	}
	return words + " The email is a notice, without content: it " + strings.Join(m.Stays, ", and it ") + "."
}

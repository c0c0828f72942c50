package admin

import (
	"errors"
	"net/http"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/filetype"
	"letterlock/bridge/rules"
	"letterlock/web/page"
)

type rulesView struct {
	Office []page.Link
	Secure bool // the organization is in secure mode: nothing leaves anyway
	Known  []knownGroup
	Own    []ownRule
	Kinds  []ruleKind
	Types  string // the kinds of files there are

	Name, Values, Kind string // of a rule that was refused
	Flaw               string
	Text, Subject      string // that were tried
	Tried              bool
	Why                []string
}

type knownGroup struct {
	Legend string
	Rules  []knownRule
}

type knownRule struct {
	Key, Name, Note string
	On              bool
}

type ownRule struct {
	ID, Name, Kind string
	Values         []string
	More           int // values that are not shown
}

type ruleKind struct {
	Value, Text string
	Chosen      bool
}

// ruleKinds are the rules that an organization can make.
var ruleKinds = []ruleKind{
	{Value: string(rules.Words), Text: "Words or phrases"},
	{Value: string(rules.Pattern), Text: "Patterns (regular expressions, RE2)"},
	{Value: string(rules.Files), Text: "Kinds of files"},
	{Value: string(rules.Names), Text: "File names, with * and ?"},
}

// valuesShown bounds how many words of a rule the page shows.
const valuesShown = 12

// rules is GET /admin/rules: what keeps messages in.
func (a *Admin) rules(v *page.Visit) error { return a.showRules(v, http.StatusOK, rulesView{}) }

func (a *Admin) showRules(v *page.Visit, status int, view rulesView) error {
	list, err := a.gateway.ContentRules(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	mode, err := a.gateway.Mode(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view.Office, view.Secure = office("/admin/rules"), mode.Organization != bridge.ModeConvenience
	view.fill(list)
	return v.RenderStatus(status, a.book, "rules", page.Frame{Title: "Content rules", Shape: "wide", View: view})
}

// fill puts in what there is.
func (v *rulesView) fill(list []rules.Rule) {
	on := make(map[string]bool)
	for _, r := range list {
		on[r.ID] = true
		for _, k := range ruleKinds {
			if k.Value != string(r.Kind) {
				continue
			}
			one := ownRule{ID: r.ID, Name: r.Name, Kind: k.Text, Values: r.Values}
			if len(one.Values) > valuesShown {
				one.Values, one.More = r.Values[:valuesShown], len(r.Values)-valuesShown
			}
			v.Own = append(v.Own, one)
		}
	}
	ids := knownGroup{Legend: "National ids"}
	for _, id := range rules.IDs() {
		ids.Rules = append(ids.Rules, knownRule{Key: id.Key, Name: id.Title(), Note: id.Note, On: on[id.Key]})
	}
	v.Known = []knownGroup{
		{Legend: "Money", Rules: []knownRule{
			{Key: string(rules.Card), Name: "Payment card numbers", Note: "By the networks’ ranges and lengths, and the check digit.", On: on[string(rules.Card)]},
			{Key: string(rules.IBAN), Name: "IBANs", Note: "By the country’s form, and two check digits. Your own IBAN counts too: leave it off if you write it in mails.", On: on[string(rules.IBAN)]},
		}},
		ids,
	}
	v.Kinds = append([]ruleKind(nil), ruleKinds...)
	for i := range v.Kinds {
		v.Kinds[i].Chosen = v.Kinds[i].Value == v.Kind
	}
	var types []string
	for _, k := range filetype.Kinds() {
		types = append(types, string(k))
	}
	v.Types = strings.Join(types, ", ")
}

// setKnownRules is POST /admin/rules/known.
func (a *Admin) setKnownRules(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	return after(v, a.gateway.SetKnownRules(v.Context(), v.Actor(), form.All("rule")), "Saved. It holds for every mail that leaves from now on.", "/admin/rules")
}

// addRule is POST /admin/rules.
func (a *Admin) addRule(v *page.Visit) error {
	form, err := v.Letter() // long lists are longer than other forms
	if err != nil {
		return err
	}
	r := rules.Rule{Kind: rules.Kind(form.Get("kind")), Name: form.Get("name"), Values: strings.Split(form.Get("values"), "\n")}
	_, err = a.gateway.AddContentRule(v.Context(), v.Actor(), r)
	if errors.Is(err, bridge.ErrInvalid) {
		return a.showRules(v, http.StatusBadRequest, rulesView{
			Kind: form.Get("kind"), Name: form.Get("name"), Values: form.Get("values"), Flaw: flawOf(err),
		})
	}
	return after(v, err, "The rule is added. It holds for every mail that leaves from now on.", "/admin/rules")
}

// flawOf is what was wrong with a rule, in words.
func flawOf(err error) string {
	if text := page.Explain(err); text != "" {
		return text
	}
	return "That is no rule. Please check it."
}

// removeRule is POST /admin/rules/RULE/remove.
func (a *Admin) removeRule(v *page.Visit) error {
	err := a.gateway.RemoveContentRule(v.Context(), v.Actor(), v.R.PathValue("rule"))
	return after(v, err, "The rule is removed. What it kept in when it was written stays in.", "/admin/rules")
}

// tryRules is POST /admin/rules/try: what the rules say about a text. Nothing of it is kept.
func (a *Admin) tryRules(v *page.Visit) error {
	form, err := v.Letter()
	if err != nil {
		return err
	}
	why, err := a.gateway.TryContentRules(v.Context(), v.Actor(), form.Get("subject"), form.Get("text"))
	if err != nil {
		return err
	}
	return a.showRules(v, http.StatusOK, rulesView{Text: form.Get("text"), Subject: form.Get("subject"), Tried: true, Why: why})
}

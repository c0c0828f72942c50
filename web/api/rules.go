package api

import (
	"context"
	"net/http"

	"letterlock/bridge/rules"
)

// ContentRules are what keeps messages in.
type ContentRules struct {
	Known []string      `json:"known" nullable:"false" doc:"The keys of the known rules that hold: card, iban, and those of national ids." example:"card"`
	Own   []ContentRule `json:"own" nullable:"false" doc:"The organization's own rules."`
}

// ContentRule is a rule of the organization's own.
type ContentRule struct {
	ID     string   `json:"id" doc:"The rule's id." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	Kind   string   `json:"kind" enum:"words,pattern,files,names" doc:"What it looks for: whole words, regular expressions (RE2), kinds of files, or names of files with * and ?." example:"words"`
	Name   string   `json:"name" doc:"What staff read where it matched." example:"Diagnoses"`
	Values []string `json:"values" nullable:"false" doc:"Any of these matches." example:"diabetes"`
}

// ContentRulesSet is the request to set all rules.
type ContentRulesSet struct {
	Known []string           `json:"known" maxItems:"50" nullable:"false" doc:"The keys of the known rules that shall hold: card, iban, and those of national ids." example:"card"`
	Own   []ContentRuleDraft `json:"own" maxItems:"100" nullable:"false" doc:"The organization's own rules, all of them."`
}

// ContentRuleDraft is one rule of the organization's own, to be set.
type ContentRuleDraft struct {
	Kind   string   `json:"kind" enum:"words,pattern,files,names" doc:"What it looks for: whole words, regular expressions (RE2), kinds of files, or names of files with * and ?." example:"words"`
	Name   string   `json:"name" minLength:"1" maxLength:"80" doc:"What staff read where it matched." example:"Diagnoses"`
	Values []string `json:"values" minItems:"1" maxItems:"2000" nullable:"false" doc:"Any of these matches." example:"diabetes"`
}

type contentRulesAnswer struct{ Body ContentRules }

func ruleOf(r rules.Rule) ContentRule {
	return ContentRule{ID: r.ID, Kind: string(r.Kind), Name: r.Name, Values: r.Values}
}

func (s *server) registerRules() {
	register(s, operation{
		id: "get-content-rules", method: http.MethodGet, path: "/content-rules", tag: "Modes", summary: "Read the content rules",
		about: "What keeps a message in: where one matches, its mail is a notice, also in convenience mode. It needs an admin's key.",
	}, s.getRules)
	register(s, operation{
		id: "set-content-rules", method: http.MethodPut, path: "/content-rules", tag: "Modes", summary: "Set the content rules",
		about: "It needs an admin's key, and holds for every mail that leaves from then on. What had to stay in because of a rule when it was written stays in when the rule is gone.",
		files: true,
	}, s.setRules)
}

func (s *server) getRules(ctx context.Context, c caller, _ *struct{}) (*contentRulesAnswer, error) {
	list, err := s.gateway.ContentRules(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	out := ContentRules{Known: []string{}, Own: []ContentRule{}}
	for _, r := range list {
		switch r.Kind {
		case rules.Card, rules.IBAN, rules.ID:
			out.Known = append(out.Known, r.ID)
		default:
			out.Own = append(out.Own, ruleOf(r))
		}
	}
	return &contentRulesAnswer{out}, nil
}

func (s *server) setRules(ctx context.Context, c caller, in *struct{ Body ContentRulesSet }) (*contentRulesAnswer, error) {
	own := make([]rules.Rule, 0, len(in.Body.Own))
	for _, r := range in.Body.Own {
		own = append(own, rules.Rule{Kind: rules.Kind(r.Kind), Name: r.Name, Values: r.Values})
	}
	if err := s.gateway.SetContentRules(ctx, c.actor, in.Body.Known, own); err != nil {
		return nil, err
	}
	return s.getRules(ctx, c, nil)
}

package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"letterlock/bridge/filetype"
	"letterlock/bridge/rules"
)

// ContentRules returns what keeps messages in, to admins: the known rules first, then the organization's own, in the order in which they came.
func (g *Gateway) ContentRules(ctx context.Context, a Actor) ([]rules.Rule, error) {
	var list []rules.Rule
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		var err error
		list, _, err = g.contentRules(ctx, tx)
		return err
	})
	return list, wrap("content rules", err)
}

// KnownRule returns the rule that is known here by a key: "card", "iban", or that of a national id.
func KnownRule(key string) (rules.Rule, bool) {
	switch k := rules.Kind(key); k {
	case rules.Card, rules.IBAN:
		return rules.Rule{ID: key, Kind: k}, true
	}
	r := rules.Rule{ID: key, Kind: rules.ID, Values: []string{key}}
	return r, r.Valid() == nil
}

// isKnown reports whether a rule is one of those that KnownRule returns.
func isKnown(r rules.Rule) bool {
	return r.Kind == rules.Card || r.Kind == rules.IBAN || r.Kind == rules.ID
}

// SetKnownRules says which of the known rules hold: admins only. A key that is not known is ErrInvalid.
func (g *Gateway) SetKnownRules(ctx context.Context, a Actor, keys []string) error {
	known, err := knownRules(keys)
	if err != nil {
		return wrap("set known rules", err)
	}
	return wrap("set known rules", g.changeRules(ctx, a, "rules.known", func(list []rules.Rule) ([]rules.Rule, string, error) {
		was := knownKeys(list)
		list = append(slices.Clone(known), slices.DeleteFunc(list, isKnown)...)
		return list, was + " → " + knownKeys(list), nil
	}))
}

// knownRules returns the rules that keys name, each once.
func knownRules(keys []string) ([]rules.Rule, error) {
	var known []rules.Rule
	for _, key := range keys {
		r, ok := KnownRule(key)
		if !ok {
			return nil, fmt.Errorf("there is no rule %q: %w", clip(cleanLine(key, 40), 40), ErrInvalid)
		}
		if !slices.ContainsFunc(known, func(k rules.Rule) bool { return k.ID == r.ID }) {
			known = append(known, r)
		}
	}
	return known, nil
}

// knownKeys lists the known rules among others, in words.
func knownKeys(list []rules.Rule) string {
	var all []string
	for _, r := range list {
		if isKnown(r) {
			all = append(all, r.ID)
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// SetContentRules sets all rules at once: the keys of the known ones, and the organization's own: admins only. A rule that is there already, with the same
// name and lines, keeps its ID.
func (g *Gateway) SetContentRules(ctx context.Context, a Actor, keys []string, own []rules.Rule) error {
	known, err := knownRules(keys)
	if err != nil {
		return wrap("set content rules", err)
	}
	fresh := make([]rules.Rule, 0, len(own))
	for _, r := range own {
		if r, err = ownRule(r); err != nil {
			return wrap("set content rules", err)
		}
		fresh = append(fresh, r)
	}
	return wrap("set content rules", g.changeRules(ctx, a, "rules.set", func(list []rules.Rule) ([]rules.Rule, string, error) {
		all := slices.Clone(known)
		for _, r := range fresh {
			r.ID = NewID().String()
			for _, was := range list {
				if was.Kind == r.Kind && was.Name == r.Name && slices.Equal(was.Values, r.Values) && !slices.ContainsFunc(all, func(o rules.Rule) bool { return o.ID == was.ID }) {
					r.ID = was.ID
				}
			}
			all = append(all, r)
		}
		return all, fmt.Sprintf("known: %s; own: %d", knownKeys(all), len(fresh)), nil
	}))
}

// AddContentRule adds a rule of the organization's own: admins only. It holds for every mail that leaves from then on, and gets an ID. What is wrong
// with it is ErrInvalid, with a sentence.
func (g *Gateway) AddContentRule(ctx context.Context, a Actor, r rules.Rule) (rules.Rule, error) {
	r, err := ownRule(r)
	if err != nil {
		return rules.Rule{}, wrap("add content rule", err)
	}
	err = g.changeRules(ctx, a, "rules.add", func(list []rules.Rule) ([]rules.Rule, string, error) {
		r.ID = NewID().String()
		return append(list, r), fmt.Sprintf("%s, lines: %d", r.Kind, len(r.Values)), nil
	})
	if err != nil {
		return rules.Rule{}, wrap("add content rule", err)
	}
	return r, nil
}

// ownRule tidies a rule of the organization's own, without an ID, or says what is wrong with it.
func ownRule(r rules.Rule) (rules.Rule, error) {
	r = rules.Rule{Kind: r.Kind, Name: cleanLine(r.Name, rules.MaxName+1), Values: cleanValues(r)}
	if isKnown(r) {
		return r, fmt.Errorf("%q is a known rule, which is on or off: %w", r.Kind, ErrInvalid)
	}
	if r.Kind == rules.Files {
		for i, v := range r.Values {
			kind, err := filetype.Parse(clip(v, 40))
			if err != nil {
				return r, fmt.Errorf("%w: %w", err, ErrInvalid)
			}
			r.Values[i] = string(kind)
		}
	}
	if err := r.Valid(); err != nil {
		return r, ruleFlaw(err)
	}
	return r, nil
}

// RemoveContentRule removes a rule of the organization's own: admins only. What had to stay in because of it when it was written still does.
func (g *Gateway) RemoveContentRule(ctx context.Context, a Actor, id string) error {
	return wrap("remove content rule", g.changeRules(ctx, a, "rules.remove", func(list []rules.Rule) ([]rules.Rule, string, error) {
		for i, r := range list {
			if r.ID == id && !isKnown(r) {
				return slices.Delete(slices.Clone(list), i, i+1), fmt.Sprintf("%s, lines: %d", r.Kind, len(r.Values)), nil
			}
		}
		return nil, "", ErrNotFound
	}))
}

// TryContentRules says why a text would stay in by the rules as they are, to admins. Nothing is kept of it.
func (g *Gateway) TryContentRules(ctx context.Context, a Actor, subject, text string) ([]string, error) {
	if len(text) > g.maxText || len(subject) > g.maxText {
		return nil, fmt.Errorf("try content rules: a text has at most %d characters: %w", g.maxText, ErrTooLarge)
	}
	var by gauge
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveAdmin(ctx, tx, a)
		if err == nil {
			by, err = g.gauge(ctx, tx)
		}
		return err
	})
	if err != nil {
		return nil, wrap("try content rules", err)
	}
	why, err := g.whyStays(ctx, by, judged{subject: subject, texts: []string{cleanText(text)}})
	return why, wrap("try content rules", err)
}

// changeRules changes the rules, and records that, in one transaction. The detail of the record says nothing of a rule's words.
func (g *Gateway) changeRules(ctx context.Context, a Actor, action string, change func([]rules.Rule) ([]rules.Rule, string, error)) error {
	defer g.rulebook.forget()
	return g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		list, _, err := g.contentRules(ctx, tx)
		if err != nil {
			return err
		}
		list, detail, err := change(list)
		if err != nil {
			return err
		}
		if _, err := rules.Compile(list); err != nil {
			return ruleFlaw(err)
		}
		if list == nil {
			list = []rules.Rule{}
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingRules, string(text)); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: action, Detail: detail})
	})
}

// ruleFlaw makes what is wrong with a rule an ErrInvalid with a sentence.
func ruleFlaw(err error) error {
	if !errors.Is(err, rules.ErrRule) {
		return err
	}
	return fmt.Errorf("%s: %w", strings.TrimSuffix(err.Error(), ": "+rules.ErrRule.Error()), ErrInvalid)
}

// cleanValues are a rule's values, one from each line, without empty lines and repetitions.
func cleanValues(r rules.Rule) []string {
	var all []string
	seen := make(map[string]bool)
	for _, v := range r.Values {
		for line := range strings.SplitSeq(cleanText(v), "\n") {
			line = strings.TrimSpace(line)
			if line == "" || seen[line] {
				continue
			}
			seen[line] = true
			if all = append(all, line); len(all) > rules.MaxValues {
				return all // too many, which is told
			}
		}
	}
	return all
}

package store

import (
	"context"
	"errors"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

// templateWords are what is sealed of a version of a template.
type templateWords struct {
	Subject string `json:"subject"`
	Source  string `json:"source"`
}

const selectTemplate = `select t.id, t.kind, t.language, t.version, t.at, t.by_id, t.reset, t.sealed_words from template t `

func (t *tx) templates(ctx context.Context, query string, args ...any) ([]bridge.TemplateVersion, error) {
	var list []bridge.TemplateVersion
	err := t.each(ctx, query, args, func(r row) error {
		var v bridge.TemplateVersion
		var sealed []byte
		err := r.Scan(&v.ID, &v.Kind, &v.Language, &v.Version, moment(&v.At), &v.By, &v.Reset, t.octets(&sealed, "template", "words", v.ID[:]))
		if err != nil {
			return err
		}
		if len(sealed) > 0 {
			var w templateWords
			if err := openJSON(sealed, &w, "template", "words"); err != nil {
				return err
			}
			v.Subject, v.Source = w.Subject, w.Source
		}
		list = append(list, v)
		return nil
	})
	return list, err
}

// Templates implements bridge.Templates.
func (t *tx) Templates(ctx context.Context) ([]bridge.TemplateVersion, error) {
	return t.templates(ctx, selectTemplate+`where t.version = (select max(n.version) from template n where n.kind = t.kind and n.language = t.language)
		order by t.kind, t.language`)
}

// TemplateVersions implements bridge.Templates.
func (t *tx) TemplateVersions(ctx context.Context, kind wording.Kind, language string, limit int) ([]bridge.TemplateVersion, error) {
	return t.templates(ctx, selectTemplate+"where t.kind = ? and t.language = ? order by t.version desc limit ?", string(kind), language, limit)
}

// AddTemplate implements bridge.Templates.
func (t *tx) AddTemplate(ctx context.Context, v bridge.TemplateVersion) error {
	var sealed []byte
	if !v.Reset {
		var err error
		if sealed, err = t.sealJSON(templateWords{v.Subject, v.Source}, "template", "words", v.ID[:]); err != nil {
			return err
		}
	}
	return t.add(ctx, `insert into template (id, kind, language, version, at, by_id, reset, sealed_words) values (?, ?, ?, ?, ?, ?, ?, ?)
		on conflict do nothing`,
		v.ID, string(v.Kind), v.Language, v.Version, micros(v.At), v.By, v.Reset, sealed)
}

// Phrase implements bridge.Templates.
func (t *tx) Phrase(ctx context.Context, person bridge.ID) (string, error) {
	var phrase string
	err := t.one(ctx, "select sealed_phrase from person where id = ? and sealed_phrase is not null", []any{person},
		t.text(&phrase, "person", "phrase", person[:]))
	if errors.Is(err, bridge.ErrNotFound) {
		return "", nil
	}
	return phrase, err
}

// SetPhrase implements bridge.Templates.
func (t *tx) SetPhrase(ctx context.Context, person bridge.ID, phrase string) error {
	return t.change(ctx, "update person set sealed_phrase = ? where id = ?", t.seal(phrase, "person", "phrase", person[:]), person)
}

package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var styles []byte

// docsView is all that the page shows.
type docsView struct {
	Title, Version, Server string
	Intro                  []string
	Groups                 []docsGroup
	Schemas                []docsSchema
	Problems               []docsProblem
}

type docsGroup struct {
	Name, About string
	Operations  []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary string
	About                     []string
	Parameters                []docsField
	Body                      string // the schema's name
	Request                   string // an example as curl
	Status, Answer            string // of success; Answer is the schema's name
	Response                  string // an example as JSON
	Errors                    []docsField
}

type docsField struct {
	Name, Where, Type, About string
	Schema                   string // the name of the schema that Type mentions
	Required                 bool
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsProblem struct {
	Code, Anchor, Title, About string
	Status                     int
}

// document renders the page for people out of the description.
func (s *server) document(api *huma.OpenAPI) ([]byte, error) {
	v := docsView{
		Title: api.Info.Title, Version: api.Info.Version, Server: api.Servers[0].URL, Intro: strings.Split(api.Info.Description, "\n\n"),
	}
	schemas := api.Components.Schemas
	for _, t := range api.Tags {
		g := docsGroup{Name: t.Name, About: t.Description}
		for _, at := range s.order {
			if op := operationAt(api, at); slices.Contains(op.Tags, t.Name) {
				g.Operations = append(g.Operations, documentOperation(schemas, v.Server, op))
			}
		}
		v.Groups = append(v.Groups, g)
	}
	for _, name := range slices.Sorted(maps.Keys(schemas.Map())) {
		v.Schemas = append(v.Schemas, docsSchema{Name: name, Fields: documentFields(schemas.Map()[name])})
	}
	for _, k := range kinds {
		v.Problems = append(v.Problems, docsProblem{k.code, strings.ReplaceAll(k.code, "_", "-"), k.title, k.detail, k.status})
	}
	page, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := page.Execute(&out, v); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func operationAt(api *huma.OpenAPI, at place) *huma.Operation {
	item := api.Paths[at.path]
	switch at.method {
	case http.MethodGet:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	default:
		return item.Delete
	}
}

func documentOperation(schemas huma.Registry, server string, op *huma.Operation) docsOperation {
	d := docsOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, About: strings.Split(op.Description, "\n\n")}
	url := server + op.Path
	for _, p := range op.Parameters {
		f := documentField(p.Name, p.Schema)
		f.Where, f.Required = p.In, p.Required
		if p.Description != "" {
			f.About = p.Description
		}
		d.Parameters = append(d.Parameters, f)
		if p.In == "path" {
			url = strings.Replace(url, "{"+p.Name+"}", fmt.Sprint(exampleOf(schemas, p.Schema)), 1)
		}
	}
	curl := "curl -H \"Authorization: Bearer $KEY\" "
	switch {
	case op.RequestBody != nil:
		body := op.RequestBody.Content["application/json"].Schema
		d.Body = refName(body)
		curl += "-X " + op.Method + " -H 'Content-Type: application/json' "
		if op.Method == http.MethodPost {
			curl += "\\\n  -H \"Idempotency-Key: $(uuidgen)\" "
		}
		curl += "\\\n  -d '" + strings.ReplaceAll(exampleJSON(schemas, body), "'", `'\''`) + "' \\\n  "
	case op.Method != http.MethodGet:
		curl += "-X " + op.Method + " "
	}
	d.Request = curl + url
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		n, _ := strconv.Atoi(status)
		if n >= 400 {
			d.Errors = append(d.Errors, docsField{Name: status, About: r.Description})
			continue
		}
		d.Status = status + " " + http.StatusText(n)
		if c := r.Content["application/json"]; c != nil {
			d.Answer, d.Response = refName(c.Schema), exampleJSON(schemas, c.Schema)
		}
	}
	return d
}

func documentFields(s *huma.Schema) []docsField {
	var out []docsField
	for name, p := range s.Properties {
		f := documentField(name, p)
		f.Required = slices.Contains(s.Required, name)
		out = append(out, f)
	}
	// Required first, ids before the rest, then by name: near the order in which one needs them.
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Required != b.Required {
			return a.Required
		}
		if (a.Name == "id") != (b.Name == "id") {
			return a.Name == "id"
		}
		return a.Name < b.Name
	})
	return out
}

func documentField(name string, s *huma.Schema) docsField {
	f := docsField{Name: name, About: s.Description, Type: s.Type}
	target := s
	if s.Type == huma.TypeArray && s.Items != nil {
		target = s.Items
		f.Type = "list of "
		if target.Type != "" {
			f.Type += target.Type + "s"
		}
	}
	if f.Schema = refName(target); f.Schema == "" && target.Format != "" && target.Type == huma.TypeString {
		f.Type += " (" + target.Format + ")"
	}
	var more []string
	if len(target.Enum) > 0 {
		var words []string
		for _, e := range target.Enum {
			if e == "" {
				e = "(empty)"
			}
			words = append(words, fmt.Sprint(e))
		}
		more = append(more, "one of "+strings.Join(words, ", "))
	}
	if s.Default != nil {
		more = append(more, fmt.Sprintf("default %v", s.Default))
	}
	if s.Minimum != nil && s.Maximum != nil {
		more = append(more, fmt.Sprintf("%.0f to %.0f", *s.Minimum, *s.Maximum))
	}
	if s.MaxLength != nil {
		more = append(more, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	if s.MaxItems != nil {
		more = append(more, fmt.Sprintf("at most %d", *s.MaxItems))
	}
	if len(more) > 0 {
		f.Type += "; " + strings.Join(more, "; ")
	}
	return f
}

// refName is the name of the schema that s refers to, or nothing.
func refName(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	return strings.TrimPrefix(s.Ref, "#/components/schemas/")
}

// exampleJSON is the example of a schema, indented.
func exampleJSON(schemas huma.Registry, s *huma.Schema) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(exampleOf(schemas, s)); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// exampleOf puts an example together from those of the fields. Our schemas are no deeper than a list of messages with their files.
func exampleOf(schemas huma.Registry, s *huma.Schema) any {
	if s.Ref != "" {
		s = schemas.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeObject:
		out := make(map[string]any)
		for name, p := range s.Properties {
			out[name] = exampleOf(schemas, p)
		}
		if out["address"] != nil && out["id"] != nil && len(out) == 3 { // a RecipientRef takes only one of the two
			delete(out, "id")
		}
		return out
	case s.Type == huma.TypeArray:
		return []any{exampleOf(schemas, s.Items)}
	case s.Type == huma.TypeString:
		return ""
	case s.Type == huma.TypeBoolean:
		return false
	}
	return 0
}

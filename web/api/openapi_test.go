package api

import (
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// description is the part of an OpenAPI document that the tests look at.
type description struct {
	OpenAPI string `json:"openapi"`
	Info    struct{ Title, Version, Description string }
	Servers []struct{ URL string }
	Tags    []struct{ Name, Description string }
	Paths   map[string]map[string]struct {
		OperationID, Summary, Description string
		Tags                              []string
		Security                          []map[string][]string
		Parameters                        []struct {
			Name, In, Description string
			Schema                map[string]any
			Required              bool
		}
		RequestBody struct {
			Required bool
			Content  map[string]struct{ Schema map[string]any }
		}
		Responses map[string]struct {
			Description string
			Headers     map[string]any
			Content     map[string]struct {
				Schema  map[string]any
				Example map[string]any
			}
		}
	}
	Components struct {
		Schemas map[string]struct {
			Type                 string
			AdditionalProperties any
			Required             []string
			Properties           map[string]map[string]any
		}
		SecuritySchemes map[string]map[string]any
	}
}

func describe(t *testing.T, w *world) (description, reply) {
	t.Helper()
	a := w.call("", "GET", "/openapi.json", "")
	var d description
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || a.status != 200 || a.header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %v %v", a.status, a.header, err)
	}
	return d, a
}

func TestTheDescriptionIsComplete(t *testing.T) {
	w := newWorld(t)
	d, raw := describe(t, w)
	if d.OpenAPI != "3.1.0" || d.Info.Title == "" || d.Info.Version != Version || d.Servers[0].URL != "https://portal.example.com/api/v1" {
		t.Errorf("%+v %+v", d.Info, d.Servers)
	}
	if s := d.Components.SecuritySchemes["key"]; s["type"] != "http" || s["scheme"] != "bearer" {
		t.Errorf("security %+v", s)
	}
	var tagNames []string
	for _, tag := range d.Tags {
		tagNames = append(tagNames, tag.Name)
	}
	seen := 0
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			seen++
			where := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || !slices.Contains(tagNames, op.Tags[0]) {
				t.Errorf("%s: %+v", where, op)
			}
			ids[op.OperationID] = true
			if len(op.Security) != 1 || op.Security[0]["key"] == nil {
				t.Errorf("%s: no security", where)
			}
			if _, ok := w.api.(*server).routes[strings.ToUpper(method)+" "+Prefix+path]; !ok {
				t.Errorf("%s is described and not there", where)
			}
			var params []string
			for _, p := range op.Parameters {
				params = append(params, p.Name)
				if p.Description == "" || len(p.Schema) == 0 || (p.In == "path") != p.Required {
					t.Errorf("%s: parameter %+v", where, p)
				}
			}
			need := []string{"401", "403", "422", "429", "500", "503"}
			if strings.Contains(path, "{") {
				need = append(need, "404")
			}
			if method == "post" || method == "put" {
				need = append(need, "400", "408", "413", "415")
				if b := op.RequestBody; !b.Required || len(b.Content) != 1 || b.Content["application/json"].Schema["$ref"] == nil {
					t.Errorf("%s: body %+v", where, b)
				}
			}
			if (method == "post") != slices.Contains(params, onceField) {
				t.Errorf("%s: parameters %v", where, params)
			}
			success := 0
			for status, r := range op.Responses {
				n, err := strconv.Atoi(status)
				if err != nil || r.Description == "" {
					t.Errorf("%s: response %s %+v", where, status, r)
				}
				if n < 400 {
					if n != 206 { // a part of what 200 answers with
						success++
					}
					if n == 201 && (r.Headers["Location"] == nil || r.Headers[replayedField] == nil) {
						t.Errorf("%s: header fields %v", where, r.Headers)
					}
					if n != 204 && len(r.Content) != 1 {
						t.Errorf("%s: %s has no content", where, status)
					}
					continue
				}
				c := r.Content[problemType]
				if c.Schema["$ref"] != "#/components/schemas/Problem" || c.Example["code"] == nil {
					t.Errorf("%s: problem %s is %+v", where, status, c)
				}
			}
			if success != 1 {
				t.Errorf("%s: %d ways to succeed", where, success)
			}
			for _, status := range need {
				if _, ok := op.Responses[status]; !ok {
					t.Errorf("%s: %s is not described", where, status)
				}
			}
		}
	}
	if seen != len(w.api.(*server).routes) {
		t.Errorf("%d operations are described, there are %d", seen, len(w.api.(*server).routes))
	}
	for _, m := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(raw.body, -1) {
		if _, ok := d.Components.Schemas[m[1]]; !ok {
			t.Errorf("schema %s is missing", m[1])
		}
	}
}

func TestEverySchemaIsExplained(t *testing.T) {
	d, raw := describe(t, newWorld(t))
	requests := []string{
		"ThreadDraft", "RecipientRef", "File", "MessageDraft", "ThreadStatus", "OrganizationModeSet", "OwnModeSet", "ContactDraft", "KeepingSet", "ThreadKeepingSet",
		"ContentRulesSet", "ContentRuleDraft", "PreviewDraft", "TimingSet", "PendingState",
	}
	for name, s := range d.Components.Schemas {
		if s.Type != "object" {
			t.Errorf("%s: %v", name, s.Type)
		}
		// What is sent has no unknown fields; what is answered may get more.
		if asked := slices.Contains(requests, name); asked != (s.AdditionalProperties == false) {
			t.Errorf("%s: additionalProperties %v", name, s.AdditionalProperties)
		}
		for field, p := range s.Properties {
			where := name + "." + field
			if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(field) {
				t.Errorf("%s is not spelled like the others", where)
			}
			if p["$ref"] == nil && p["description"] == nil {
				t.Errorf("%s has no description", where)
			}
			if kind, ok := p["type"].(string); !ok && p["$ref"] == nil {
				t.Errorf("%s has type %v", where, p["type"])
			} else if kind != "" && kind != "array" && p["examples"] == nil {
				t.Errorf("%s has no example", where)
			}
		}
		if !strings.Contains(raw.body, `"#/components/schemas/`+name+`"`) {
			t.Errorf("schema %s is used nowhere", name)
		}
	}
	if d.Components.Schemas["File"].Properties["content"]["contentEncoding"] != "base64" {
		t.Error("the content of a file is not said to be base64")
	}
}

func TestTheDescriptionAsYAML(t *testing.T) {
	a := newWorld(t).call("", "GET", "/openapi.yaml", "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/openapi+yaml" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	for _, line := range []string{"\nopenapi: 3.1.0\n", "\npaths:\n", "\n  /threads/{thread}/messages:\n"} {
		if !strings.Contains("\n"+a.body, line) {
			t.Errorf("no line %q", line)
		}
	}
}

func TestThePageLoadsNothingFromElsewhere(t *testing.T) {
	w := newWorld(t)
	a := w.call("", "GET", "/docs", "")
	if a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	anchors, links := map[string]bool{}, []string{}
	for z := html.NewTokenizer(strings.NewReader(a.body)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			break
		}
		tok := z.Token()
		if kind == html.StartTagToken && (tok.Data == "script" || tok.Data == "style" || tok.Data == "img" || tok.Data == "iframe") {
			t.Errorf("a <%s>", tok.Data)
		}
		for _, attr := range tok.Attr {
			switch {
			case attr.Key == "id":
				if anchors[attr.Val] {
					t.Errorf("id %s twice", attr.Val)
				}
				anchors[attr.Val] = true
			case attr.Key == "href", attr.Key == "src":
				links = append(links, attr.Val)
			case attr.Key == "style", strings.HasPrefix(attr.Key, "on"):
				t.Errorf("an inline %s", attr.Key)
			}
		}
	}
	for _, l := range links {
		anchor, inside := strings.CutPrefix(l, "#")
		if inside && !anchors[anchor] {
			t.Errorf("a link to %s, which is not there", l)
		}
		if inside {
			continue
		}
		if got := w.call("", "GET", strings.TrimPrefix(l, Prefix), ""); !strings.HasPrefix(l, Prefix) || got.status != 200 {
			t.Errorf("a link to %s: %d", l, got.status)
		}
	}
	for _, k := range kinds {
		if !anchors["problem-"+strings.ReplaceAll(k.code, "_", "-")] {
			t.Errorf("problem %s is not explained", k.code)
		}
	}
	d, _ := describe(t, w)
	for path, methods := range d.Paths {
		for _, op := range methods {
			if !anchors[op.OperationID] {
				t.Errorf("%s %s is not documented", op.OperationID, path)
			}
		}
	}
	if css := w.call("", "GET", "/docs.css", ""); css.header.Get("Content-Type") != "text/css; charset=utf-8" || strings.Contains(css.body, "url(") || strings.Contains(css.body, "@import") {
		t.Error("the style sheet loads something")
	}
}

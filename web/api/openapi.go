package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// Version is the version of the API's description. Its first number is the one in Prefix.
const Version = "1.0.0"

const intro = `Letterlock's API lets a program start threads with contacts, post in them, and see what became of each mail.

A key is sent as "Authorization: Bearer KEY". An admin makes keys; a key with the role of staff may do what staff may, and one with the role of admin may also set the organization's mode and loosen other modes.

Every POST takes an Idempotency-Key: repeating the request with the same key and body gives the first answer again, so that a program may try again after any fault. Lists are read page by page: send next as cursor. Times are RFC 3339 in UTC. Fields may be added to answers at any time; fields that are not known in requests are refused.`

// The tags, in the order of the documentation.
var tags = [...]huma.Tag{
	{Name: "Threads", Description: "Conversations with contacts."},
	{Name: "Messages", Description: "What is said in them."},
	{Name: "Contacts", Description: "The people on the customers' side."},
	{Name: "Keeping", Description: "For how long threads are kept, and their end."},
	{Name: "Modes", Description: "How much mail that leaves may carry."},
	{Name: "Mail", Description: "What left and what came in."},
}

// description is what huma begins with. Its own documents and pages are off: they load scripts from other hosts, and are made while
// requests run.
func (s *server) description() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.Schema(reflect.TypeFor[Problem](), true, "Problem")
	format := huma.Format{Marshal: marshal, Unmarshal: unmarshal}
	api := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Letterlock API", Version: Version, Description: intro},
		Servers: []*huma.Server{{URL: s.gateway.BaseURL() + Prefix}},
		Components: &huma.Components{
			Schemas:         registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "A key that an admin made."}},
		},
	}
	for _, t := range tags {
		api.Tags = append(api.Tags, &t)
	}
	return huma.Config{
		OpenAPI:       api,
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.transform},
	}
}

func marshal(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// unmarshal reads JSON, saying in words for people where it is none. Without the check encoding/json would replace octets that are
// not UTF-8, and the program would never know.
func unmarshal(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("the body is not UTF-8")
	}
	err := json.Unmarshal(data, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at octet %d: %s", syntax.Offset, syntax.Error())
	case errors.As(err, &kind):
		return fmt.Errorf("%s: a %s does not fit", kind.Field, kind.Value)
	}
	return err
}

// publish completes the description and makes the documents that need no key.
func (s *server) publish() error {
	api := s.huma.OpenAPI()
	schemas := api.Components.Schemas.Map()
	// huma's own error is described by Problem.
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")

	// Said in the description only: huma would check it with a slow pattern that refuses an empty file, where decoding checks it anyway.
	content := schemas["File"].Properties["content"]
	content.ContentEncoding = "base64"
	// Answers may get more fields, so that no reader may refuse those it does not know.
	asked := make(map[string]bool)
	for _, at := range s.order {
		if b := operationAt(api, at).RequestBody; b != nil {
			mention(schemas, b.Content["application/json"].Schema, asked)
		}
	}
	for name, schema := range schemas {
		if !asked[name] {
			schema.AdditionalProperties = nil
		}
	}
	asJSON, err := json.MarshalIndent(api, "", "  ")
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	asYAML, err := api.YAML()
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	page, err := s.document(api)
	content.ContentEncoding = ""
	if err != nil {
		return fmt.Errorf("document the API: %w", err)
	}
	s.assets[Prefix+"/openapi.json"] = asset{"application/openapi+json", asJSON}
	s.assets[Prefix+"/openapi.yaml"] = asset{"application/openapi+yaml", asYAML}
	s.assets[Prefix+"/docs"] = asset{"text/html; charset=utf-8", page}
	s.assets[Prefix+"/docs.css"] = asset{"text/css; charset=utf-8", styles}
	return nil
}

// mention adds the names of all schemas that s is made of.
func mention(schemas map[string]*huma.Schema, s *huma.Schema, names map[string]bool) {
	if name := refName(s); name != "" && !names[name] {
		names[name] = true
		mention(schemas, schemas[name], names)
	}
	if s.Items != nil {
		mention(schemas, s.Items, names)
	}
	for _, p := range s.Properties {
		mention(schemas, p, names)
	}
}

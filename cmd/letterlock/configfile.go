package main

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// configPlaces are looked at in this order where no file is named. The first that is there is read.
var configPlaces = []string{"letterlock.toml", "/etc/letterlock/letterlock.toml"}

const maxConfigFile = 1 << 20

// configFile is one TOML file that was read and checked. It is a kong resolver: what neither a flag nor a variable sets comes from it.
type configFile struct {
	path   string // empty if there was none
	config Config
	meta   toml.MetaData
	env    func(string) (string, bool)
}

// readConfigFile reads the named file, or the first of configPlaces that is there. A file that is named must be there.
func readConfigFile(path string, env func(string) (string, bool)) (*configFile, error) {
	f := &configFile{path: path, env: env}
	if path == "" {
		for _, p := range configPlaces {
			if _, err := os.Stat(p); err == nil {
				f.path = p
				break
			}
		}
		if f.path == "" {
			return f, nil
		}
	}
	text, err := readBounded(f.path, maxConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("there is no configuration file %s: make one with \"letterlock init\"", f.path)
	}
	if err != nil {
		return nil, usagef("read the configuration: %v", err)
	}
	return f, f.parse(text)
}

// parse decodes the file's text. Its errors name the line.
func (f *configFile) parse(text string) error {
	meta, err := toml.Decode(text, &f.config)
	f.meta = meta
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		if parse.LastKey != "" {
			return usagef("%s, line %d: %s: %s", f.path, parse.Position.Line, parse.LastKey, parse.Message)
		}
		return usagef("%s, line %d: %s", f.path, parse.Position.Line, parse.Message)
	}
	if err != nil {
		return usagef("%s: %s", f.path, strings.TrimPrefix(err.Error(), "toml: "))
	}
	keys := configKeys()
	for _, k := range meta.Undecoded() {
		name := k.String()
		return usagef("%s, line %d: unknown key %q%s", f.path, keyLine(text, k), name, didYouMean(name, words(keys)))
	}
	// Decoding takes a key in any case; the documentation has one spelling.
	for _, k := range meta.Keys() {
		if _, known := keys[k.String()]; !known && !isTable(k.String(), keys) {
			return usagef("%s, line %d: unknown key %q%s", f.path, keyLine(text, k), k.String(), didYouMean(k.String(), words(keys)))
		}
	}
	return nil
}

// Validate implements kong.Resolver. The file was checked when it was read.
func (f *configFile) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	key, known := flagKeys()[flag.Name]
	if !known || key.path == "imap" || !f.meta.IsDefined(strings.Split(key.path, ".")...) {
		return nil, nil
	}
	if _, set := f.env(envName(key.path)); set {
		return nil, nil // kong has taken it already, and lets a resolver win over it
	}
	v := reflect.ValueOf(&f.config).Elem().FieldByIndex(key.index)
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		return string(b), err
	}
	if list, ok := v.Interface().([]string); ok {
		values := make([]any, len(list))
		for i, s := range list {
			values[i] = s
		}
		return values, nil
	}
	return fmt.Sprint(v.Interface()), nil
}

// configKey is one key of the file.
type configKey struct {
	path  string // such as smtp.max_size
	index []int  // of the field in Config, for reflect
	tag   reflect.StructTag
	kind  reflect.Type
	group string
}

// configKeys returns all keys by path, those of an [[imap]] table included.
func configKeys() map[string]configKey {
	keys := map[string]configKey{}
	var walk func(t reflect.Type, prefix string, index []int, group string)
	walk = func(t reflect.Type, prefix string, index []int, group string) {
		for i := range t.NumField() {
			f := t.Field(i)
			at := append(slices.Clone(index), i)
			name := f.Tag.Get("toml")
			if g := f.Tag.Get("group"); g != "" {
				group = g
			}
			switch {
			case f.Anonymous:
				walk(f.Type, prefix, at, group)
			case name == "":
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, prefix+name+".", at, group)
			default:
				keys[prefix+name] = configKey{path: prefix + name, index: at, tag: f.Tag, kind: f.Type, group: group}
				if f.Type == reflect.TypeFor[[]IMAPConfig]() {
					walk(f.Type.Elem(), prefix+name+".", nil, group)
				}
			}
		}
	}
	walk(reflect.TypeFor[Config](), "", nil, "General")
	return keys
}

// flagKeys returns the keys that are flags, by the flag's name.
func flagKeys() map[string]configKey {
	flags := map[string]configKey{}
	for path, k := range configKeys() {
		if !strings.HasPrefix(path, "imap.") {
			flags[flagName(path)] = k
		}
	}
	return flags
}

// words returns the names of all keys and tables.
func words(keys map[string]configKey) []string {
	names := mapKeys(keys)
	for k := range keys {
		if table, _, found := strings.Cut(k, "."); found {
			names = append(names, table)
		}
	}
	return names
}

func isTable(path string, keys map[string]configKey) bool {
	for k := range keys {
		if strings.HasPrefix(k, path+".") {
			return true
		}
	}
	return false
}

// keyLine finds the line of a key that is in the text. The decoder knows it but tells it only in errors, so one is provoked.
func keyLine(text string, key toml.Key) int {
	tables := map[string]toml.Primitive{}
	meta, err := toml.Decode(text, &tables)
	if err != nil {
		return 0
	}
	for i, part := range key {
		p, ok := tables[part]
		if !ok {
			return 0
		}
		if i == len(key)-1 {
			err := meta.PrimitiveDecode(p, &refuser{})
			parse, _ := errors.AsType[toml.ParseError](err)
			return parse.Position.Line
		}
		// A list first: decoding one into a map tells no error.
		var list []map[string]toml.Primitive
		if err := meta.PrimitiveDecode(p, &list); err != nil {
			list = []map[string]toml.Primitive{{}}
			if err := meta.PrimitiveDecode(p, &list[0]); err != nil {
				return 0
			}
		}
		for _, t := range list {
			if _, ok := t[key[i+1]]; ok {
				tables = t
			}
		}
	}
	return 0
}

// refuser refuses any value.
type refuser struct{}

// UnmarshalTOML implements toml.Unmarshaler.
func (*refuser) UnmarshalTOML(any) error { return errors.New("refused") }

// didYouMean names the nearest of the known words, or nothing if none is near.
func didYouMean(word string, known []string) string {
	best, distance := "", 1+max(2, len(word)/3)
	sort.Strings(known)
	for _, k := range known {
		d := editDistance(word, k)
		// A key that stands in the wrong table is far away by letters only.
		if lastPart(k) == lastPart(word) {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours that make b of a.
func editDistance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

func mapKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// readBounded reads a regular file of at most so many octets.
func readBounded(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", err
	}
	if int64(len(b)) > limit {
		return "", fmt.Errorf("%s is larger than %d octets", path, limit)
	}
	return string(b), nil
}

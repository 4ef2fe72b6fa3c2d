package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"skystack.dev/sandbox/emulator"
)

// maxConfig is the maximum size of a configuration file, in bytes.
const maxConfig = 1 << 20

// configFile is the content of a configuration file.
type configFile struct {
	settings map[string][]item
	keys     []fileKey
}

// fileKey is a key and its origin.
type fileKey struct {
	emulator.Key
	origin string
}

// readConfig reads the file that a flag or a variable names. It reports all
// problems of the file, each with its line and column, and returns the valid rest.
func readConfig(at item) (*configFile, error) {
	file, err := os.Open(at.text)
	if err != nil {
		return &configFile{}, fmt.Errorf("%s: %w", at.origin, err)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return &configFile{}, fmt.Errorf("%s: %w", at.origin, err)
	}
	return parseConfig(at.text, data)
}

func parseConfig(name string, data []byte) (*configFile, error) {
	r := &configReader{name: name, out: &configFile{settings: map[string][]item{}}}
	if len(data) > maxConfig {
		return r.out, fmt.Errorf("%s: the file is larger than 1 MiB", name)
	}
	if !utf8.Valid(data) {
		return r.out, fmt.Errorf("%s: not UTF-8 text", name)
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return r.out, nil
	} else if err != nil {
		return r.out, unreadable(name, err)
	}
	if err := decoder.Decode(&second); err == nil {
		r.problem(&second, "", "a second YAML document begins here; write one")
	} else if !errors.Is(err, io.EOF) {
		return r.out, unreadable(name, err)
	}
	r.root(document.Content[0])
	return r.out, errors.Join(r.problems...)
}

func unreadable(name string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		name, text = fmt.Sprintf("%s:%d:%d", name, e.Mark.Line, e.Mark.Column), e.Message
	}
	return fmt.Errorf("%s: not readable as YAML: %s", name, text)
}

type configReader struct {
	name     string
	out      *configFile
	problems []error
}

// origin returns the place of a member.
func (r *configReader) origin(n *yaml.Node, path string) string {
	place := r.name + ":" + strconv.Itoa(n.Line) + ":" + strconv.Itoa(n.Column)
	if path == "" {
		return place
	}
	return place + ": " + path
}

func (r *configReader) problem(n *yaml.Node, path, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s", r.origin(n, path), fmt.Sprintf(format, args...)))
}

// shown returns a member's name for messages, on one line.
func shown(name string) string {
	if strconv.CanBackquote(name) {
		return name
	}
	return strconv.Quote(name)
}

// each calls member for every member of an object that has one of the names.
func (r *configReader) each(n *yaml.Node, path string, names []string, member func(name, path string, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, path, "want an object, got %s", kindOf(n))
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		inner := shown(key.Value)
		if path != "" {
			inner = path + "." + inner
		}
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag != "!!str":
			r.problem(key, path, "a member's name must be text")
		case lines[key.Value] > 0:
			r.problem(key, inner, "written twice (first in line %d); keep one", lines[key.Value])
		case names != nil && !slices.Contains(names, key.Value):
			r.unknown(key, inner, names)
		case plain(v):
			member(key.Value, inner, v)
		case v.Kind == yaml.ScalarNode && v.Tag == "!!null":
			r.problem(v, inner, "must not be null or blank; leave the member out")
		default:
			r.problem(v, inner, "anchors, aliases and tags are not used here; write the plain value")
		}
		lines[key.Value] = key.Line
	}
}

// unknown reports a member that does not exist. The settings are too many to
// list.
func (r *configReader) unknown(key *yaml.Node, path string, names []string) {
	more := hint(key.Value, names...)
	if len(names) < 20 {
		more += "; allowed here: " + strings.Join(names, ", ")
	}
	r.problem(key, path, "there is no such member%s", more)
}

// plain reports whether a value has no anchor, alias or tag and is not null.
func plain(n *yaml.Node) bool {
	return n.Kind != yaml.AliasNode && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 && n.Tag != "!!null"
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "an object"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Tag == "!!bool":
		return "true or false"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!null":
		return "null"
	}
	return "a string"
}

func (r *configReader) root(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // only comments
	}
	known := map[string]setting{}
	var names []string
	for _, s := range settings() {
		if s.name != configName {
			known[s.name] = s
			names = append(names, s.name)
		}
	}
	r.each(n, "", names, func(name, path string, v *yaml.Node) {
		switch s := known[name]; s.kind {
		case fileOnly:
			r.elements(v, path, r.key)
		case list:
			if v.Kind == yaml.ScalarNode {
				r.text(s, path, v)
				return
			}
			r.elements(v, path, func(path string, v *yaml.Node) { r.text(s, path, v) })
		case pairs:
			r.each(v, path, nil, func(inner, path string, v *yaml.Node) {
				if r.is(v, path, "a string") {
					r.add(s, item{inner + "=" + v.Value, r.origin(v, path)})
				}
			})
		default:
			r.text(s, path, v)
		}
	})
}

// text reads the value of a setting that is one text, number or boolean.
func (r *configReader) text(s setting, path string, v *yaml.Node) {
	want := map[kind]string{truth: "true or false", number: "a number"}[s.kind]
	if want == "" {
		want = "a string"
	}
	// Other words for a number, as off, are strings.
	if s.kind == number && kindOf(v) == "a string" || r.is(v, path, want) {
		text := v.Value
		if s.name == "fixture" && isFile(text) || s.name == "tls-cert" || s.name == "tls-key" || s.name == "tls-dir" && text != inMemory {
			text = beside(r.name, text)
		}
		r.add(s, item{text, r.origin(v, path)})
	}
}

func (r *configReader) add(s setting, it item) {
	r.out.settings[s.name] = append(r.out.settings[s.name], it)
}

// is reports a value of another kind.
func (r *configReader) is(v *yaml.Node, path, want string) bool {
	got := kindOf(v)
	if got != want {
		hint := ""
		if want == "a string" && (got == "a number" || got == "true or false") {
			hint = "; put it in quotes"
		}
		r.problem(v, path, "want %s, got %s%s", want, got, hint)
	}
	return got == want
}

func (r *configReader) elements(v *yaml.Node, path string, element func(path string, v *yaml.Node)) {
	if v.Kind != yaml.SequenceNode {
		r.problem(v, path, "want a list, got %s", kindOf(v))
		return
	}
	for i, e := range v.Content {
		inner := path + "[" + strconv.Itoa(i) + "]"
		if !plain(e) {
			r.problem(e, inner, "write a plain value")
			continue
		}
		element(inner, e)
	}
}

// key reads an element of keys: a key as in a fixture, and its workspace.
func (r *configReader) key(path string, n *yaml.Node) {
	k := fileKey{origin: r.origin(n, path)}
	texts := map[string]*string{
		"token": &k.Token, "workspace": &k.Workspace, "id": &k.ID, "name": &k.Name, "environment": &k.Environment, "owner": &k.Owner,
		"project_id": &k.Project, "api_version": &k.APIVersion,
	}
	times := map[string]**time.Time{"created_at": &k.CreatedAt, "expires_at": &k.ExpiresAt, "revoked_at": &k.RevokedAt}
	names := []string{"token", "workspace", "id", "name", "scopes", "environment", "owner", "project_id", "api_version", "created_at", "expires_at", "revoked_at"}
	before := len(r.problems)
	r.each(n, path, names, func(name, path string, v *yaml.Node) {
		switch {
		case name == "scopes":
			k.Scopes = []string{}
			r.elements(v, path, func(path string, v *yaml.Node) {
				if r.is(v, path, "a string") {
					k.Scopes = append(k.Scopes, v.Value)
				}
			})
		case times[name] != nil:
			if t, err := time.Parse(time.RFC3339, v.Value); v.Kind == yaml.ScalarNode && err == nil && t.Nanosecond() == 0 {
				*times[name] = ptr(t.UTC())
			} else {
				r.problem(v, path, "want a time in whole seconds, as in 2026-03-19T10:22:44Z")
			}
		case r.is(v, path, "a string"):
			*texts[name] = v.Value
		}
	})
	if n.Kind == yaml.MappingNode && k.Token == "" && len(r.problems) == before {
		r.problem(n, path, "token is missing; add token: sky_test_…, which %s key new prints", program)
	}
	if len(r.problems) == before {
		r.out.keys = append(r.out.keys, k)
	}
}

func ptr[T any](v T) *T { return &v }

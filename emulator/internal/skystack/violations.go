package skystack

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/sandbox"
)

// What a row of any origin must be like, by the rules that the contract has for
// requests and package fixtures for fixtures.

var (
	nameShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	slugShape = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)
	idTail    = regexp.MustCompile(`^[A-Za-z0-9]{1,60}$`)
)

const (
	maxLabel    = 255 // characters of a label's value
	maxFreeDeep = 63  // objects and lists in metadata, as in a body
)

// violations collects what is wrong with an object, so that one error says it all.
type violations struct {
	list  []string
	clash int // how many of them would be none in another world
}

func (f *violations) add(member, format string, args ...any) {
	f.list = append(f.list, member+": "+fmt.Sprintf(format, args...))
}

// taken is add for what is there already.
func (f *violations) taken(member, format string, args ...any) {
	f.add(member, format, args...)
	f.clash++
}

func (f *violations) err(noun string) error {
	if len(f.list) == 0 {
		return nil
	}
	text := noun + ": " + strings.Join(f.list, "; ")
	if f.clash == len(f.list) {
		return fmt.Errorf("%s: %w", text, sandbox.ErrConflict)
	}
	return errors.New(text)
}

// first is the first violation, for a row that has more than one way to be wrong.
func (f *violations) first() error {
	if len(f.list) == 0 {
		return nil
	}
	return errors.New(f.list[0])
}

// orElse is the first violation, or err when there is none.
func (f *violations) orElse(err error) error {
	if first := f.first(); first != nil {
		return first
	}
	return err
}

// inOrder walks members by name, so that the first violation is always the same.
func inOrder[V any](members map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if !yield(name, members[name]) {
				return
			}
		}
	}
}

// id checks the form of an id; none is for the caller to judge.
func (f *violations) id(member, prefix, id string) {
	if tail, ok := strings.CutPrefix(id, prefix+"_"); id != "" && (!ok || !idTail.MatchString(tail)) {
		f.add(member, "%q is not an id for this place; write %s_ and 1 to 60 letters or digits, as %s_123", clip(id), prefix, prefix)
	}
}

func (f *violations) slug(member, slug string) {
	if slug != "" && !slugShape.MatchString(slug) {
		f.add(member, "%q is not a slug; write 1 to 63 lower-case letters, digits, dots or hyphens, beginning with a letter or digit", clip(slug))
	}
}

// text checks text of least to most characters.
func (f *violations) text(member, s string, least, most int) {
	if n := utf8.RuneCountInString(s); n < least || n > most {
		f.add(member, "has %d characters; write %d to %d", n, least, most)
	}
}

// line checks that text is one line.
func (f *violations) line(member, s string) {
	if !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		f.add(member, "has a control character or is not UTF-8; write one line of text")
	}
}

// address checks that the sandbox could have given an address.
func (f *violations) address(member, address string, pools []pool) {
	if address == "" {
		return
	}
	if wrong := wrongAddress(address, pools); wrong != "" {
		f.add(member, "%s", wrong)
	}
}

// within checks a number from least to most.
func (f *violations) within(member string, n, least, most int) {
	if n < least || n > most {
		f.add(member, "is %d, not within %d to %d", n, least, most)
	}
}

// time checks a time that can be written on the wire.
func (f *violations) time(member string, at time.Time) {
	if year := at.UTC().Year(); !at.IsZero() && (year < 1970 || year > 9999) {
		f.add(member, "is in the year %d; use one from 1970 to 9999", year)
	}
}

// shapes finds what is wrong with an instance by itself, labels and metadata
// apart.
func (i *Instance) shapes(f *violations) {
	f.id("id", "ins", i.ID)
	if !nameShape.MatchString(i.Name) {
		f.add("name", "%q is not a name; write 1 to 63 letters, digits, dots, underscores or hyphens, beginning with a letter or digit", clip(i.Name))
	}
	if !slices.Contains(Statuses(), i.Status) {
		f.add("status", "%q is unknown; use one of %s", clip(string(i.Status)), strings.Join(words(Statuses()), ", "))
	}
	f.id("project_id", "prj", i.ProjectID)
	f.slug("region", i.Region)
	f.slug("size", i.Size)
	f.slug("image", i.Image)
	f.address("ip", i.PrivateIP, privatePools())
	f.address("public_ip", i.PublicIP, publicPools())
	f.time("created_at", i.CreatedAt)
	f.time("updated_at", i.UpdatedAt)
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// freeShapes finds what is wrong with labels and metadata, which must be JSON.
func (i *Instance) freeShapes(f *violations) {
	var labels map[string]string
	if i.Labels != nil {
		if err := json.Unmarshal(i.Labels, &labels); err != nil {
			f.add("labels", "must be an object of strings")
		}
	}
	for _, d := range checkLabels(anyOf(labels)) {
		f.add(d.Field, "%s", d.Message)
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		f.text("labels."+clip(key), labels[key], 0, maxLabel)
	}
	members := len(labels)
	for _, free := range []struct {
		name string
		v    jsontext.Value
	}{{"labels", i.Labels}, {"metadata", i.Metadata}} {
		if free.v == nil {
			continue
		}
		if deepest(free.v) > maxFreeDeep {
			f.add(free.name, "nests objects and lists more than %d deep", maxFreeDeep)
			continue
		}
		if free.name == "metadata" {
			if free.v.Kind() != '{' {
				f.add(free.name, "must be an object")
				continue
			}
			members = len(membersOf(free.v))
		}
		if members > maxMembers {
			f.add(free.name, "has %d members; at most %d are kept", members, maxMembers)
		}
	}
}

func anyOf(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

// deepest is how many objects and lists a JSON value nests.
func deepest(v jsontext.Value) (most int) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return most
		}
		most = max(most, dec.StackDepth())
	}
}

// shapes finds what is wrong with a project by itself.
func (p *Project) shapes(f *violations) {
	f.id("id", "prj", p.ID)
	f.text("name", p.Name, 1, 63)
	f.text("description", p.Description, 0, 255)
	f.time("created_at", p.CreatedAt)
	f.time("updated_at", p.UpdatedAt)
}

// Package resource is what every collection of every API does: lists, their pages and
// cursors, tombstones of deleted objects, checks of rows and writing of JSON.
package resource

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

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/sandbox"
)

var (
	slugShape = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)
	idTail    = regexp.MustCompile(`^[A-Za-z0-9]{1,60}$`)
)

// Violations collects everything that is wrong with an object, for one error. The zero
// Violations is empty.
type Violations struct {
	list  []string
	clash int // how many of them are conflicts with the state of the world
}

// Add adds a violation of a member.
func (f *Violations) Add(member, format string, args ...any) {
	f.list = append(f.list, member+": "+fmt.Sprintf(format, args...))
}

// Taken is Add for a conflict with an object that exists.
func (f *Violations) Taken(member, format string, args ...any) {
	f.Add(member, format, args...)
	f.clash++
}

// Err returns all violations of an object in one error; nil if there are none. The error
// is a sandbox.ErrConflict if all of them are conflicts.
func (f *Violations) Err(noun string) error {
	if len(f.list) == 0 {
		return nil
	}
	text := noun + ": " + strings.Join(f.list, "; ")
	if f.clash == len(f.list) {
		return fmt.Errorf("%s: %w", text, sandbox.ErrConflict)
	}
	return errors.New(text)
}

// First returns the first violation; nil if there is none.
func (f *Violations) First() error {
	if len(f.list) == 0 {
		return nil
	}
	return errors.New(f.list[0])
}

// OrElse returns the first violation, or err if there is none.
func (f *Violations) OrElse(err error) error {
	if first := f.First(); first != nil {
		return first
	}
	return err
}

// InOrder iterates over members sorted by name, so that violations come in a fixed order.
func InOrder[V any](members map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if !yield(name, members[name]) {
				return
			}
		}
	}
}

// ID checks the form of an id; "" passes.
func (f *Violations) ID(member, prefix, id string) {
	if tail, ok := strings.CutPrefix(id, prefix+"_"); id != "" && (!ok || !idTail.MatchString(tail)) {
		f.Add(member, "%q is not an id for this place; write %s_ and 1 to 60 letters or digits, as %s_123", fail.Clip(id), prefix, prefix)
	}
}

// IsSlug reports whether a text has the form of a slug.
func IsSlug(s string) bool { return slugShape.MatchString(s) }

// Slug checks the form of a slug; "" passes.
func (f *Violations) Slug(member, slug string) {
	if slug != "" && !IsSlug(slug) {
		f.Add(member, "%q is not a slug; write 1 to 63 lower-case letters, digits, dots or hyphens, beginning with a letter or digit", fail.Clip(slug))
	}
}

// Text checks that text has from least to most characters.
func (f *Violations) Text(member, s string, least, most int) {
	if n := utf8.RuneCountInString(s); n < least || n > most {
		f.Add(member, "has %d characters; write %d to %d", n, least, most)
	}
}

// Line checks that text is one line.
func (f *Violations) Line(member, s string) {
	if !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		f.Add(member, "has a control character or is not UTF-8; write one line of text")
	}
}

// Within checks that a number is from least to most.
func (f *Violations) Within(member string, n, least, most int) {
	if n < least || n > most {
		f.Add(member, "is %d, not within %d to %d", n, least, most)
	}
}

// Time checks that a time can be written as RFC 3339; the zero time passes.
func (f *Violations) Time(member string, at time.Time) {
	if year := at.UTC().Year(); !at.IsZero() && (year < 1970 || year > 9999) {
		f.Add(member, "is in the year %d; use one from 1970 to 9999", year)
	}
}

// Words returns the values of a list of constants as strings.
func Words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// Deepest returns how deeply a JSON value nests objects and lists.
func Deepest(v jsontext.Value) (most int) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return most
		}
		most = max(most, dec.StackDepth())
	}
}

// FreeID refuses an id that an object has, or that the world will give to a new one.
func (f *Violations) FreeID(tx *engine.Tx, member, prefix, id string, taken bool) {
	switch {
	case taken:
		f.Taken(member, "%s exists already; choose another, or leave it out", id)
	case id != "" && tx.WillIssueID(prefix, id):
		f.Taken(member, "%s is an id that the workspace itself will give out; choose another, or leave it out", id)
	}
}

// NotFuture refuses a created_at in the future, and sets a zero one to the present.
func (f *Violations) NotFuture(tx *engine.Tx, at *time.Time) {
	switch {
	case at.IsZero():
		*at = tx.Now()
	case at.After(tx.Now()):
		f.Add("created_at", "%s has not come; the workspace's time is %s", at.Format(time.RFC3339), tx.Now().Format(time.RFC3339))
	}
}

// Unsettable refuses a member that was set although only the sandbox may set it.
func (f *Violations) Unsettable(member string, set bool) {
	if set {
		f.Add(member, "cannot be chosen; leave it out")
	}
}

// Percent checks that a number is from 0 to 100; nil passes.
func (f *Violations) Percent(member string, v *float64) {
	if v != nil && !(*v >= 0 && *v <= 100) { // which NaN is not
		f.Add(member, "%v is no percentage; use 0 to 100, or leave it out for the synthetic value", *v)
	}
}

// Same refuses a row whose id differs from the key it is stored under.
func (f *Violations) Same(id, place string) {
	if id != place {
		f.Add("id", "is %q", fail.Clip(id))
	}
}

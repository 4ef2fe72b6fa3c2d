package oauth

import (
	"fmt"
	"slices"
	"strings"
)

// Scopes is a set of canonical scope names in the order of the request.
type Scopes []string

// String returns the scopes as a token response writes them.
func (s Scopes) String() string { return strings.Join(s, " ") }

// Has reports whether the set has a scope.
func (s Scopes) Has(name string) bool { return slices.Contains(s, name) }

// Within reports whether every scope of the set is one of the others.
func (s Scopes) Within(others Scopes) bool {
	return !slices.ContainsFunc(s, func(name string) bool { return !others.Has(name) })
}

// Equal reports whether both sets have the same scopes, in any order.
func (s Scopes) Equal(other Scopes) bool { return s.Within(other) && other.Within(s) }

// And returns the scopes that both sets have, in the order of s.
func (s Scopes) And(other Scopes) Scopes {
	var both Scopes
	for _, name := range s {
		if other.Has(name) {
			both = append(both, name)
		}
	}
	return both
}

// Vocabulary is the scopes of an API: its names, and other spellings of some of them.
type Vocabulary struct {
	Names   Scopes
	Aliases map[string]string // other spelling: name
}

// Canonical returns the name of a scope. It reports whether the API has that scope.
func (v Vocabulary) Canonical(spelling string) (string, bool) {
	if name, ok := v.Aliases[spelling]; ok {
		return name, true
	}
	return spelling, v.Names.Has(spelling)
}

// Parse reads a space-separated list of scopes. A list that is empty or blank is an empty
// set, duplicates count once. Control characters make the list malformed: some servers take a
// tab for a separator, so a client that sends one must hear of it.
func (v Vocabulary) Parse(list string) (Scopes, error) {
	if i := strings.IndexFunc(list, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return nil, fmt.Errorf("character %q in the list of scopes: separate scopes by spaces", list[i])
	}
	var scopes Scopes
	for spelling := range strings.SplitSeq(list, " ") {
		if spelling == "" {
			continue
		}
		name, ok := v.Canonical(spelling)
		if !ok {
			return nil, fmt.Errorf("unknown scope %q", spelling)
		}
		if !scopes.Has(name) {
			scopes = append(scopes, name)
		}
	}
	return scopes, nil
}

package credential

import (
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Grants reports whether scopes cover a needed one; "" needs none. A write scope includes
// the read scope of the same resource, "*" everything (8.3).
func Grants(scopes []string, needed string) bool {
	if needed == "" {
		return true
	}
	of, read := strings.CutSuffix(needed, ":read")
	for _, s := range scopes {
		if s == "*" || s == needed || read && s == of+":write" {
			return true
		}
	}
	return false
}

// Missing lists the needed scopes that scopes do not cover; nil if there are none. A
// client makes, runs, rotates and revokes nothing that can do more than its own key
// (S26).
func Missing(scopes, needed []string) (missing []string) {
	for _, s := range needed {
		if !Grants(scopes, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// excess says in what another key can do more than this one; "" if in nothing.
func (k Key) excess(other Key) string {
	if missing := Missing(k.Scopes, other.Scopes); missing != nil {
		return "scopes: " + missing[0] + " is none of those that the token may give, " + strings.Join(k.Scopes, ", ")
	}
	if k.ProjectID != "" && other.ProjectID != k.ProjectID {
		return "project_id: it must be " + k.ProjectID + ", to which the token is bound"
	}
	if end := k.end(); !end.IsZero() && (other.end().IsZero() || other.end().After(end)) {
		return "expires_at: it must be " + resource.Stamp(end) + " or earlier, when the token expires"
	}
	return ""
}

// ReplaceCheck returns the check of a state that a key imports or loads from a fixture. The
// keys in it that the workspace does not have already, with the same rights, count as made
// by this one: those that can do more than it can, or last longer, are refused. A key that
// lost its rights meanwhile imports nothing.
func (s *Store) ReplaceCheck(by string) engine.ReplaceCheck {
	return func(gone, come *engine.Tx) error {
		maker, ok := s.Keys.Get(gone, by)
		if !ok {
			return s.config.Refuse(Key{}, Unknown)
		}
		if err := s.usable(gone, maker); err != nil {
			return err
		}
		present := map[engine.Digest]Key{}
		for row := range s.Keys.After(gone, 0) {
			present[row.Value.Digest] = row.Value
		}
		for row := range s.Keys.After(come, 0) {
			k := row.Value
			if old, there := present[k.Digest]; there && old.excess(k) == "" {
				continue
			}
			if why := maker.excess(k); why != "" {
				return fail.Newf(fail.Forbidden, "insufficient_rights",
					"%stokens %q: %s. A token brings no others that may do more than it may itself, or longer: leave that one out, or ask with the admin token.", s.config.Prefix, fail.Clip(row.ID), why)
			}
		}
		return nil
	}
}

package skystack

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// A state that comes from outside is checked as requests are: each row by itself
// (CheckSaved), the rows against each other (checkReferences), and the keys in it
// against the key that brings it (Bringing).

// checkReferences refuses a saved state whose rows name what is not in it. What may
// be gone while the row that names it stays, as the instance of an old action, is not
// looked for.
func (a *API) checkReferences(tx *engine.Tx) error {
	at := func(table, id, format string, args ...any) error {
		return fmt.Errorf("/tables: %s %q: %s", table, fail.Clip(id), fmt.Sprintf(format, args...))
	}
	noProject := func(table, id, project string) error {
		return at(table, id, "project_id: there is no project %q in the file", fail.Clip(project))
	}
	if s := a.settingsOf(tx); !a.projects.Has(tx, s.DefaultProject) {
		return at("settings", settingsID, "default_project: there is no project %q in the file", fail.Clip(s.DefaultProject))
	}
	counted, holders := map[string]int{}, map[string]string{}
	for row := range a.instances.After(tx, 0) {
		if act := row.Value.PendingAction; act != "" && !a.actions.Has(tx, act) {
			return at("instances", row.ID, "pending_action: there is no action %q in the file", fail.Clip(act))
		}
		for _, address := range row.Value.addresses() {
			if other, held := holders[address]; held {
				return at("instances", row.ID, "the address %s is that of %q too", fail.Clip(address), fail.Clip(other))
			}
			holders[address] = row.ID
			if held, _ := a.addresses.Get(tx, address); held.InstanceID != row.ID {
				return at("instances", row.ID, "the address %s is not among the addresses of the file as that of this instance", fail.Clip(address))
			}
		}
		if !a.projects.Has(tx, row.Value.ProjectID) {
			return noProject("instances", row.ID, row.Value.ProjectID)
		}
		counted[row.Value.ProjectID]++
	}
	for row := range a.members.After(tx, 0) {
		if n := counted[row.ID]; row.Value.Instances != n {
			return at("members", row.ID, "instances: is %d, and %d instances of the file are in the project", row.Value.Instances, n)
		}
		delete(counted, row.ID)
	}
	for project := range resource.InOrder(counted) {
		return at("members", project, "is missing: %d instances of the file are in the project", counted[project])
	}
	for row := range a.jobs.After(tx, 0) {
		if !a.projects.Has(tx, row.Value.ProjectID) {
			return noProject("jobs", row.ID, row.Value.ProjectID)
		}
		for _, run := range append([]string{row.Value.Open}, row.Value.Waiting...) {
			if run != "" && !a.runs.Has(tx, run) {
				return at("jobs", row.ID, "there is no run %q in the file", fail.Clip(run))
			}
		}
	}
	for row := range a.policies.After(tx, 0) {
		if i, ok := a.instances.Get(tx, row.Value.Leader); !ok || i.Policy != row.ID {
			return at("autoscale_policies", row.ID, "leader: there is no instance %q in the file that has this policy", fail.Clip(row.Value.Leader))
		}
	}
	digests := map[engine.Digest]string{}
	for row := range a.tokens.After(tx, 0) {
		if other, held := digests[row.Value.Digest]; held {
			return at("tokens", row.ID, "digest: it is that of %q too", fail.Clip(other))
		}
		digests[row.Value.Digest] = row.ID
		// A key of the workspace itself stays there whatever takes the state's place.
		if t := row.Value; t.ProjectID != "" && t.RevokedAt.IsZero() && t.CreatedBy != configuration && !a.projects.Has(tx, t.ProjectID) {
			return noProject("tokens", row.ID, t.ProjectID)
		}
	}
	return nil
}

// addresses are those that an instance has.
func (i *Instance) addresses() (out []string) {
	for _, address := range [...]string{i.PrivateIP, i.PublicIP} {
		if address != "" {
			out = append(out, address)
		}
	}
	return out
}

// Bringing is the rule for a state that a key brings, by import or as a fixture: the
// keys in it that the workspace does not have already, with the same rights, are as if
// they were made by this one. It refuses those that may do more than it may, or last
// longer. A key that lost its rights meanwhile brings nothing.
func (a *API) Bringing(by string) engine.Replacing {
	return func(gone, come *engine.Tx) error {
		maker, ok := a.tokens.Get(gone, by)
		if !ok {
			return unauthenticated("invalid_token", "The token is unknown here.")
		}
		if err := maker.unusable(gone.Now()); err != nil {
			return err
		}
		mine := map[engine.Digest]Token{}
		for row := range a.tokens.After(gone, 0) {
			mine[row.Value.Digest] = row.Value
		}
		for row := range a.tokens.After(come, 0) {
			t := row.Value
			if old, there := mine[t.Digest]; there && old.exceeded(t) == "" {
				continue
			}
			if why := maker.exceeded(t); why != "" {
				return fail.Newf(fail.Forbidden, "insufficient_rights",
					"tokens %q: %s. A token brings no others that may do more than it may itself, or longer: leave that one out, or ask with the admin token.", fail.Clip(row.ID), why)
			}
		}
		return nil
	}
}

// end is from when on a key is good for nothing; the zero time is never.
func (t Token) end() time.Time { return sooner(t.ExpiresAt, t.RevokedAt) }

// exceeded says in what another key may do more than this one; "" if in nothing.
func (t Token) exceeded(other Token) string {
	for _, s := range other.Scopes {
		if !grants(t.Scopes, s) {
			return "scopes: " + s + " is none of those that the token may give, " + strings.Join(t.Scopes, ", ")
		}
	}
	if t.ProjectID != "" && other.ProjectID != t.ProjectID {
		return "project_id: it must be " + t.ProjectID + ", to which the token is bound"
	}
	if end := t.end(); !end.IsZero() && (other.end().IsZero() || other.end().After(end)) {
		return "expires_at: it must be " + resource.Stamp(end) + " or earlier, when the token expires"
	}
	return ""
}

// shapes finds what is wrong with what a key says of itself.
func (t *Token) shapes(f *resource.Violations) {
	t.texts(f)
	for _, s := range t.Scopes {
		if !slices.Contains(Scopes(), s) {
			f.Add("scopes", "%q is unknown; use some of %s", fail.Clip(s), strings.Join(Scopes(), ", "))
		}
	}
	if err := CheckVersion(t.APIVersion); err != nil {
		f.Add("api_version", "%q is unknown", fail.Clip(t.APIVersion))
	}
}

// texts finds what is wrong with the free texts of a key.
func (t *Token) texts(f *resource.Violations) {
	f.Text("name", t.Name, 0, 63)
	f.Text("environment", t.Environment, 0, 63)
	f.Text("owner", t.Owner, 0, 255)
	f.ID("project_id", "prj", t.ProjectID)
}

func (l ledger) checkSaved(string) error {
	var f resource.Violations
	f.Time("last_used_at", l.LastUsedAt)
	f.Time("refused_until", l.RefusedUntil)
	if l.LastUsedIP != "" && !addressed(l.LastUsedIP) {
		f.Add("last_used_ip", "%q is not an IP address", fail.Clip(l.LastUsedIP))
	}
	return f.First()
}

// addressed tells whether a text is an IP address.
func addressed(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

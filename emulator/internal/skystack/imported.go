package skystack

import (
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// A state that comes from outside is checked as requests are: each row by itself, the
// rows against each other (checkReferences), and the keys in it against the key that
// brings it (credential.Store.ReplaceCheck).

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
	for row := range a.jobs.Jobs.After(tx, 0) {
		if !a.projects.Has(tx, row.Value.ProjectID) {
			return noProject("jobs", row.ID, row.Value.ProjectID)
		}
		for _, run := range append([]string{row.Value.Open}, row.Value.Waiting...) {
			if run != "" && !a.jobs.Runs.Has(tx, run) {
				return at("jobs", row.ID, "there is no run %q in the file", fail.Clip(run))
			}
		}
	}
	for row := range a.policies.After(tx, 0) {
		if i, ok := a.instances.Get(tx, row.Value.Leader); !ok || i.Policy != row.ID {
			return at("autoscale_policies", row.ID, "leader: there is no instance %q in the file that has this policy", fail.Clip(row.Value.Leader))
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

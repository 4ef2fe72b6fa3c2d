package job

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// ActionType says what a job does.
type ActionType string

// The types of actions.
const (
	Create  ActionType = "create"
	Start   ActionType = "start"
	Stop    ActionType = "stop"
	Reboot  ActionType = "reboot"
	Resize  ActionType = "resize"
	Rebuild ActionType = "rebuild"
	Delete  ActionType = "delete"
	// Update does what a PATCH does, at once.
	Update ActionType = "update"
)

func actionTypes() []ActionType {
	return []ActionType{Stop, Start, Reboot, Rebuild, Resize, Update, Delete, Create}
}

// Action is what a job does, and to what.
type Action struct {
	Type   ActionType `json:"type"`
	Target *Target    `json:"target,omitzero"` // nil for create, and for the instance an event is about
	Size   string     `json:"size,omitzero"`   // of a resize
	Image  string     `json:"image,omitzero"`  // of a rebuild
	Force  bool       `json:"force"`           // of a stop
	// MaxTargets is the most instances a run may act on; 0 for no limit.
	MaxTargets int `json:"max_targets,omitzero"`
	// Instance is what a create creates, as the body of a POST.
	Instance jsontext.Value `json:"instance,omitzero"`
	// Changes is what an update changes, as the body of a PATCH, nulls included.
	Changes jsontext.Value `json:"changes,omitzero"`
}

// Target selects the instances that a job acts on, inside its project: those with the
// ids, or those with all the labels.
type Target struct {
	InstanceIDs []string          `json:"instance_ids,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// standardMaxTargets guards a delete by labels (section 12).
const standardMaxTargets = 10

// Scope returns the scope that a token needs for the action.
func (t ActionType) Scope() string {
	if t == Delete {
		return "instances:delete"
	}
	return "instances:write"
}

// tidy removes the members that do not belong to the type of the action, and sets
// defaults.
func (j *Action) tidy() {
	if j.Type != Resize {
		j.Size = ""
	}
	if j.Type != Rebuild {
		j.Image = ""
	}
	j.Force = j.Force && j.Type == Stop
	if j.Type != Create {
		j.Instance = nil
	}
	if j.Type == Create {
		j.Target, j.MaxTargets = nil, 0
	}
	if j.Type == Delete && j.Target != nil && len(j.Target.Labels) > 0 {
		j.MaxTargets = cmp.Or(j.MaxTargets, standardMaxTargets)
	}
	if j.Type != Update {
		j.Changes = nil
	}
	j.Instance, j.Changes = resource.Compact(j.Instance), resource.Compact(onlyChangeable(j.Changes))
}

// CheckTargets finds ids of a target that the project does not have; nil has none.
func (s *Store) CheckTargets(tx *engine.Tx, project string, t *Target) (details []fail.Detail) {
	if t == nil {
		return nil
	}
	for n, id := range t.InstanceIDs {
		if i, ok := s.config.Instances.Find(tx, id); !ok || i.ProjectID != project {
			details = append(details, violationIn(fmt.Sprintf("action.target.instance_ids[%d]", n), "unknown_value",
				fmt.Sprintf("There is no instance %q in the job's project.", fail.Clip(id)))...)
		}
	}
	return details
}

// chosen returns the instances that a run is about before its condition, and the ids of
// those that the project does not have.
func (s *Store) chosen(tx *engine.Tx, j *Job, event string) (there []Instance, missing []string) {
	var ids []string
	switch t := j.Action.Target; {
	case t == nil:
		ids = []string{event}
	case len(t.InstanceIDs) > 0:
		ids = t.InstanceIDs
	default:
		labelled := s.config.Instances.WithLabels(t.Labels)
		for i := range s.config.Instances.All(tx) {
			if i.ProjectID == j.ProjectID && labelled(&i) {
				there = append(there, i)
			}
		}
		return there, nil
	}
	for _, id := range ids {
		if i, ok := s.config.Instances.Find(tx, id); ok && i.ProjectID == j.ProjectID {
			there = append(there, i)
		} else {
			missing = append(missing, id)
		}
	}
	return there, missing
}

// Changeable lists the members of an instance that a job can update.
func Changeable() []string { return []string{"labels", "metadata", "network", "storage", "autoscale"} }

// onlyChangeable returns changes without the members that a job cannot update, which the
// contract may have accepted.
func onlyChangeable(changes jsontext.Value) jsontext.Value {
	members := resource.MembersOf(changes)
	known := len(members)
	maps.DeleteFunc(members, func(name string, _ jsontext.Value) bool { return !slices.Contains(Changeable(), name) })
	if len(members) == known {
		return changes
	}
	kept, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return nil // members were read from JSON, and are written as they were
	}
	return kept
}

package skystack

import (
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// subject is what an event is about.
type subject struct {
	project string
	object  any
}

// topic is the kind of object that a family of events is about.
type topic struct {
	kind, prefix string
	// find is an object by its id, and newest the id of the last one made, "" for
	// none; nil for kinds that are not kept.
	find   func(tx *engine.Tx, id string) (subject, bool)
	newest func(tx *engine.Tx) string
	// example is the object of an event when there is none to take.
	example func(tx *engine.Tx) subject
}

// topicOf is what events of a type are about: their family says so.
func (a *API) topicOf(eventType string) topic {
	family, _, _ := strings.Cut(eventType, ".")
	switch family {
	case "instance":
		return topic{"an instance", "ins", found(a.instances, a.instanceSubject), newestOf(a.instances), a.exampleInstance}
	case "action":
		return topic{"an action", "act", found(a.actions, a.actionSubject), newestOf(a.actions), func(tx *engine.Tx) subject {
			i := a.anInstance(tx)
			t := Action{ID: "act_example", InstanceID: i.ID, Type: Start, Status: Completed, Progress: 100, StartedAt: tx.Now(), CompletedAt: tx.Now()}
			return subject{i.ProjectID, t.body(tx.Now())}
		}}
	case "project":
		return topic{"a project", "prj", found(a.projects, a.projectSubject), newestOf(a.projects), func(tx *engine.Tx) subject {
			return a.projectSubject(tx, Project{ID: "prj_example", Name: "example", Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
		}}
	case "token":
		return topic{"a key", "tok", found(a.tokens, a.tokenSubject), newestOf(a.tokens), func(tx *engine.Tx) subject {
			return a.tokenSubject(tx, Token{ID: "tok_example", Name: "example", CreatedAt: tx.Now()})
		}}
	case "webhook":
		return topic{"a webhook", "whk", found(a.webhooks, a.webhookSubject), newestOf(a.webhooks), func(tx *engine.Tx) subject {
			return subject{a.settingsOf(tx).DefaultProject, map[string]any{"id": "whk_example"}}
		}}
	case "autoscale":
		return topic{"an autoscale policy", "asp", found(a.policies, a.policySubject), newestOf(a.policies), func(tx *engine.Tx) subject {
			p := a.settingsOf(tx).DefaultProject
			return subject{p, map[string]any{"id": "asp_example", "leader_id": a.anInstance(tx).ID, "project_id": p}}
		}}
	case "job":
		return topic{"a run of a job", "run", found(a.runs, a.runSubject), newestOf(a.runs), func(tx *engine.Tx) subject {
			r := Run{ID: "run_example", JobID: "job_example", Status: RunSucceeded, Trigger: byHand, ScheduledFor: tx.Now(), StartedAt: tx.Now(), FinishedAt: tx.Now()}
			if eventType == "job.run.failed" {
				r.Status = RunFailed
			}
			return subject{a.settingsOf(tx).DefaultProject, a.runBody(tx, r)}
		}}
	}
	return topic{kind: "the workspace", prefix: "wsp", example: a.workspaceSubject, find: func(tx *engine.Tx, id string) (subject, bool) {
		return a.workspaceSubject(tx), id == tx.World().ID()
	}}
}

// subject is what an event of a type is about: the object of the id, or for ""
// the newest there is, or an example.
func (a *API) subject(tx *engine.Tx, eventType, id string) (subject, error) {
	t := a.topicOf(eventType)
	if id == "" && t.newest != nil {
		id = t.newest(tx)
	}
	if id == "" {
		return t.example(tx), nil
	}
	if t.find != nil {
		if s, ok := t.find(tx, id); ok {
			return s, nil
		}
	}
	if prefix, _, ok := strings.Cut(id, "_"); ok && prefix != t.prefix {
		return subject{}, fail.Newf(fail.Invalid, "wrong_object", "%s is about %s, whose id begins with %s_; %q is something else. Without an id the newest one is taken.", eventType, t.kind, t.prefix, clip(id))
	}
	return subject{}, fail.Newf(fail.NotFound, "object_not_found", "There is no object %q here; %s is about %s. Without an id the newest one is taken.", clip(id), eventType, t.kind)
}

func found[T any](of *engine.Table[T], show func(*engine.Tx, T) subject) func(*engine.Tx, string) (subject, bool) {
	return func(tx *engine.Tx, id string) (subject, bool) {
		row, ok := of.Get(tx, id)
		if !ok {
			return subject{}, false
		}
		return show(tx, row), true
	}
}

func newestOf[T any](of *engine.Table[T]) func(*engine.Tx) string {
	return func(tx *engine.Tx) string {
		last, _ := of.At(tx, of.Len(tx)-1)
		return last.ID
	}
}

func (a *API) instanceSubject(_ *engine.Tx, i Instance) subject {
	return subject{i.ProjectID, i.body()}
}

func (a *API) actionSubject(tx *engine.Tx, t Action) subject {
	i, _ := a.instances.Get(tx, t.InstanceID)
	return subject{i.ProjectID, t.body(tx.Now())}
}

func (a *API) projectSubject(tx *engine.Tx, p Project) subject {
	return subject{p.ID, a.projectBody(tx)(p)}
}

func (a *API) tokenSubject(tx *engine.Tx, t Token) subject {
	return subject{t.ProjectID, a.tokenBody(tx)(t)}
}

func (a *API) webhookSubject(tx *engine.Tx, w Webhook) subject {
	return subject{w.ProjectID, a.webhookBody(tx, w)}
}

func (a *API) policySubject(tx *engine.Tx, p Policy) subject {
	return subject{p.ProjectID, a.policyBody(tx, p)}
}

func (a *API) runSubject(tx *engine.Tx, r Run) subject {
	j, _ := a.jobs.Get(tx, r.JobID)
	return subject{j.ProjectID, a.runBody(tx, r)}
}

func (a *API) workspaceSubject(tx *engine.Tx) subject {
	return subject{"", map[string]any{"id": tx.World().ID()}}
}

// anInstance is the newest instance, or one that is made up.
func (a *API) anInstance(tx *engine.Tx) Instance {
	if last, ok := a.instances.At(tx, a.instances.Len(tx)-1); ok {
		return last.Value
	}
	return Instance{
		ID: "ins_example", Name: "example", Status: Running, ProjectID: a.settingsOf(tx).DefaultProject, Region: "eu-central", Size: "standard-2",
		Image: "ubuntu-24.04", Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
}

func (a *API) exampleInstance(tx *engine.Tx) subject { return a.instanceSubject(tx, a.anInstance(tx)) }

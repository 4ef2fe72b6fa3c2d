package skystack

import (
	"cmp"
	"math"
	"strings"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// subject is the object of an event.
type subject struct {
	project string
	object  any
}

// topic is the kind of object that a family of events is about.
type topic struct {
	kind, prefix string
	// find is an object by its id, and newest the id of the last one made in a
	// project, "" for none; nil for kinds that are not kept.
	find   func(tx *engine.Tx, id string) (subject, bool)
	newest func(tx *engine.Tx, project string) string
	// example is the object of an event in a project that has none to take.
	example func(tx *engine.Tx, project string) subject
}

// topicOf returns the topic of events of a type, which follows from their family.
func (a *API) topicOf(eventType string) topic {
	family, _, _ := strings.Cut(eventType, ".")
	switch family {
	case "instance":
		return topic{"an instance", "ins", found(a.instances, a.instanceSubject), newestOf(a.instances, projectOfInstance), func(tx *engine.Tx, project string) subject {
			return a.instanceSubject(tx, exampleInstance(tx, project))
		}}
	case "action":
		project := func(tx *engine.Tx, t Action) string {
			i, _ := a.instances.Get(tx, t.InstanceID)
			return i.ProjectID
		}
		return topic{"an action", "act", found(a.actions, a.actionSubject), newestOf(a.actions, project), func(tx *engine.Tx, project string) subject {
			i := a.sampleInstance(tx, project)
			t := Action{ID: "act_example", InstanceID: i.ID, Type: Start, Status: Completed, Progress: 100, StartedAt: tx.Now(), CompletedAt: tx.Now()}
			return subject{i.ProjectID, t.body(tx.Now())}
		}}
	case "health":
		return topic{"an instance", "ins", found(a.instances, a.healthSubject), newestOf(a.instances, projectOfInstance), func(tx *engine.Tx, project string) subject {
			return a.healthSubject(tx, a.sampleInstance(tx, project))
		}}
	case "metric":
		return topic{"an instance", "ins", found(a.instances, a.metricSubject), newestOf(a.instances, projectOfInstance), func(tx *engine.Tx, project string) subject {
			return a.metricSubject(tx, a.sampleInstance(tx, project))
		}}
	case "project":
		project := func(_ *engine.Tx, p Project) string { return p.ID }
		return topic{"a project", "prj", found(a.projects, a.projectSubject), newestOf(a.projects, project), func(tx *engine.Tx, _ string) subject {
			return a.projectSubject(tx, Project{ID: "prj_example", Name: "example", Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
		}}
	case "token":
		project := func(_ *engine.Tx, t credential.Key) string { return t.ProjectID }
		return topic{"a key", "tok", found(a.Credentials.Keys, a.tokenSubject), newestOf(a.Credentials.Keys, project), func(tx *engine.Tx, project string) subject {
			return a.tokenSubject(tx, credential.Key{ID: "tok_example", Name: "example", ProjectID: project, CreatedAt: tx.Now()})
		}}
	case "webhook":
		project := func(_ *engine.Tx, w webhook.Endpoint) string { return w.ProjectID }
		return topic{"a webhook", "whk", found(a.outbox.Endpoints, a.webhookSubject), newestOf(a.outbox.Endpoints, project), func(tx *engine.Tx, project string) subject {
			example := webhook.Endpoint{ID: "whk_example", ProjectID: project, URL: "http://127.0.0.1:3000/hooks", EventTypes: []string{"*"}, APIVersion: defaultVersion}
			return a.webhookSubject(tx, example.WithDefaults(tx.Now()))
		}}
	case "autoscale":
		project := func(_ *engine.Tx, p Policy) string { return p.ProjectID }
		return topic{"an autoscale policy", "asp", found(a.policies, a.policySubject), newestOf(a.policies, project), func(tx *engine.Tx, project string) subject {
			return a.policySubject(tx, Policy{ID: "asp_example", Leader: a.sampleInstance(tx, project).ID, ProjectID: project, CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
		}}
	case "job":
		project := func(tx *engine.Tx, r job.Run) string {
			j, _ := a.jobs.Jobs.Get(tx, r.JobID)
			return j.ProjectID
		}
		return topic{"a run of a job", "run", found(a.jobs.Runs, a.runSubject), newestOf(a.jobs.Runs, project), func(tx *engine.Tx, project string) subject {
			r := job.Run{ID: "run_example", JobID: "job_example", Status: job.Succeeded, Trigger: job.ByHand, ScheduledFor: tx.Now(), StartedAt: tx.Now(), FinishedAt: tx.Now()}
			if eventType == "job.run.failed" {
				r.Status = job.Failed
			}
			return subject{project, a.runBody(tx, &r)}
		}}
	}
	whole := func(tx *engine.Tx, _ string) subject { return a.workspaceSubject(tx) }
	return topic{kind: "the workspace", prefix: "wsp", example: whole, find: func(tx *engine.Tx, id string) (subject, bool) {
		return a.workspaceSubject(tx), id == tx.World().ID()
	}}
}

// subject returns the object of a triggered event: the object of the id, or for "" the
// newest of the project, else of the default project, else of any, or an example.
// It reports whether it is an example.
func (a *API) subject(tx *engine.Tx, t sandbox.Trigger) (_ subject, example bool, _ error) {
	about := a.topicOf(t.Type)
	if t.Project != "" && !a.projects.Has(tx, t.Project) {
		return subject{}, false, noProject(t.Project)
	}
	if t.Project != "" && about.newest == nil {
		return subject{}, false, fail.Newf(fail.Invalid, "wrong_object", "%s is about %s, which belongs to no project; leave the project out.", t.Type, about.kind)
	}
	id, project := t.Object, cmp.Or(t.Project, a.settingsOf(tx).DefaultProject)
	if id == "" && about.newest != nil {
		if id = about.newest(tx, project); id == "" && t.Project == "" {
			id = about.newest(tx, "")
		}
	}
	if id == "" {
		return about.example(tx, project), about.newest != nil, nil
	}
	if about.find != nil {
		if s, ok := about.find(tx, id); ok && (t.Project == "" || t.Project == s.project) {
			return s, false, nil
		} else if ok {
			return subject{}, false, fail.Newf(fail.Invalid, "wrong_project", "%q belongs to %s, not to the project %q; leave one of them out.", fail.Clip(id), cmp.Or(s.project, "no project"), fail.Clip(t.Project))
		}
	}
	if prefix, _, ok := strings.Cut(id, "_"); ok && prefix != about.prefix {
		return subject{}, false, fail.Newf(fail.Invalid, "wrong_object", "%s is about %s, whose id begins with %s_; %q is something else. Without an id the newest one is taken.", t.Type, about.kind, about.prefix, fail.Clip(id))
	}
	return subject{}, false, fail.Newf(fail.NotFound, "object_not_found", "There is no object %q here; %s is about %s. Without an id the newest one is taken.", fail.Clip(id), t.Type, about.kind)
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

// maxNewest bounds how many rows newestOf looks at, since the world is held.
const maxNewest = 1000

// newestOf finds the newest row of a project, "" for any, among the latest
// maxNewest.
func newestOf[T any](of *engine.Table[T], project func(*engine.Tx, T) string) func(*engine.Tx, string) string {
	return func(tx *engine.Tx, wanted string) string {
		n := 0
		for row := range of.Before(tx, math.MaxUint64) {
			if wanted == "" || project(tx, row.Value) == wanted {
				return row.ID
			}
			if n++; n == maxNewest {
				break
			}
		}
		return ""
	}
}

func projectOfInstance(_ *engine.Tx, i Instance) string { return i.ProjectID }

func (a *API) instanceSubject(_ *engine.Tx, i Instance) subject {
	return subject{i.ProjectID, i.body()}
}

func (a *API) healthSubject(_ *engine.Tx, i Instance) subject {
	return subject{i.ProjectID, i.health()}
}

func (a *API) metricSubject(tx *engine.Tx, i Instance) subject {
	return subject{i.ProjectID, a.crossing(tx, i.ID, &metrics[0], highThreshold, true)}
}

func (a *API) actionSubject(tx *engine.Tx, t Action) subject {
	i, _ := a.instances.Get(tx, t.InstanceID)
	return subject{i.ProjectID, t.body(tx.Now())}
}

func (a *API) projectSubject(tx *engine.Tx, p Project) subject {
	return subject{p.ID, a.projectBody(tx)(p)}
}

func (a *API) tokenSubject(tx *engine.Tx, t credential.Key) subject {
	return subject{t.ProjectID, a.tokenBody(tx)(t)}
}

func (a *API) webhookSubject(tx *engine.Tx, w webhook.Endpoint) subject {
	return subject{w.ProjectID, a.webhookBody(tx, w)}
}

func (a *API) policySubject(tx *engine.Tx, p Policy) subject {
	return subject{p.ProjectID, a.policyBody(tx, p)}
}

func (a *API) runSubject(tx *engine.Tx, r job.Run) subject {
	j, _ := a.jobs.Jobs.Get(tx, r.JobID)
	return subject{j.ProjectID, a.runBody(tx, &r)}
}

func (a *API) workspaceSubject(tx *engine.Tx) subject {
	return subject{"", event.Workspace{ID: tx.World().ID()}}
}

// sampleInstance is the newest instance of a project, or one that is made up.
func (a *API) sampleInstance(tx *engine.Tx, project string) Instance {
	if i, ok := a.instances.Get(tx, newestOf(a.instances, projectOfInstance)(tx, project)); ok {
		return i
	}
	return exampleInstance(tx, project)
}

func exampleInstance(tx *engine.Tx, project string) Instance {
	return Instance{
		ID: "ins_example", Name: "example", Status: Running, ProjectID: project, Region: "eu-central", Size: "standard-2",
		Image: "ubuntu-24.04", Version: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
}

package skystack

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/event"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
	"skystack.dev/sandbox/emulator/internal/skystack/job"
)

// newJobs connects jobs to the API.
func (a *API) newJobs(schema *engine.Schema) *job.Store {
	c := job.Config{
		Instances: jobInstances{a}, EventTypes: EventTypes(), InstanceMember: instanceMember, Statuses: resource.Words(Statuses()), Possible: possible,
		Key:    func(tx *engine.Tx, id string) (credential.Key, bool) { return a.Credentials.Keys.Get(tx, id) },
		Growth: ownGrowth, Ended: a.runEnded, MaxMembers: maxMembers, MaxNumber: maxNumber, CheckLabels: checkLabels, CheckCatalog: a.checkJobCatalogue,
		CheckCreate: a.checkJobTemplate, CheckTemplate: checkSavedTemplate, CheckChanges: checkSavedChanges,
	}
	for _, m := range metrics {
		c.Metrics = append(c.Metrics, job.Metric{Name: m.name, Percent: m.unit == "percent"})
	}
	return job.New(schema, c)
}

// runEnded emits the event of a run that has ended.
func (a *API) runEnded(tx *engine.Tx, j *job.Job, r *job.Run) {
	eventType := "job.run.completed"
	if r.Status == job.Failed {
		eventType = "job.run.failed"
	}
	var by *event.Cause
	if r.RequestID != "" {
		by = &event.Cause{RequestID: r.RequestID}
	}
	a.events.Emit(tx, event.Draft{Type: eventType, Project: j.ProjectID, Object: a.runBody(tx, r), Cause: by})
}

// instanceMember returns the member of an event's object that names an instance; "" if
// none does.
func instanceMember(eventType string) string {
	switch {
	case strings.HasPrefix(eventType, "instance."):
		return "id"
	case strings.HasPrefix(eventType, "action."), eventType == thresholdEvent, eventType == healthEvent:
		return "instance_id"
	}
	return ""
}

// possible implements job.Config.Possible.
func possible(t job.ActionType, force bool, status string) bool {
	act, s := ActionType(t), Status(status)
	if _, known := transitions[act]; !known || act == Create {
		return true
	}
	if act == Delete {
		return s != Deleting
	}
	v := Instance{Status: s}.allows(act, force)
	return v == begin || v == nothing
}

// checkJobCatalogue implements job.Config.CheckCatalog.
func (a *API) checkJobCatalogue(tx *engine.Tx, act *job.ActionInput) []fail.Detail {
	return a.checkCatalogue(tx, slugs{Size: act.Size, Profile: act.Profile, MachineType: act.MachineType, Image: act.Image})
}

// checkJobTemplate implements job.Config.CheckCreate.
func (a *API) checkJobTemplate(c *httpapi.Call, template jsontext.Value, body httpapi.Body) []fail.Detail {
	var in createInstanceInput
	body = body.Decode("action.instance", template, &in)
	_, conflicts := job.CheckSizes(body, in.Size, in.Profile, in.MachineType)
	return append(a.checkNewInstance(c, in, body), conflicts...)
}

// checkSavedTemplate refuses the template of a saved job that no instance can have.
func checkSavedTemplate(template jsontext.Value) error {
	var in createInstanceInput
	if err := json.Unmarshal(template, &in); err != nil {
		return errors.New("cannot be read")
	}
	i := in.instance("ins_1", "prj_1", standardSize, standardImage)
	i.Status, i.Version = Provisioning, 1
	if i.Autoscale != nil {
		i.Policy = "asp_1"
	}
	return i.check()
}

// checkSavedChanges checks the changes of a saved job.
func checkSavedChanges(changes jsontext.Value, f *resource.Violations) {
	var in updateInstanceInput
	if err := json.Unmarshal(changes, &in); err != nil {
		f.Add("action.changes", "cannot be read")
		return
	}
	var i Instance
	for name, v := range resource.InOrder(map[string]jsontext.Value{"labels": in.Labels, "metadata": in.Metadata, "network": in.Network}) {
		if v != nil && v.Kind() != '{' && v.Kind() != 'n' {
			f.Add("action.changes."+name, "must be an object")
			return
		}
	}
	if in.Labels.Kind() == '{' {
		i.Labels = resource.Merge(jsontext.Value("{}"), in.Labels)
	}
	if in.Metadata.Kind() == '{' {
		i.Metadata = resource.Merge(jsontext.Value("{}"), in.Metadata)
	}
	i.freeShapes(f)
}

// jobInstances implements job.Instances.
type jobInstances struct{ *API }

func seenByJobs(i *Instance) job.Instance {
	return job.Instance{ID: i.ID, ProjectID: i.ProjectID, Status: string(i.Status), CreatedAt: i.CreatedAt, Since: i.since(), Labels: i.Labels}
}

// Find implements job.Instances.
func (a jobInstances) Find(tx *engine.Tx, id string) (job.Instance, bool) {
	i, ok := a.instances.Get(tx, id)
	return seenByJobs(&i), ok
}

// All implements job.Instances.
func (a jobInstances) All(tx *engine.Tx) iter.Seq[job.Instance] {
	return func(yield func(job.Instance) bool) {
		for row := range a.instances.After(tx, 0) {
			if !yield(seenByJobs(&row.Value)) {
				return
			}
		}
	}
}

// Len implements job.Instances.
func (a jobInstances) Len(tx *engine.Tx) int { return a.instances.Len(tx) }

// WithLabels implements job.Instances.
func (a jobInstances) WithLabels(labels map[string]string) func(i *job.Instance) bool {
	filters := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		filters = append(filters, key+":"+labels[key])
	}
	return func(i *job.Instance) bool { return (&Instance{Labels: i.Labels}).labelled(filters) }
}

// Metric implements job.Instances.
func (a jobInstances) Metric(tx *engine.Tx, id, name string) func(at time.Time) float64 {
	m := &metrics[slices.IndexFunc(metrics[:], func(m metric) bool { return m.name == name })]
	noise := tx.World().Noise(m.stream(id))
	set, _ := a.loads.Get(tx, id)
	return func(at time.Time) float64 { return float64(m.value(noise, set.at(at), at.Unix())) / float64(m.scale) }
}

// Missing implements job.Instances.
func (a jobInstances) Missing(id string) *job.Reason { return reasonOf(noInstance(id)) }

// Unavailable implements job.Instances.
func (a jobInstances) Unavailable(tx *engine.Tx, act *job.Action) *job.Reason {
	if act.Type != job.Create {
		return firstReason(a.checkCatalogue(tx, slugs{Size: act.Size, Image: act.Image}))
	}
	var in createInstanceInput
	if err := json.Unmarshal(act.Instance, &in); err != nil {
		return &job.Reason{Code: "invalid_parameter", Message: "The template of the instance cannot be read."}
	}
	if why := firstReason(a.checkNewInstance(&httpapi.Call{Tx: tx}, in, httpapi.Body{})); why != nil {
		return why
	}
	if err := a.checkRoom(tx); err != nil {
		return reasonOf(err)
	}
	return nil
}

// firstReason returns the first of some violations as a reason; nil if there are none.
func firstReason(details []fail.Detail) *job.Reason {
	if len(details) == 0 {
		return nil
	}
	return &job.Reason{Code: "invalid_parameter", Message: details[0].Message}
}

// reasonOf returns a refusal as a reason.
func reasonOf(err error) *job.Reason {
	var e *fail.Error
	if !errors.As(err, &e) {
		e = fail.Of(err)
	}
	return &job.Reason{Code: e.Code, Message: e.Message}
}

// Forecast implements job.Instances.
func (a jobInstances) Forecast(tx *engine.Tx, id string, act *job.Action) (string, *job.Reason) {
	i, ok := a.instances.Get(tx, id)
	if !ok {
		return job.Refused, a.Missing(id)
	}
	t := ActionType(act.Type)
	switch {
	case act.Type == job.Update:
		switch changed, err := a.changedBy(tx, i, act); {
		case err != nil:
			return job.Refused, reasonOf(err)
		case changed.sameConfiguration(&i):
			return job.Unchanged, nil
		}
		return job.Begin, nil
	case t == Delete && i.Status == Deleting:
		return job.Unchanged, nil
	case t == Delete:
		return job.Begin, nil
	}
	switch v := i.allows(t, act.Force); {
	case v == begin:
		if d := a.unfit(tx, i, createActionInput{Type: t, Image: act.Image}, act.Size); d != nil {
			return job.Refused, firstReason([]fail.Detail{*d})
		}
		return job.Begin, nil
	case v == nothing && !a.settingsOf(tx).RefuseNoops:
		return job.Unchanged, nil
	default:
		return job.Refused, reasonOf(a.refusal(tx, i, t, v))
	}
}

// changedBy returns an instance after a job's update, or why the update is refused.
func (a jobInstances) changedBy(tx *engine.Tx, i Instance, act *job.Action) (Instance, error) {
	if i.Status == Deleting {
		return i, a.refusal(tx, i, "a change", wrongState)
	}
	var in updateInstanceInput
	if err := json.Unmarshal(act.Changes, &in); err != nil {
		return i, err
	}
	return a.patchedInstance(tx, i, in)
}

// Act implements job.Instances.
func (a jobInstances) Act(tx *engine.Tx, j *job.Job, r *job.Run, id string) job.Result {
	act := &j.Action
	t := Action{Type: ActionType(act.Type), Size: act.Size, Image: act.Image, Force: act.Force, RequestedBy: j.TokenID, RequestID: r.RequestID, Run: r.ID}
	if t.Type == Create {
		return a.create(tx, j, t)
	}
	i, ok := a.instances.Get(tx, id)
	switch {
	case !ok && t.Type == Delete: // it went with another one of the run, as a replica with its leader
		return job.Result{InstanceID: id, Outcome: job.Done}
	case !ok:
		return job.Result{InstanceID: id, Outcome: job.Refused, Error: a.Missing(id)}
	case act.Type == job.Update:
		return a.update(tx, i, act, t.cause())
	case t.Type == Delete && i.Status == Deleting:
		return job.Result{InstanceID: id, Outcome: job.Unchanged}
	case t.Type == Delete && !a.settingsOf(tx).SlowDelete:
		a.remove(tx, i, t.cause())
		return job.Result{InstanceID: id, Outcome: job.Done}
	case t.Type == Rebuild && t.Image == "":
		t.Image = i.Image
	}
	t = a.start(tx, &i, t)
	return job.Result{InstanceID: id, ActionID: t.ID, Outcome: job.InProgress}
}

// create creates an instance as a POST with the job's template does.
func (a jobInstances) create(tx *engine.Tx, j *job.Job, t Action) job.Result {
	var in createInstanceInput
	var i Instance
	err := json.Unmarshal(j.Action.Instance, &in)
	if err == nil {
		i, err = a.provision(tx, in, j.ProjectID, t)
	}
	if err != nil {
		return job.Result{Outcome: job.Refused, Error: reasonOf(err)}
	}
	return job.Result{InstanceID: i.ID, ActionID: i.PendingAction, Outcome: job.InProgress}
}

// update updates an instance as a PATCH does (S16). It may be refused although Forecast
// allowed it: a replica changes with its leader's policy.
func (a jobInstances) update(tx *engine.Tx, i Instance, act *job.Action, by *event.Cause) job.Result {
	changed, err := a.changedBy(tx, i, act)
	if err != nil {
		return job.Result{InstanceID: i.ID, Outcome: job.Refused, Error: reasonOf(err)}
	}
	if changed.sameConfiguration(&i) {
		return job.Result{InstanceID: i.ID, Outcome: job.Unchanged}
	}
	a.reconfigure(tx, i, changed, by)
	return job.Result{InstanceID: i.ID, Outcome: job.Done}
}

// Outcome implements job.Instances.
func (a jobInstances) Outcome(tx *engine.Tx, action string) (string, *job.Reason, bool) {
	t, ok := a.actions.Get(tx, action)
	return string(t.Status), t.Error, ok
}

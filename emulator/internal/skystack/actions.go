package skystack

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// ActionStatus is the state of an action.
type ActionStatus string

// The statuses of an action.
const (
	InProgress ActionStatus = "in_progress"
	Completed  ActionStatus = "completed"
	Failed     ActionStatus = "failed"
	Cancelled  ActionStatus = "cancelled"
)

// Action is something done to an instance, running or past.
type Action struct {
	ID          string       `json:"id"`
	InstanceID  string       `json:"instance_id"`
	ProjectID   string       `json:"project_id,omitzero"` // the instance's, which it outlives
	Type        ActionType   `json:"type"`
	Status      ActionStatus `json:"status"`
	Progress    int          `json:"progress"`
	StartedAt   time.Time    `json:"started_at"`
	CompletedAt time.Time    `json:"completed_at"`
	Error       *Reason      `json:"error"`
	RequestedBy string       `json:"requested_by"`
	RequestID   string       `json:"request_id"`
	// IdempotencyKey is that of the request, for the events it causes.
	IdempotencyKey string       `json:"idempotency_key,omitzero"`
	From           Status       `json:"from"`  // the instance's status before
	Size           string       `json:"size"`  // of a resize
	Image          string       `json:"image"` // of a rebuild; the new one of a snapshot
	Name           string       `json:"name"`  // of a snapshot's image
	Force          bool         `json:"force"`
	Stuck          bool         `json:"stuck,omitzero"` // only a command ends it
	Run            string       `json:"run,omitzero"`   // the job's run that began it
	Due            engine.Timer `json:"due"`            // its end; zero when nothing is booked
}

// progress returns the progress of a running action, in percent of its time.
func (t Action) progress(now time.Time) int {
	if t.Status != InProgress {
		return t.Progress
	}
	whole := t.Due.At.Sub(t.StartedAt)
	if t.Due.IsZero() || whole <= 0 {
		return 0
	}
	return min(99, int(100*now.Sub(t.StartedAt)/whole))
}

// actionBody is an action on the wire.
type actionBody struct {
	ID          string       `json:"id"`
	InstanceID  string       `json:"instance_id"`
	ProjectID   string       `json:"project_id,omitzero"` // the instance's, which it outlives
	Type        ActionType   `json:"type"`
	Status      ActionStatus `json:"status"`
	Force       bool         `json:"force"`
	Progress    int          `json:"progress"`
	StartedAt   string       `json:"started_at"`
	CompletedAt *string      `json:"completed_at"`
	Error       *Reason      `json:"error"`
	RequestedBy string       `json:"requested_by"`
	RequestID   string       `json:"request_id"`

	due  time.Time // when the action ends; zero when that is not known or it has ended
	wait int       // how many seconds a client should sleep until then; 0 when that is not known
}

// RetryAfter implements httpapi.Waiting.
func (b actionBody) RetryAfter() int { return b.wait }

// waiting is the body with how long a client should wait before it looks again.
func (b actionBody) waiting(tx *engine.Tx) actionBody {
	if !b.due.IsZero() {
		b.wait = tx.RetryAfter(b.due.Sub(tx.Now()))
	}
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (b actionBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements httpapi.Appender.
func (b actionBody) AppendJSON(to []byte) []byte {
	o := resource.OpenObject(to)
	o.Text("id", b.ID)
	o.Text("instance_id", b.InstanceID)
	o.Text("type", string(b.Type))
	o.Text("status", string(b.Status))
	o.Bool("force", b.Force)
	o.Number("progress", b.Progress)
	o.Text("started_at", b.StartedAt)
	if b.CompletedAt == nil {
		o.Null("completed_at")
	} else {
		o.Text("completed_at", *b.CompletedAt)
	}
	appendReason(&o, "error", b.Error)
	o.Text("requested_by", b.RequestedBy)
	o.Text("request_id", b.RequestID)
	return o.Close()
}

func (t Action) body(now time.Time) actionBody {
	b := actionBody{
		ID: t.ID, InstanceID: t.InstanceID, Type: t.Type, Status: t.Status, Force: t.Force, Progress: t.progress(now), StartedAt: resource.Stamp(t.StartedAt),
		Error: t.Error, RequestedBy: t.RequestedBy, RequestID: t.RequestID, due: t.due(),
	}
	if !t.CompletedAt.IsZero() {
		b.CompletedAt = text(resource.Stamp(t.CompletedAt))
	}
	return b
}

type createActionInput struct {
	instanceInput
	Type        ActionType `json:"type"`
	Size        string     `json:"size"`
	Profile     string     `json:"profile"`
	MachineType string     `json:"machine_type"`
	Image       string     `json:"image"`
	Name        string     `json:"name"`
	Force       bool       `json:"force"`
}

// checkAction finds what the contract cannot: a resize without a size, names
// that are not in the catalogue.
func (a *API) checkAction(c *httpapi.Call, in createActionInput) []fail.Detail {
	s := slugs{Size: in.Size, Profile: in.Profile, MachineType: in.MachineType, Image: in.Image}
	details := a.checkCatalogue(c.Tx, s)
	if in.Type == Resize && !s.sized() && !c.Body().Sent("size", "profile", "machine_type") {
		details = append(details, fail.Detail{Field: "size", Location: fail.Body, Code: "required", Message: "A resize needs one of size, profile and machine_type."})
	}
	return details
}

// createAction begins an action if the instance's status allows it (2.2).
//
//	POST /v1/instances/{id}/actions
func (a *API) createAction(c *httpapi.Call, in createActionInput) (actionBody, error) {
	size, err := oneSize(in.Size, in.Profile, in.MachineType)
	if err != nil {
		return actionBody{}, err
	}
	i, err := a.instance(c.Tx, in.ID)
	if err != nil {
		return actionBody{}, err
	}
	if err := c.Precondition(i.Version); err != nil {
		return actionBody{}, err
	}
	v := i.allows(in.Type, in.Force)
	noop := v == nothing && !a.settingsOf(c.Tx).RefuseNoops
	if v != begin && !noop {
		return actionBody{}, a.refusal(c.Tx, i, in.Type, v)
	}
	if d := a.unfit(c.Tx, i, in, size); d != nil {
		return actionBody{}, fail.Parameters(*d)
	}
	t := Action{Type: in.Type, Size: size, Image: in.Image, Name: in.Name, Force: in.Force, RequestedBy: c.Token, RequestID: c.RequestID, IdempotencyKey: c.IdempotencyKey()}
	if noop {
		return a.recordNoop(c, i, t).body(c.Now()), nil
	}
	switch {
	case t.Type == Rebuild && t.Image == "":
		t.Image = i.Image
	case t.Type == Snapshot:
		t.Image = a.snapshotSlug(c.Tx)
		if t.Name == "" {
			t.Name = i.Name + " " + resource.Stamp(c.Now())
		}
	}
	t = a.start(c.Tx, &i, t)
	a.recordObserved(c.Tx, i)
	return t.body(c.Now()).waiting(c.Tx), nil
}

// unfit finds a resize or rebuild that leads to an image on a disk too small for
// it, and a rebuild from the instance's own image when that is gone.
func (a *API) unfit(tx *engine.Tx, i Instance, in createActionInput, size string) *fail.Detail {
	d := fail.Detail{Location: fail.Body, Code: "out_of_range"}
	switch in.Type {
	case Resize:
		d.Field, d.Message = "size", a.tooSmall(tx, size, i.Image)
		switch {
		case in.Size != "":
		case in.Profile != "":
			d.Field = "profile"
		default:
			d.Field = "machine_type"
		}
	case Rebuild:
		image := cmp.Or(in.Image, i.Image)
		d.Field, d.Message = "image", a.tooSmall(tx, i.Size, image)
		if in.Image == "" && !a.images.Has(tx, image) && !a.settingsOf(tx).OpenCatalog {
			d.Code, d.Message = "required", fmt.Sprintf("The image %s, which the instance was made from, is gone; name another", image)
		}
	}
	if d.Message == "" {
		return nil
	}
	d.Message += "."
	return &d
}

// snapshotSlug is a name for a new image that the catalogue does not have.
func (a *API) snapshotSlug(tx *engine.Tx) string {
	for {
		if slug := "snapshot-" + strconv.FormatUint(tx.Count("snapshot")+1, 10); !a.images.Has(tx, slug) {
			return slug
		}
	}
}

// recordNoop notes an action that had nothing to do.
func (a *API) recordNoop(c *httpapi.Call, i Instance, t Action) Action {
	t.ID, t.InstanceID, t.ProjectID, t.Status, t.Progress = a.actions.NewID(c.Tx, "act"), i.ID, i.ProjectID, Completed, 100
	t.From, t.StartedAt, t.CompletedAt = i.Status, c.Now(), c.Now()
	a.keepAction(c.Tx, &i, t)
	a.instances.Put(c.Tx, i.ID, i)
	a.emitActionEnd(c.Tx, t)
	return t
}

// keptActions is the number of actions that an instance keeps: a job that acts every
// minute begins half a million a year.
const keptActions = 1000

// keepAction stores an action among those of its instance, whose row the caller puts.
// The oldest goes for it.
func (a *API) keepAction(tx *engine.Tx, i *Instance, t Action) {
	a.actions.Put(tx, t.ID, t)
	kept := i.Actions
	for ; len(kept) >= keptActions; kept = kept[1:] {
		if old, _ := a.actions.Get(tx, kept[0]); old.Status != InProgress {
			a.actions.Delete(tx, kept[0])
		}
	}
	i.Actions = slices.Concat(kept, []string{t.ID})
}

type listActionsInput struct {
	paging
	instanceInput
}

// listActions lists what was done to an instance and is kept, oldest first.
//
//	GET /v1/instances/{id}/actions
func (a *API) listActions(c *httpapi.Call, in listActionsInput) (listBody[Action], error) {
	i, err := a.instance(c.Tx, in.ID)
	if err != nil {
		return listBody[Action]{}, err
	}
	if i.PendingAction != "" && a.recordRead(c.Tx, i) {
		if i, err = a.instance(c.Tx, in.ID); err != nil {
			return listBody[Action]{}, err
		}
	}
	p, err := list(c, resource.List[Action]{Table: a.actions, Only: &i.Actions, Name: "actions\x01" + in.ID}, in.paging)
	if err != nil {
		return listBody[Action]{}, err
	}
	now := c.Now()
	return body(p, as(func(t Action) actionBody { return t.body(now) })), nil
}

// getAction shows how far an action is.
//
//	GET /v1/actions/{id}
func (a *API) getAction(c *httpapi.Call, in instanceInput) (actionBody, error) {
	t, ok := a.actions.Get(c.Tx, in.ID)
	if !ok {
		return actionBody{}, noAction(in.ID)
	}
	if i, alive := a.instances.Get(c.Tx, t.InstanceID); alive && i.PendingAction == t.ID && a.recordRead(c.Tx, i) {
		t, _ = a.actions.Get(c.Tx, in.ID)
	}
	return t.body(c.Now()), nil
}

func noAction(id string) error {
	return fail.Newf(fail.NotFound, "action_not_found", "There is no action %q in this workspace; the last %d of each instance are kept.", fail.Clip(id), keptActions)
}

package skystack

import (
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

type runJobInput struct {
	instanceInput
	DryRun bool `json:"-" query:"dry_run"`
}

// runJob runs a job now, or says what it would do (S12).
//
//	POST /v1/jobs/{id}/run
func (a *API) runJob(c *httpapi.Call, in runJobInput) (any, error) {
	j, err := a.job(c.Tx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return a.dryRun(c.Tx, j), nil
	}
	if err := mayDo(c, &j); err != nil {
		return nil, err
	}
	a.beginChain(c.Tx)
	r := a.takeUp(c.Tx, j, Run{Trigger: byHand, ScheduledFor: c.Now(), RequestID: c.RequestID})
	b := a.runBody(c.Tx, r)
	b.wait = a.wait(c.Tx, r)
	return b, nil
}

// dryRunBody is what a run would do, on the wire.
type dryRunBody struct {
	DryRun bool      `json:"dry_run"`
	Would  wouldBody `json:"would"`
}

// ResponseStatus implements httpapi.Stated.
func (dryRunBody) ResponseStatus() int { return 200 }

type wouldBody struct {
	Action  ActionType   `json:"action"`
	Reason  *Reason      `json:"reason"`
	Targets []targetBody `json:"targets"`
}

type targetBody struct {
	InstanceID *string `json:"instance_id"`
	Outcome    string  `json:"outcome"`
	Error      *Reason `json:"error"`
}

func (a *API) dryRun(tx *engine.Tx, j Job) dryRunBody {
	b := dryRunBody{DryRun: true, Would: wouldBody{Action: j.Action.Type, Targets: []targetBody{}}}
	if b.Would.Reason = a.tokenGone(tx, j.TokenID); b.Would.Reason != nil {
		return b
	}
	w, _ := a.foresee(tx, &j, Run{ScheduledFor: tx.Now()})
	b.Would.Reason = w.Reason
	for _, p := range w.plans {
		b.Would.Targets = append(b.Would.Targets, targetBody{text(p.result.InstanceID), p.result.Outcome, p.result.Error})
	}
	return b
}

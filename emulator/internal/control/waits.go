package control

import (
	"context"
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

const (
	maxWait    = 30 * time.Second
	maxWaiting = 100
)

// workspaceState is the API's data about a workspace. API.mu guards it.
type workspaceState struct {
	taken   int // numbers the ids of snapshots
	kept    []snapshot
	waiting int // requests
}

// state returns the state of a world, and creates it if necessary. The caller holds
// the lock.
func (a *API) state(w *engine.World) *workspaceState {
	d := a.states[w]
	if d == nil {
		d = new(workspaceState)
		a.states[w] = d
	}
	return d
}

// Forget drops the data about a world whose workspace was removed.
func (a *API) Forget(w *engine.World) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.states, w)
}

// waitInput is the parameter of operations that wait.
type waitInput struct {
	Wait string `query:"wait"`
}

// duration returns how long to wait; 0 when the parameter was not sent.
func (p waitInput) duration() (time.Duration, error) {
	if p.Wait == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(p.Wait)
	if err != nil {
		return 0, invalidMember(fail.Query, "wait", "invalid_format", "wait must be a duration such as 10s or 500ms.")
	}
	if d < 0 || d > maxWait {
		return 0, invalidMember(fail.Query, "wait", "out_of_range", fmt.Sprintf("wait must be between 0s and %v.", maxWait))
	}
	return d, nil
}

// wait runs f until it returns, the time is over, the client disconnects or the API is
// closed. It reports whether f succeeded. The number of waiting requests of a
// workspace is limited.
func (a *API) wait(c *call, d time.Duration, f func(ctx context.Context) error) (bool, error) {
	if err := a.beginWait(c.world); err != nil {
		return false, err
	}
	defer a.endWait(c.world)
	ctx, cancel := context.WithTimeout(c.ctx, d)
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		return false, nil
	}
	return err == nil, err
}

func (a *API) beginWait(w *engine.World) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.state(w)
	if d.waiting >= maxWaiting {
		return &fail.Error{
			Kind: fail.Unavailable, Code: "too_many_waiting", RetryAfter: time.Second,
			Message: fmt.Sprintf("%d requests of the workspace are waiting already; try again when some of them are done.", maxWaiting),
		}
	}
	d.waiting++
	return nil
}

func (a *API) endWait(w *engine.World) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.states[w]
	if d == nil {
		return // the workspace was removed
	}
	if d.waiting--; d.waiting == 0 && d.taken == 0 {
		delete(a.states, w)
	}
}

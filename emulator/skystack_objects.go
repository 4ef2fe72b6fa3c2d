package emulator

import (
	"cmp"
	"context"
	"fmt"
)

// Instances lists the workspace's instances, oldest first. Unlike a GET, that is
// no read.
func (w *Workspace) Instances() []Instance { return w.e.sky.Instances(w.world) }

// Instance finds an instance; false if there is none.
func (w *Workspace) Instance(id string) (Instance, bool) { return w.e.sky.Instance(w.world, id) }

// CreateInstance adds an instance in any state, at once. Members left out take
// the workspace's defaults. It refuses what no instance can be, and says which
// member and why.
func (w *Workspace) CreateInstance(i Instance) (Instance, error) {
	out, err := w.e.sky.CreateInstance(w.world, i)
	return out, overBudget(err)
}

// Projects lists the workspace's projects, oldest first.
func (w *Workspace) Projects() []Project { return w.e.sky.Projects(w.world) }

// Project finds a project; false if there is none.
func (w *Workspace) Project(id string) (Project, bool) { return w.e.sky.Project(w.world, id) }

// CreateProject adds a project.
func (w *Workspace) CreateProject(p Project) (Project, error) {
	out, err := w.e.sky.CreateProject(w.world, p)
	return out, overBudget(err)
}

// Fail makes the running action of an instance fail now, or
// crashes an instance that is running. code is the reason shown; "" takes the
// usual one. It refuses an instance that does not exist or that rests.
func (w *Workspace) Fail(instance, code string) error { return w.e.sky.Fail(w.world, instance, code) }

// Finish completes the running action of an instance now; with the progression
// "manual" nothing else does. It refuses an instance that does not exist or that
// rests.
func (w *Workspace) Finish(instance string) error { return w.e.sky.Finish(w.world, instance) }

// SetLoad sets the load of an instance from now on, in place of the synthetic
// values of its metrics. It refuses what is no percentage, and an instance that
// does not exist.
func (w *Workspace) SetLoad(instance string, l Load) error {
	return w.e.sky.SetLoad(w.world, instance, l)
}

// SetRateLimit changes how many requests are served from the next one on; limits
// of 0 stay as they are.
func (w *Workspace) SetRateLimit(r RateLimit) error { return w.e.sky.SetRateLimit(w.world, r) }

// Exhaust uses up what a key, given by its token or its id, may send in a window:
// in the minute unless others are named; "" is Key. It refuses a window that is not
// limited.
func (w *Workspace) Exhaust(key string, window ...Window) error {
	return w.e.sky.Credentials.Exhaust(w.world, cmp.Or(key, w.key), window...)
}

// Refill gives back everything that was used of all limits.
func (w *Workspace) Refill() error { return w.e.sky.Credentials.Refill(w.world) }

// Limits lists the limits of each key that is limited and what is left of them.
func (w *Workspace) Limits() []Limit { return w.e.sky.Credentials.Limits(w.world) }

// WaitForStatus returns an instance as soon as it has the status. It does not move
// time: with a frozen clock another goroutine must. Its error says what the instance
// waits for. It refuses a status that does not exist.
func (w *Workspace) WaitForStatus(ctx context.Context, instance, status string) (Instance, error) {
	if err := w.e.sky.CheckStatus(status); err != nil {
		return Instance{}, err
	}
	for {
		changed := w.world.Changed()
		i, ok := w.Instance(instance)
		if ok && i.Status == status {
			return i, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return i, w.timeoutError(ctx, instance, status, i, ok)
		}
	}
}

func (w *Workspace) timeoutError(ctx context.Context, instance, status string, i Instance, there bool) error {
	if !there {
		return fmt.Errorf("waiting for instance %s to be %s: there is no such instance: %w", instance, status, context.Cause(ctx))
	}
	next := "nothing is booked that could change it"
	for _, event := range w.Agenda() {
		if event.Subject == i.PendingAction && event.Subject != "" {
			next = fmt.Sprintf("its %s falls due in %v, and the clock is %s", event.Step, event.At.Sub(w.Now()), w.Clock().Mode)
			break
		}
	}
	return fmt.Errorf("waiting for instance %s to be %s: it is %s; %s: %w", instance, status, i.Status, next, context.Cause(ctx))
}

package engine

import (
	"context"
	"strconv"
)

// Task is work that runs without the lock of a world, such as a request to another
// server. The function that it returns, unless nil, runs in a transaction afterwards.
// The context ends when the world is closed, and when another state replaces the one
// that started the task.
type Task func(ctx context.Context) func(tx *Tx)

// tasks holds the tasks of the present state.
type tasks struct {
	ctx     context.Context
	cancel  context.CancelFunc
	running int
	started uint64          // how many were started; the count numbers them
	open    map[string]work // expected work, by its id
	opened  uint64          // how much was expected; the count numbers it
}

// work is expected, and may have started.
type work struct {
	number uint64   // in the order in which it was expected
	cause  *advance // nil if no advance caused it
	task   uint64   // the number of its task; 0 before it has started
}

// currentTasks returns the tasks of the present state.
func (w *World) currentTasks() *tasks {
	if w.tasks == nil {
		ctx, cancel := context.WithCancel(context.Background())
		w.tasks = &tasks{ctx: ctx, cancel: cancel, open: map[string]work{}}
	}
	return w.tasks
}

// Expect announces work that is due now, though its task may have to wait for others.
// An advance that caused it does not move time until Finish or the end of the task.
// Announcing the same id twice has no effect.
func (tx *Tx) Expect(id string) {
	w := tx.w
	if w.closed || w.copyOf != nil {
		return
	}
	t := w.currentTasks()
	if _, ok := t.open[id]; ok {
		return
	}
	t.opened++
	t.open[id] = work{number: t.opened, cause: w.causedBy}
	if a := w.causedBy; a != nil {
		a.caused++
	} else {
		w.wake() // an advance that waits for earlier work may give up
	}
}

// Finish marks the work of the id as complete or dropped. It has no effect if the work
// is not expected.
func (tx *Tx) Finish(id string) { tx.w.finish(id) }

func (w *World) finish(id string) {
	if w.tasks == nil {
		return
	}
	work, ok := w.tasks.open[id]
	if !ok {
		return
	}
	delete(w.tasks.open, id)
	if a := w.advance; a != nil {
		switch {
		case work.cause == a:
			a.caused--
		case work.number <= a.openedBefore:
			a.backlog--
		}
		w.wake()
	}
}

// Start starts a task for the work of the id; "" is work of its own. The work is
// finished when the task is complete. An advance waits for the tasks that it caused;
// time that moves by itself does not. If another state replaces this one, the function
// that the task returns does not run: work that must not be lost is a row that
// OnRestore finds again. A closed world starts no task.
func (tx *Tx) Start(id string, task Task) {
	w := tx.w
	if w.closed || w.copyOf != nil {
		return
	}
	t := w.currentTasks()
	t.started++
	t.running++
	number := t.started
	if id == "" {
		id = "task " + strconv.FormatUint(number, 10)
	}
	tx.Expect(id)
	now := t.open[id]
	now.task = number
	t.open[id] = now
	w.running.Add(1)
	go func() {
		defer w.running.Done()
		w.complete(t, id, number, task(t.ctx))
	}()
}

// complete runs the function that a task returned, if the state that started the task
// is still the present one.
func (w *World) complete(t *tasks, id string, number uint64, rest func(tx *Tx)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tasks != t || w.closed {
		return
	}
	defer w.arm()
	w.catchUp()
	if w.tasks != t { // a periodic reset was due
		return
	}
	if cause := t.open[id].cause; cause != nil && cause == w.advance {
		w.causedBy = cause
		defer func() { w.causedBy = nil }()
	}
	if rest != nil {
		rest(&Tx{w: w, s: w.s, now: w.s.clock.last})
		w.notifyChanged()
	}
	t.running--
	if a := w.advance; a != nil && number <= a.startedBefore {
		a.inFlight--
	}
	if t.open[id].task == number { // it was not started again
		w.finish(id)
	}
	w.wake()
}

// cancelTasks cancels all tasks. The caller holds the lock.
func (w *World) cancelTasks() {
	if w.tasks != nil {
		w.tasks.cancel()
		w.tasks = nil
	}
	if a := w.advance; a != nil {
		a.caused, a.backlog, a.inFlight = 0, 0, 0
	}
	w.wake()
}

// wake wakes callers that wait for tasks.
func (w *World) wake() {
	if w.completed != nil {
		close(w.completed)
		w.completed = nil
	}
}

// await releases the lock until a task is complete, an advance is interrupted or the
// context ends.
func (w *World) await(ctx context.Context) {
	if w.completed == nil {
		w.completed = make(chan struct{})
	}
	completed := w.completed
	w.arm()
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-completed:
	case <-ctx.Done():
	}
}

// WaitIdle waits until no task is running, tasks that tasks start included. It does
// not advance time; time that moves by itself continues. It returns the error of the
// context.
func (w *World) WaitIdle(ctx context.Context) error {
	if err := w.mu.lock(ctx); err != nil {
		return err
	}
	defer w.mu.Unlock()
	defer w.arm()
	w.catchUp() // due events may start tasks
	for w.tasks != nil && w.tasks.running > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.await(ctx)
	}
	return nil
}

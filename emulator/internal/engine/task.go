package engine

import (
	"context"
	"strconv"
)

// Task is work that cannot be done while a world is held, such as sending
// something to a server outside. What it returns, unless nil, is done in a
// transaction afterwards. The context ends when the world is closed, and when
// another state takes the place of the one that started the task.
type Task func(ctx context.Context) func(tx *Tx)

// tasks is what a world knows of the tasks of its present state.
type tasks struct {
	ctx     context.Context
	cancel  context.CancelFunc
	running int
	started uint64          // how many were, which numbers them
	open    map[string]work // what is to be done at once, by its id
	opened  uint64          // how much was, which numbers it
}

// work is expected, and perhaps under way.
type work struct {
	number uint64   // in the order in which it was expected
	cause  *advance // nil if no advance is
	task   uint64   // the number of the task that does it; 0 before it has started
}

// currentTasks are the tasks of the present state.
func (w *World) currentTasks() *tasks {
	if w.tasks == nil {
		ctx, cancel := context.WithCancel(context.Background())
		w.tasks = &tasks{ctx: ctx, cancel: cancel, open: map[string]work{}}
	}
	return w.tasks
}

// Expect says that work of the id is to be done at once, though its task may have
// to wait for others: an advance that causes it lets time stand still until it is
// done, whoever starts the task. What is expected already stays as it is.
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
		w.wake() // an advance may lose its patience
	}
}

// Finish says that the work of the id is done, or will not be. Nothing happens
// if it is not expected.
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

// Start has a task done at once, without the world: the work of the id, "" for
// work of its own, which is finished when the task is complete. Time that is moved by command stands still
// until what it caused is done; time that moves by itself goes on. If another state
// takes the place of this one, what the task returns is forgotten: what must not
// get lost is a row of the state that OnRestore finds again. A closed world starts
// nothing.
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

// complete does what a task left to be done, if the state that started it is still
// the world's.
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

// cancelTasks calls all tasks back; the gate is held.
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

// wake lets whoever waits for tasks look again.
func (w *World) wake() {
	if w.completed != nil {
		close(w.completed)
		w.completed = nil
	}
}

// await lets everybody in until a task is complete, something interrupts an
// advance, or the context ends. The gate is held before and after.
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

// WaitIdle waits until no task is under way, those included that others bring with
// them. It moves no time by command; time that moves by itself goes on. The error
// is that of the context.
func (w *World) WaitIdle(ctx context.Context) error {
	if err := w.mu.lock(ctx); err != nil {
		return err
	}
	defer w.mu.Unlock()
	defer w.arm()
	w.catchUp() // what is due by now counts
	for w.tasks != nil && w.tasks.running > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.await(ctx)
	}
	return nil
}

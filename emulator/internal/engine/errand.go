package engine

import "context"

// Errand is work that cannot be done while a world is held, such as sending
// something to a server outside. What it returns, unless nil, is done in a
// transaction afterwards. The context ends when the world is closed, and when
// another state takes the place of the one that sent the errand.
type Errand func(ctx context.Context) func(tx *Tx)

// errands is what a world knows of those that are under way.
type errands struct {
	ctx    context.Context // of those that the present state has sent; nil if there was none
	cancel context.CancelFunc
	flying int
}

// Send has an errand done at once, without the world. Time that is moved by
// command stands still until the errands of each instant are back; time that
// moves by itself goes on. If another state takes the place of this one, the
// errand's return is forgotten: what must not get lost is a row of the state that
// OnRestore finds again. A closed world sends nothing.
func (tx *Tx) Send(e Errand) {
	w := tx.w
	if w.closed || w.of != nil {
		return
	}
	if w.errands == nil {
		ctx, cancel := context.WithCancel(context.Background())
		w.errands = &errands{ctx: ctx, cancel: cancel}
	}
	sent := w.errands
	sent.flying++
	w.away.Add(1)
	go func() {
		defer w.away.Done()
		w.land(sent, e(sent.ctx))
	}()
}

// land does what an errand left to be done, if the state that sent it is still
// the world's.
func (w *World) land(sent *errands, rest func(tx *Tx)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.errands != sent || w.closed {
		return
	}
	defer w.arm()
	w.settle(w.read())
	if w.errands != sent { // a periodic reset was due
		return
	}
	if rest != nil {
		rest(&Tx{w: w, s: w.s, now: w.s.clock.last})
		w.touched()
	}
	sent.flying--
	w.landed.Broadcast()
}

// abandon calls all errands back; the lock is held.
func (w *World) abandon() {
	if w.errands == nil {
		return
	}
	w.errands.cancel()
	w.errands = nil
	w.landed.Broadcast()
}

// rest waits until no errand is under way, without the lock. It reports false if
// another state took the place of the present one meanwhile.
func (w *World) rest() bool {
	for s := w.s; w.errands != nil && w.errands.flying > 0; {
		w.landed.Wait()
		if w.s != s {
			return false
		}
	}
	return true
}

func (w *World) waits() bool { return w.errands != nil && w.errands.flying > 0 }

// depart begins a journey through time: one is made after another.
func (w *World) depart() {
	for w.travelling {
		w.landed.Wait()
	}
	w.travelling = true
}

func (w *World) arrive() {
	w.travelling = false
	w.landed.Broadcast()
}

// travel moves the clock to an instant and runs what is due on the way, each
// event at its own. What an instant sends out has come back before the next
// begins. The lock is held, but for those waits.
func (w *World) travel(to int64) {
	last := w.s.clock.last
	for {
		at, due := w.due()
		if due && at <= to && (at <= last || !w.waits()) {
			w.step(to)
			last = max(last, at)
			continue
		}
		w.move(min(last, to))
		if w.waits() {
			if !w.rest() {
				return
			}
			last = max(last, w.s.clock.last)
			continue
		}
		w.move(to)
		if w.s.clock.moves() { // and goes on meanwhile: to wait once is enough
			w.settle(w.s.clock.last)
			w.rest()
			return
		}
		if !w.waits() {
			return
		}
	}
}

// move is the clock's part of a journey.
func (w *World) move(to int64) {
	if w.s.clock.advance(to, wallNow()) {
		w.touched()
	}
}

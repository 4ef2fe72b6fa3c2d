package skystack

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// relay holds messages that listeners pull instead of having them sent. It is of
// the process, not of the world: what nobody carried counts as a failed attempt.
type relay struct {
	mu    sync.Mutex
	desks map[relayDesk]*pickup
}

// relayDesk is where the messages of one listener wait.
type relayDesk struct {
	world *engine.World
	id    string
}

// pickup is what waits at a desk.
type pickup struct {
	parked []*parcel
	taken  map[string]*parcel // by the id of the attempt
	asking int                // who wait for a message
	silent bool               // nobody took the last one: until somebody asks, nothing is parked
	came   chan struct{}      // closed when something is parked
}

type parcel struct {
	m     webhook.Message
	taken engine.Wall   // when a listener took it
	left  chan struct{} // closed by then
	done  chan webhook.Outcome
}

// tellingTime is what a listener has on top of the receiver's time to say what
// became of a message: one that waits as long as it may would always be too late.
const tellingTime = time.Second

// NoListener is the error of attempts that nobody pulled.
const NoListener = "no_listener"

// desk is that of a listener, made when it is missing; the lock is held.
func (r *relay) desk(at relayDesk) *pickup {
	p := r.desks[at]
	if p == nil {
		p = &pickup{taken: map[string]*parcel{}, came: make(chan struct{})}
		if r.desks == nil {
			r.desks = map[relayDesk]*pickup{}
		}
		r.desks[at] = p
	}
	return p
}

// send parks a message until somebody has carried it and said what became of it.
// The time of the receiver begins when the message is taken.
func (r *relay) send(ctx context.Context, at relayDesk, m webhook.Message, timeout time.Duration) webhook.Outcome {
	x := &parcel{m: m, left: make(chan struct{}), done: make(chan webhook.Outcome, 1)}
	r.mu.Lock()
	p := r.desks[at]
	if p == nil || p.silent {
		r.mu.Unlock()
		return unheard(m.URL, "and nobody listens")
	}
	p.parked = append(p.parked, x)
	close(p.came)
	p.came = make(chan struct{})
	r.mu.Unlock()
	out, ok := x.await(ctx, x.left, timeout)
	if ok {
		return out
	}
	taken := !r.withdraw(ctx, p, x)
	if taken {
		out, ok = x.await(ctx, nil, timeout+tellingTime)
	}
	if !ok {
		out, ok = r.giveUp(p, x)
	}
	switch {
	case ok:
		return out
	case ctx.Err() != nil:
		return webhook.Outcome{Error: webhook.Canceled, Message: "The sandbox gave the attempt up before the listener had answered: it stops, or the endpoint is gone."}
	case taken:
		within := timeout + tellingTime
		return webhook.Outcome{Error: webhook.Timeout, Message: fmt.Sprintf("The listener took the message, but did not say within %v what became of it.", within), Latency: within}
	}
	return unheard(m.URL, fmt.Sprintf("and nobody did within %v", timeout))
}

// withdraw takes a message back; false if a listener was faster. A message that had
// its time, and nobody asks for another, is the sign that nobody listens.
func (r *relay) withdraw(ctx context.Context, p *pickup, x *parcel) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := slices.Index(p.parked, x)
	if n >= 0 {
		p.parked = slices.Delete(p.parked, n, n+1)
		p.silent = ctx.Err() == nil && p.asking == 0
	}
	return n >= 0
}

// giveUp waits for a message no longer. What was said about it at the last moment
// counts, for whoever said it was told so.
func (r *relay) giveUp(p *pickup, x *parcel) (webhook.Outcome, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.taken[x.m.DeliveryID] == x { // and not the same attempt of a state that was put back
		delete(p.taken, x.m.DeliveryID)
	}
	select {
	case out := <-x.done:
		return out, true
	default:
		return webhook.Outcome{}, false
	}
}

// await waits for what became of a message; false if instead was closed, or the time
// was over, first.
func (x *parcel) await(ctx context.Context, instead <-chan struct{}, most time.Duration) (webhook.Outcome, bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case out := <-x.done:
		return out, true
	case <-instead:
	case <-ctx.Done():
	}
	return webhook.Outcome{}, false
}

// unheard is the outcome of an attempt that nobody pulled.
func unheard(url, why string) webhook.Outcome {
	return webhook.Outcome{Error: NoListener, Message: fmt.Sprintf(
		"The messages of this endpoint are pulled, %s. Run \"skystack-sandbox listen --forward-to %s\", or delete the endpoint.", why, url)}
}

// next takes the oldest message, when there is one; false when ctx ended first.
func (r *relay) next(ctx context.Context, at relayDesk, gone <-chan struct{}) (webhook.Message, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.desk(at)
	p.silent = false
	p.asking++
	defer func() { p.asking-- }()
	for len(p.parked) == 0 {
		came := p.came
		r.mu.Unlock()
		select {
		case <-came:
		case <-gone:
		case <-ctx.Done():
		}
		r.mu.Lock()
		if len(p.parked) == 0 && (ctx.Err() != nil || closed(gone)) {
			return webhook.Message{}, false
		}
	}
	x := p.parked[0]
	p.parked = p.parked[1:]
	x.taken = engine.Begin()
	close(x.left)
	p.taken[x.m.DeliveryID] = x
	return x.m, true
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// answer says what became of a message; false if nobody waits for that any more.
// The latency is the listener's: from when it took the message.
func (r *relay) answer(at relayDesk, attempt string, out webhook.Outcome) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.desks[at]
	if p == nil || p.taken[attempt] == nil {
		return false
	}
	out.Latency = p.taken[attempt].taken.Elapsed()
	p.taken[attempt].done <- out
	delete(p.taken, attempt)
	return true
}

// open makes a listener's desk, and forget gives it up.
func (r *relay) open(at relayDesk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.desk(at)
}

func (r *relay) forget(at relayDesk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(at)
}

// forgetWorld gives up all desks of a world that has ended.
func (r *relay) forgetWorld(w *engine.World) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at := range r.desks {
		if at.world == w {
			r.drop(at)
		}
	}
}

// drop calls off what waits at a desk; the lock is held.
func (r *relay) drop(at relayDesk) {
	p := r.desks[at]
	if p == nil {
		return
	}
	off := webhook.Outcome{Error: webhook.Canceled, Message: "The listener has ended."}
	for _, x := range p.parked {
		x.done <- off
	}
	for _, x := range p.taken {
		x.done <- off
	}
	delete(r.desks, at)
}

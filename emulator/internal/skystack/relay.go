package skystack

import (
	"context"
	"fmt"
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
	taken engine.Wall // when a listener took it
	done  chan webhook.Outcome
}

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
func (r *relay) send(ctx context.Context, at relayDesk, m webhook.Message, timeout time.Duration) webhook.Outcome {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	x := &parcel{m: m, done: make(chan webhook.Outcome, 1)}
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
	select {
	case out := <-x.done:
		return out
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, taken := p.taken[m.DeliveryID]
	delete(p.taken, m.DeliveryID)
	for n, y := range p.parked {
		if x == y {
			p.parked = append(p.parked[:n:n], p.parked[n+1:]...)
			break
		}
	}
	switch {
	case ctx.Err() == context.Canceled:
		return webhook.Outcome{Error: webhook.Canceled, Message: "The sandbox gave the attempt up before the listener had answered: it stops, or the endpoint is gone."}
	case taken:
		return webhook.Outcome{Error: webhook.Timeout, Message: fmt.Sprintf("The listener took the message, but did not say within %v what became of it.", timeout), Latency: timeout}
	}
	p.silent = p.asking == 0
	return unheard(m.URL, fmt.Sprintf("and nobody did within %v", timeout))
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

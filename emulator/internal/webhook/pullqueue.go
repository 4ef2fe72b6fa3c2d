package webhook

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// pullQueues hold messages that listeners pull instead of having them sent. They belong
// to the process, not to the world: a message that no listener pulled is a failed attempt.
type pullQueues struct {
	mu     sync.Mutex
	queues map[listenerKey]*pullQueue
}

// listenerKey names a listener.
type listenerKey struct {
	world *engine.World
	id    string
}

// pullQueue holds the messages of one listener.
type pullQueue struct {
	waiting []*pullMessage
	taken   map[string]*pullMessage // by the id of the attempt
	pulling int                     // calls that wait for a message
	// unattended says that no listener took the last message: until one pulls, further
	// messages fail at once.
	unattended bool
	arrived    chan struct{} // closed when a message arrives
}

type pullMessage struct {
	message Message
	takenAt engine.Stopwatch // when a listener took it
	taken   chan struct{}    // closed by then
	outcome chan Outcome
}

// reportTime is what a listener has on top of the receiver's timeout to report the
// outcome of a message: one that uses all of the timeout would always be too late.
const reportTime = time.Second

// NoListener is the error of attempts that no listener pulled.
const NoListener = "no_listener"

// queue returns the queue of a listener, which it makes if there is none. The lock is
// held.
func (p *pullQueues) queue(of listenerKey) *pullQueue {
	q := p.queues[of]
	if q == nil {
		q = &pullQueue{taken: map[string]*pullMessage{}, arrived: make(chan struct{})}
		if p.queues == nil {
			p.queues = map[listenerKey]*pullQueue{}
		}
		p.queues[of] = q
	}
	return q
}

// deliver waits until a listener has pulled a message and reported its outcome. The
// receiver's timeout begins when the message is taken.
func (p *pullQueues) deliver(ctx context.Context, to listenerKey, m Message, timeout time.Duration) Outcome {
	x := &pullMessage{message: m, taken: make(chan struct{}), outcome: make(chan Outcome, 1)}
	p.mu.Lock()
	q := p.queues[to]
	if q == nil || q.unattended {
		p.mu.Unlock()
		return notPulled(m.URL, "and no listener runs")
	}
	q.waiting = append(q.waiting, x)
	close(q.arrived)
	q.arrived = make(chan struct{})
	p.mu.Unlock()
	out, ok := x.wait(ctx, x.taken, timeout)
	if ok {
		return out
	}
	taken := !p.withdraw(ctx, q, x)
	if taken {
		out, ok = x.wait(ctx, nil, timeout+reportTime)
	}
	if !ok {
		out, ok = p.giveUp(q, x)
	}
	switch {
	case ok:
		return out
	case ctx.Err() != nil:
		return Outcome{Error: Canceled, Message: "The sandbox canceled the attempt before the listener responded: the sandbox stops, or the endpoint was removed."}
	case taken:
		within := timeout + reportTime
		return Outcome{Error: Timeout, Message: fmt.Sprintf("The listener took the message, but did not report the outcome within %v.", within), Latency: within}
	}
	return notPulled(m.URL, fmt.Sprintf("and no listener did so within %v", timeout))
}

// withdraw takes a message back; false if a listener was faster. A message whose time
// is over while no listener pulls is the sign that none runs.
func (p *pullQueues) withdraw(ctx context.Context, q *pullQueue, x *pullMessage) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := slices.Index(q.waiting, x)
	if n >= 0 {
		q.waiting = slices.Delete(q.waiting, n, n+1)
		q.unattended = ctx.Err() == nil && q.pulling == 0
	}
	return n >= 0
}

// giveUp stops waiting for a message. An outcome that was reported at the last moment
// counts, because the listener was told that it does.
func (p *pullQueues) giveUp(q *pullQueue, x *pullMessage) (Outcome, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.taken[x.message.DeliveryID] == x { // and not the same attempt of a restored state
		delete(q.taken, x.message.DeliveryID)
	}
	select {
	case out := <-x.outcome:
		return out, true
	default:
		return Outcome{}, false
	}
}

// wait waits for the outcome of a message; false if instead was closed, or the time was
// over, first.
func (x *pullMessage) wait(ctx context.Context, instead <-chan struct{}, most time.Duration) (Outcome, bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case out := <-x.outcome:
		return out, true
	case <-instead:
	case <-ctx.Done():
	}
	return Outcome{}, false
}

// notPulled is the outcome of an attempt that no listener pulled.
func notPulled(url, why string) Outcome {
	return Outcome{Error: NoListener, Message: fmt.Sprintf(
		"The messages of this endpoint are pulled, %s. Run \"skystack-sandbox listen --forward-to %s\", or delete the endpoint.", why, url)}
}

// pull waits for the oldest message and takes it; false when ctx ended or gone was
// closed first.
func (p *pullQueues) pull(ctx context.Context, of listenerKey, gone <-chan struct{}) (Message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queue(of)
	q.unattended = false
	q.pulling++
	defer func() { q.pulling-- }()
	for len(q.waiting) == 0 {
		arrived := q.arrived
		p.mu.Unlock()
		ended := false
		select {
		case <-arrived:
		case <-gone:
			ended = true
		case <-ctx.Done():
			ended = true
		}
		p.mu.Lock()
		if ended && len(q.waiting) == 0 {
			return Message{}, false
		}
	}
	x := q.waiting[0]
	q.waiting = q.waiting[1:]
	x.takenAt = engine.StartStopwatch()
	close(x.taken)
	q.taken[x.message.DeliveryID] = x
	return x.message, true
}

// report passes the outcome of a message on; false if no attempt waits for it any more.
// The latency is the listener's: from when it took the message.
func (p *pullQueues) report(of listenerKey, attempt string, out Outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[of]
	if q == nil || q.taken[attempt] == nil {
		return false
	}
	x := q.taken[attempt]
	out.Latency = x.takenAt.Elapsed()
	x.outcome <- out
	delete(q.taken, attempt)
	return true
}

// open makes the queue of a listener.
func (p *pullQueues) open(of listenerKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue(of)
}

// close drops the queue of a listener and cancels its messages.
func (p *pullQueues) close(of listenerKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(of)
}

// closeWorld drops the queues of a world that has ended.
func (p *pullQueues) closeWorld(w *engine.World) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for of := range p.queues {
		if of.world == w {
			p.drop(of)
		}
	}
}

// drop is close; the lock is held.
func (p *pullQueues) drop(of listenerKey) {
	q := p.queues[of]
	if q == nil {
		return
	}
	canceled := Outcome{Error: Canceled, Message: "The listener has ended."}
	for _, x := range q.waiting {
		x.outcome <- canceled
	}
	for _, x := range q.taken {
		x.outcome <- canceled
	}
	delete(p.queues, of)
}

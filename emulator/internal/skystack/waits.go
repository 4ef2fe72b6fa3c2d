package skystack

import (
	"fmt"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// maxWaiting is how many requests of a workspace may wait for events at a time,
// streams included (10.2, row 9).
const maxWaiting = 100

// waits counts the requests that wait, by their world. The zero waits is ready.
type waits struct {
	mu sync.Mutex
	n  map[*engine.World]int
}

// enter takes one of the places of a world until leave; code is that of the
// refusal when there is none.
func (w *waits) enter(world *engine.World, code string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n[world] >= maxWaiting {
		return &fail.Error{
			Kind: fail.Unavailable, Code: code, RetryAfter: time.Second,
			Message: fmt.Sprintf("%d requests and streams of the workspace wait for events already; try again when some of them have ended.", maxWaiting),
		}
	}
	if w.n == nil {
		w.n = map[*engine.World]int{}
	}
	w.n[world]++
	return nil
}

func (w *waits) leave(world *engine.World) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n[world]--; w.n[world] == 0 {
		delete(w.n, world)
	}
}

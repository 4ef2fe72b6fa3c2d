package event

import (
	"fmt"
	"sync"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// maxWaiting bounds how many requests of a world wait for events at a time,
// streams included (10.2, row 9).
const maxWaiting = 100

// waits counts the requests that wait, by their world. The zero value is ready.
type waits struct {
	mu sync.Mutex
	n  map[*engine.World]int
}

// acquire counts one more request of a world until release; the error has the code when
// too many wait already.
func (w *waits) acquire(world *engine.World, code string) error {
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

func (w *waits) release(world *engine.World) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n[world]--; w.n[world] == 0 {
		delete(w.n, world)
	}
}

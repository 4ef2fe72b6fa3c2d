package emulator

import (
	"cmp"
	"fmt"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/journal"
)

// WithJournal bounds the record of requests of each workspace, in bytes; default
// 16 MiB. An eighth of it is for requests that the limiter refused and those
// without a valid key, which push out only their like.
func WithJournal(bytes int) Option {
	return func(c *config) error {
		if bytes < minJournal {
			return fmt.Errorf("journal of %d bytes: use at least %d", bytes, minJournal)
		}
		c.journal = bytes
		return nil
	}
}

// WithWorkspaceBudget bounds the memory that one workspace may take, in bytes: its
// objects, what is kept of what happened, the snapshots that its keys keep on the
// server, and its record of requests, which takes a quarter at most. What the
// fixture of this emulator takes does not count. What has no room is refused with
// 413 budget_exceeded before anything is changed. The sizes are estimates. Default
// is no bound, which Unlimited says too; the least is 1 MiB.
func WithWorkspaceBudget(bytes int64) Option {
	return func(c *config) error {
		if bytes == Unlimited {
			c.budget = 0
			return nil
		}
		if bytes < minBudget {
			return fmt.Errorf("workspace budget of %d bytes: use at least %d, or Unlimited", bytes, minBudget)
		}
		c.budget = bytes
		return nil
	}
}

// minBudget holds the smallest world and a record.
const minBudget = 1 << 20

// record is the bound of a workspace's record of requests, in bytes; 0 is the
// journal's own.
func (c *config) record() int {
	if c.budget == 0 {
		return c.journal
	}
	return int(min(int64(cmp.Or(c.journal, journal.DefaultMaxBytes)), c.budget/4))
}

// memory is the budget of a new workspace.
func (c *config) memory() engine.Budget {
	if c.budget == 0 {
		return engine.Budget{}
	}
	return engine.Budget{Bytes: c.budget, Reserve: int64(c.record())}
}

// minJournal holds a few requests with large bodies.
const minJournal = 64 << 10

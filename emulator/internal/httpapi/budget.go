package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// What a request that changes something is taken to need of its workspace's budget:
// its body, the event that shows it and the response that is kept for a repetition,
// and what comes along in any case.
const (
	bodyCopies  = 3
	leastGrowth = 4 << 10 // bytes
)

// grows tells whether the operation may add to what its workspace holds. What only
// deletes is allowed in a workspace that is full.
func (o *Operation) grows() bool {
	return o.Method == http.MethodPost || o.Method == http.MethodPut || o.Method == http.MethodPatch
}

// checkBudget refuses a request that the workspace's budget has no room for, before its
// handler runs.
func (x *RequestContext) checkBudget(tx *engine.Tx) error {
	if !x.Op.grows() {
		return nil
	}
	return tx.CheckBudget(bodyCopies*int64(len(x.body)) + leastGrowth)
}

// ConvertOverBudget returns err, with the error of a budget turned into a refusal.
func ConvertOverBudget(err error) error {
	var over *engine.OverBudget
	if !errors.As(err, &over) {
		return err
	}
	return &fail.Error{
		Kind: fail.TooLarge, Code: "budget_exceeded",
		Message: fmt.Sprintf("This takes the workspace to %d bytes or more, and its budget allows %d; delete objects or snapshots, or start the sandbox with a larger --workspace-budget.", over.Needed, over.Allowed),
		Details: []fail.Detail{{Extra: []fail.Member{{Name: "needed", Value: over.Needed}, {Name: "allowed", Value: over.Allowed}}}},
	}
}

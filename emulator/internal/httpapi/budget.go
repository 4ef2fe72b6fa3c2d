package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// The memory that a change is expected to need: its body, the event that shows it and
// the response that is stored for a repetition, and a fixed overhead.
const (
	bodyCopies  = 3
	leastGrowth = 4 << 10 // bytes
)

// grows reports whether the operation may add to its workspace. DELETE is allowed in a
// full workspace.
func (o *Operation) grows() bool {
	return o.Method == http.MethodPost || o.Method == http.MethodPut || o.Method == http.MethodPatch
}

// checkBudget returns an error, before the handler runs, if the workspace's budget
// does not allow the request.
func (x *RequestContext) checkBudget(tx *engine.Tx) error {
	if !x.Op.grows() {
		return nil
	}
	return tx.CheckBudget(bodyCopies*int64(len(x.body)) + leastGrowth)
}

// ConvertOverBudget turns an *engine.OverBudget into a request error, and returns any
// other error as it is.
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

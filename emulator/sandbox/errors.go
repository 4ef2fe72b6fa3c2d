package sandbox

import "errors"

// What is wrong with a command, for those who must tell one refusal from another.
// The methods of a Workspace wrap them.
var (
	// ErrNotFound says that what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the state does not allow it now.
	ErrConflict = errors.New("conflict")
	// ErrClosed says that the sandbox is being closed.
	ErrClosed = errors.New("the sandbox is being closed")
	// ErrOverBudget says that the workspace's budget of memory has no room for it.
	ErrOverBudget = errors.New("over the budget of the workspace")
)

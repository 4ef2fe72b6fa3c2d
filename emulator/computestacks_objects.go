package emulator

import (
	"skystack.dev/sandbox/emulator/internal/computestacks"
	"skystack.dev/sandbox/emulator/sandbox"
	typed "skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// ComputeStacks is typed access to the ComputeStacks API of the workspace, also when it is
// not served.
func (w *Workspace) ComputeStacks() typed.API {
	return computestacksObjects{w.e.stacks.Admin(w.world), w}
}

// computestacksObjects is the ComputeStacks API of a workspace.
type computestacksObjects struct {
	computestacks.Admin
	w *Workspace
}

// Credentials implements typed.API.
func (o computestacksObjects) Credentials() typed.Credentials {
	return sandbox.ComputeStacksCredentialsOf(o.w.key, o.w.Setup().Seed)
}

package cli

import (
	"context"

	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

type resetCommand struct {
	Fixture    string `placeholder:"NAME" help:"Start again with another fixture: default, docs, empty, busy=N, or the path of a file. It becomes what a reset returns to."`
	RestartIDs bool   `name:"restart-ids" help:"Let ids, event ids and secrets begin again, for golden files. Without it none of before the reset comes again."`
	connection
}

// reset returns a workspace to its start.
func reset(ctx context.Context, c resetCommand, environ []string) error {
	if c.Fixture != "" {
		if err := takeFixture(&plan{}, c.Fixture); err != nil {
			return &usageError{"reset", err}
		}
	}
	return c.use(ctx, "reset", environ, func(w *remote.Workspace) error {
		if c.Fixture != "" {
			if err := w.Load(c.Fixture); err != nil || !c.RestartIDs {
				return err
			}
		}
		var opts []sandbox.ResetOption
		if c.RestartIDs {
			opts = append(opts, sandbox.RestartIDs())
		}
		w.Reset(opts...)
		return w.Err()
	})
}

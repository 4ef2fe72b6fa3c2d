package cli

import (
	"context"

	"skystack.dev/sandbox/emulator/remote"
)

type resetCommand struct {
	Fixture string `placeholder:"NAME" help:"Start again with another fixture: default, docs, empty, busy=N, or the path of a file. It becomes what a reset returns to."`
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
			return w.Load(c.Fixture)
		}
		w.Reset()
		return w.Err()
	})
}

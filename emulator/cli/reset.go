package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

type resetCommand struct {
	Fixture    string
	RestartIDs bool
	connection
}

func (p *process) resetCommand() *cobra.Command {
	var c resetCommand
	return p.leaf("reset", "Return a workspace to its initial state.", "", append([]flag{
		{name: "fixture", value: textFlag(&c.Fixture, "NAME"), help: "Start again with another fixture: default, docs, empty, busy=N, or the path of a file. Later resets return to it."},
		{name: "restart-ids", value: truthFlag(&c.RestartIDs), help: "Start ids, event ids and secrets again, for golden files. By default none from before the reset is reused."},
	}, c.flags()...), func([]string) error {
		return untilSignal(func(ctx context.Context) error { return reset(ctx, c, p.environ) })
	})
}

// reset returns a workspace to its initial state.
func reset(ctx context.Context, c resetCommand, environ []string) error {
	if c.Fixture != "" {
		if err := takeFixture(&plan{}, c.Fixture); err != nil {
			return &usageError{"reset", fmt.Errorf("--fixture: %w", err)}
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

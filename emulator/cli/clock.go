package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

type clockCommand struct {
	output
	connection
}

type clockAdvanceCommand struct {
	By, To          string
	Next, UntilIdle bool
}

type clockSetCommand struct{ Mode, Now, Scale string }

func (p *process) clockCommand() *cobra.Command {
	var c clockCommand
	var ahead clockAdvanceCommand
	var how clockSetCommand
	// run is a command that does something with the workspace, or is wrong.
	run := func(command string, do func(*remote.Workspace) error, err error) error {
		if err != nil {
			return &usageError{command, err}
		}
		return remotely(func(ctx context.Context) error { return c.use(ctx, command, p.environ, do) })
	}
	show := func(w *remote.Workspace) error { return c.show(w, p.stdout) }
	all := group("clock", "Show and move the time of a workspace.", append(c.output.flags(), c.connection.flags()...),
		p.leaf("show", "Show the time of the workspace, how it moves, and what happens next.", "", nil, func([]string) error {
			return run("clock show", show, nil)
		}),
		p.leaf("advance [duration]", "Move time ahead and wait until all that falls due has happened; print the new time.", "", []flag{
			{name: "to", value: textFlag(&ahead.To, "TIME"), help: "To this instant, as 2026-03-19T10:22:44Z."},
			{name: "next", value: truthFlag(&ahead.Next), help: "To the next event; exit code 1 when nothing is booked."},
			{name: "until-idle", value: truthFlag(&ahead.UntilIdle), help: "Until nothing is booked any more."},
		}, func(words []string) error {
			ahead.By = argument(words, 0)
			after := show
			if !c.asJSON() {
				after = func(w *remote.Workspace) error { return printed(p.stdout, w, instant(w.Now())+"\n") }
			}
			do, err := ahead.advance(after)
			return run("clock advance", do, err)
		}),
		p.leaf("set", "Change how time moves.", "", []flag{
			{name: "mode", value: textFlag(&how.Mode, "real|scaled|frozen|auto"), help: "How time moves from now on. Without, as before."},
			{name: "now", value: textFlag(&how.Now, "TIME"), help: "Move ahead to this instant first. Time never goes back."},
			{name: "scale", value: textFlag(&how.Scale, "X"), help: "How many seconds pass in a second of a scaled clock, which it implies."},
		}, func([]string) error {
			do, err := how.set(show)
			return run("clock set", do, err)
		}),
		p.leaf("agenda", "List what will happen, a line each: when, what, and to which object.", "", nil, func([]string) error {
			return run("clock agenda", func(w *remote.Workspace) error { return c.agenda(w, p.stdout) }, nil)
		}),
	)
	all.Use = "clock [command]"
	all.RunE = func(*cobra.Command, []string) error {
		p.started = true
		return run("clock", show, nil)
	}
	return all
}

// advance is what the words of clock advance ask for: one of four ways.
func (c clockAdvanceCommand) advance(show func(*remote.Workspace) error) (func(*remote.Workspace) error, error) {
	ways := 0
	for _, given := range []bool{c.By != "", c.To != "", c.Next, c.UntilIdle} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, errors.New("say how far, in one way: a duration as 3s, --to=TIME, --next or --until-idle")
	}
	move := (*remote.Workspace).AdvanceUntilIdle
	switch {
	case c.By != "":
		d, err := time.ParseDuration(c.By)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("%q is not a duration ahead: write it as 3s or 1h30m", c.By)
		}
		move = func(w *remote.Workspace) error { return w.Advance(d) }
	case c.To != "":
		t, err := time.Parse(time.RFC3339, c.To)
		if err != nil {
			return nil, fmt.Errorf("--to: %q is not a time: write it as 2026-03-19T10:22:44Z", c.To)
		}
		move = func(w *remote.Workspace) error { return w.AdvanceTo(t) }
	case c.Next:
		move = func(w *remote.Workspace) error {
			if w.AdvanceToNext() || w.Err() != nil {
				return w.Err()
			}
			return errors.New("nothing is booked: time stays where it is")
		}
	}
	return func(w *remote.Workspace) error {
		if err := move(w); err != nil {
			return err
		}
		return show(w)
	}, nil
}

// set is what the flags of clock set ask for. They are read as those of serve
// are.
func (c clockSetCommand) set(show func(*remote.Workspace) error) (func(*remote.Workspace) error, error) {
	if c == (clockSetCommand{}) {
		return nil, errors.New("say what to change: --mode, --now or --scale")
	}
	p := &plan{}
	for _, f := range []struct {
		name, text string
		take       func(*plan, string) error
	}{{"--mode", c.Mode, takeClock}, {"--now", c.Now, takeNow}, {"--scale", c.Scale, takeScale}} {
		if f.text != "" {
			if err := f.take(p, f.text); err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	return func(w *remote.Workspace) error {
		to := p.clock
		if to.Mode == "" {
			was := w.Clock()
			if err := w.Err(); err != nil {
				return err
			}
			to.Mode, to.Scale = was.Mode, was.Scale
		}
		if err := w.SetClock(to); err != nil {
			return err
		}
		return show(w)
	}, nil
}

// agenda prints what will happen.
func (c clockCommand) agenda(w *remote.Workspace, stdout io.Writer) error {
	var text strings.Builder
	for _, e := range w.Agenda() {
		if !c.asJSON() {
			text.WriteString(eventLine(e) + "\n")
		} else if err := printJSON(&text, e); err != nil {
			return err
		}
	}
	return printed(stdout, w, text.String())
}

// show prints the time of the workspace, how it moves, and what happens next.
func (c clockCommand) show(w *remote.Workspace, stdout io.Writer) error {
	how, agenda := w.Clock(), w.Agenda()
	if c.asJSON() {
		if err := w.Err(); err != nil {
			return err
		}
		shown := struct {
			sandbox.Clock
			Next *sandbox.Event `json:"next"` // null when nothing is booked
		}{Clock: how}
		if len(agenda) > 0 {
			shown.Next = &agenda[0]
		}
		return printJSON(stdout, shown)
	}
	next := "nothing is booked"
	if len(agenda) > 0 {
		next = eventLine(agenda[0])
	}
	now := instant(how.Now)
	how.Now = time.Time{}
	return printed(stdout, w, fmt.Sprintf("now    %s\nclock  %s\nnext   %s\n", now, describeClock(how), next))
}

func eventLine(e sandbox.Event) string {
	return visible(fmt.Sprintf("%s  %s  %s", instant(e.At), e.Step, e.Subject))
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// printed prints what the sandbox said, unless a response got lost on the way.
func printed(stdout io.Writer, w *remote.Workspace, text string) error {
	if err := w.Err(); err != nil {
		return err
	}
	_, err := io.WriteString(stdout, text)
	return err
}

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
	// run calls do with the workspace, unless err says that the command line is wrong.
	run := func(command string, do func(*remote.Workspace) error, err error) error {
		if err != nil {
			return &usageError{command, err}
		}
		return untilSignal(func(ctx context.Context) error { return c.use(ctx, command, p.environ, do) })
	}
	show := func(w *remote.Workspace) error { return c.show(w, p.stdout) }
	all := group("clock", "Show and move the clock of a workspace.", append(c.output.flags(), c.connection.flags()...),
		p.leaf("show", "Show the time of the workspace, the clock mode, and the next event.", "", nil, func([]string) error {
			return run("clock show", show, nil)
		}),
		p.leaf("advance [duration]", "Advance the time, run all events that become due, and print the new time.", "", []flag{
			{name: "to", value: textFlag(&ahead.To, "TIME"), help: "To this instant, as 2026-03-19T10:22:44Z."},
			{name: "next", value: truthFlag(&ahead.Next), help: "To the next event; exit code 1 when none is scheduled."},
			{name: "until-idle", value: truthFlag(&ahead.UntilIdle), help: "Until no event is scheduled."},
		}, func(words []string) error {
			ahead.By = argument(words, 0)
			after := show
			if !c.asJSON() {
				after = func(w *remote.Workspace) error { return printed(p.stdout, w, instant(w.Now())+"\n") }
			}
			do, err := ahead.advance(after)
			return run("clock advance", do, err)
		}),
		p.leaf("set", "Change the clock mode, time or scale.", "", []flag{
			{name: "mode", value: textFlag(&how.Mode, "real|scaled|frozen|auto"), help: "How time moves from now on. Default: unchanged."},
			{name: "now", value: textFlag(&how.Now, "TIME"), help: "Advance to this instant first. Time never moves back."},
			{name: "scale", value: textFlag(&how.Scale, "X"), help: "How many seconds pass in a real second. Implies --mode=scaled."},
		}, func([]string) error {
			do, err := how.set(show)
			return run("clock set", do, err)
		}),
		p.leaf("agenda", "List the scheduled events, a line each: time, step and object.", "", nil, func([]string) error {
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

// advance returns the function that clock advance runs: exactly one of four ways.
func (c clockAdvanceCommand) advance(show func(*remote.Workspace) error) (func(*remote.Workspace) error, error) {
	ways := 0
	for _, given := range []bool{c.By != "", c.To != "", c.Next, c.UntilIdle} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, errors.New("give one of a duration as 3s, --to=TIME, --next or --until-idle")
	}
	move := (*remote.Workspace).AdvanceUntilIdle
	switch {
	case c.By != "":
		d, err := time.ParseDuration(c.By)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("%q is not a duration from 0 on: write it as 3s or 1h30m", c.By)
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
			return errors.New("no event is scheduled: the time is unchanged")
		}
	}
	return func(w *remote.Workspace) error {
		if err := move(w); err != nil {
			return err
		}
		return show(w)
	}, nil
}

// set returns the function that clock set runs. The flags are parsed as those of serve.
func (c clockSetCommand) set(show func(*remote.Workspace) error) (func(*remote.Workspace) error, error) {
	if c == (clockSetCommand{}) {
		return nil, errors.New("give at least one of --mode, --now and --scale")
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

// agenda prints the scheduled events.
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

// show prints the time of the workspace, the clock mode, and the next event.
func (c clockCommand) show(w *remote.Workspace, stdout io.Writer) error {
	how, agenda := w.Clock(), w.Agenda()
	if c.asJSON() {
		if err := w.Err(); err != nil {
			return err
		}
		shown := struct {
			sandbox.Clock
			Next *sandbox.Event `json:"next"` // null when no event is scheduled
		}{Clock: how}
		if len(agenda) > 0 {
			shown.Next = &agenda[0]
		}
		return printJSON(stdout, shown)
	}
	next := "no event is scheduled"
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

// printed prints text from responses, unless a request failed.
func printed(stdout io.Writer, w *remote.Workspace, text string) error {
	if err := w.Err(); err != nil {
		return err
	}
	_, err := io.WriteString(stdout, text)
	return err
}

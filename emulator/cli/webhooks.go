package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

func (p *process) webhooksCommand() *cobra.Command {
	var c connection
	return group("webhooks", "Wait for webhooks.", nil, p.leaf("flush", "Wait until no webhook is on its way and none waits for another.", "", c.flags(), func([]string) error {
		return remotely(func(ctx context.Context) error {
			return c.use(ctx, "webhooks flush", p.environ, func(w *remote.Workspace) error { return w.FlushWebhooks(ctx) })
		})
	}))
}

type triggerCommand struct {
	Event, Object, Project string
	output
	connection
}

const triggerHelp = "Emits an event about an object as it is, and prints the event's id, what it is about, and which webhooks get it. EVENT is its type, as instance.failed. Nothing else changes: the instance of an instance.failed runs on. Webhooks, streams and lists get the event as any other. When no webhook gets it, standard error says why and what to do; the event was emitted all the same, and the exit code is 0."

func (p *process) triggerCommand() *cobra.Command {
	var c triggerCommand
	return p.leaf("trigger EVENT", "Emit an event of any type.", triggerHelp, slices.Concat([]flag{
		{name: "object", value: textFlag(&c.Object, "ID"), help: "What it is about. Default: the newest object of its kind in the project, or one that is made up."},
		{name: "project", value: textFlag(&c.Project, "ID"), help: "Whose objects are taken. Default: those of the default project, or, where it has none, of any."},
	}, c.output.flags(), c.connection.flags()), func(words []string) error {
		c.Event = words[0]
		return remotely(func(ctx context.Context) error { return trigger(ctx, c, p.environ, p.stdout, p.stderr) })
	})
}

// trigger emits an event, and says who gets it.
func trigger(ctx context.Context, c triggerCommand, environ []string, stdout, stderr io.Writer) error {
	err := c.use(ctx, "trigger", environ, func(w *remote.Workspace) error {
		t, err := w.Trigger(sandbox.Trigger{Type: c.Event, Object: c.Object, Project: c.Project})
		if err != nil {
			return err
		}
		if t.Note != "" {
			_, _ = fmt.Fprintf(stderr, "%s: %s\n", program, visible(t.Note))
		}
		if c.asJSON() {
			return printJSON(stdout, t)
		}
		about := t.Object
		if t.Example {
			about += ", which is made up,"
		}
		if t.Project != "" && t.Project != t.Object {
			about += " of " + t.Project
		}
		text := visible(fmt.Sprintf("%s %s about %s", t.Event, t.Type, about)) + "\n"
		for _, hook := range t.Webhooks {
			text += "  " + visible("-> "+hook.ID+" "+hook.URL) + "\n"
		}
		return printed(stdout, w, text)
	})
	return ofFlags("trigger", err, map[string]string{"type": "EVENT", "object_id": "--object", "project_id": "--project"})
}

type deliveriesCommand struct {
	Webhook, Status, Event string
	output
	connection
}

const deliveriesHelp = "Prints the deliveries of the workspace, oldest first: id, event, webhook and status, and below it each attempt with what the receiver answered, or why it did not and what to do."

func (p *process) deliveriesCommand() *cobra.Command {
	var c deliveriesCommand
	return p.leaf("deliveries", "Show what was delivered to webhooks, and why not.", deliveriesHelp, slices.Concat([]flag{
		{name: "webhook", value: textFlag(&c.Webhook, "ID"), help: "Those of one webhook."},
		{name: "status", value: textFlag(&c.Status, "STATUS"), help: "Those that are queued, delivering, waiting, succeeded, exhausted or abandoned."},
		{name: "event", value: textFlag(&c.Event, "TYPE"), help: "Those of events of a type, as instance.running, or of a family, as instance.*."},
	}, c.output.flags(), c.connection.flags()), func([]string) error {
		return remotely(func(ctx context.Context) error { return deliveries(ctx, c, p.environ, p.stdout) })
	})
}

// deliveries prints what was delivered.
func deliveries(ctx context.Context, c deliveriesCommand, environ []string, stdout io.Writer) error {
	err := c.use(ctx, "deliveries", environ, func(w *remote.Workspace) error {
		found := w.Deliveries(sandbox.DeliveryMatch{Webhook: c.Webhook, Status: c.Status, EventType: c.Event})
		if err := w.Err(); err != nil {
			return err
		}
		for _, d := range found {
			if err := c.print(stdout, d); err != nil {
				return err
			}
		}
		return nil
	})
	return ofFlags("deliveries", err, map[string]string{"event_type": "--event"})
}

func (c deliveriesCommand) print(stdout io.Writer, d sandbox.Delivery) error {
	if c.asJSON() {
		return printJSON(stdout, d)
	}
	line := fmt.Sprintf("%s %s %s -> %s %s", d.ID, d.EventType, d.Event, d.Webhook, d.Status)
	if d.Reason != "" {
		line += ": " + d.Reason
	}
	if !d.NextAttemptAt.IsZero() {
		line += " until " + instant(d.NextAttemptAt)
	}
	text := visible(line) + "\n"
	for _, a := range d.Attempts {
		text += "  " + visible(instant(a.At)+" "+outcome(a.Status, fmt.Sprintf(" (%d ms)", a.LatencyMS), a.Error, a.Message)) + "\n"
	}
	_, err := io.WriteString(stdout, text)
	return err
}

// outcome says what became of an attempt.
func outcome(status int, latency, code, message string) string {
	text := fmt.Sprintf("%d", status)
	if status == 0 {
		text = "no answer"
	}
	text += latency
	if code != "" {
		text += " " + code + ": " + message
	}
	return text
}

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

func (p *process) webhooksCommand() *cobra.Command {
	var c connection
	return group("webhooks", "Wait for webhooks.", nil, p.leaf("flush", "Wait until no delivery is in flight or queued.", flushHelp, c.flags(), func([]string) error {
		return untilSignal(func(ctx context.Context) error {
			return c.use(ctx, "webhooks flush", p.environ, func(w *remote.Workspace) error { return flush(ctx, w, p.stderr) })
		})
	}))
}

// flush waits for the deliveries that are due, and says how many wait for a later
// attempt.
func flush(ctx context.Context, w *remote.Workspace, stderr io.Writer) error {
	if err := w.FlushWebhooks(ctx); err != nil {
		return err
	}
	waiting := w.Deliveries(sandbox.DeliveryMatch{Status: "waiting"})
	if len(waiting) == 0 {
		return w.Err()
	}
	first := slices.MinFunc(waiting, func(a, b sandbox.Delivery) int { return a.NextAttemptAt.Compare(b.NextAttemptAt) }).NextAttemptAt
	verb := "deliveries wait"
	if len(waiting) == 1 {
		verb = "delivery waits"
	}
	_, err := fmt.Fprintf(stderr, "%s: %d %s for a later attempt, the next one at %s: to make it due, run %q and flush again\n",
		program, len(waiting), verb, instant(first), program+" clock advance --to="+instant(first))
	return err
}

const flushHelp = "Waits until no delivery to a webhook is in flight and none is queued. Time does not move: a retry that is scheduled for later does not count, and standard error says how many deliveries wait for one. To make retries due, advance the clock, as with \"" + program + " clock advance --next\", and flush again."

type triggerCommand struct {
	Event, Object, Project string
	output
	connection
}

const triggerHelp = "Emits an event about an object in its present state, and prints the id of the event, the object, and the webhooks that receive it. EVENT is the type, as instance.failed. Nothing else changes: the instance of an instance.failed keeps running. Webhooks, streams and lists treat the event like any other. When no webhook receives it, standard error says why and what to do; the event is emitted anyway, and the exit code is 0."

func (p *process) triggerCommand() *cobra.Command {
	var c triggerCommand
	cmd := p.leaf("trigger EVENT", "Emit an event of any type.", triggerHelp, slices.Concat([]flag{
		{name: "object", value: textFlag(&c.Object, "ID"), help: "The object of the event. Default: the newest object of this kind in the project, or else an example."},
		{name: "project", value: textFlag(&c.Project, "ID"), help: "The project of the object. Default: the default project, or, if it has no such object, any project."},
	}, c.output.flags(), c.connection.flags()), func(words []string) error {
		c.Event = words[0]
		return untilSignal(func(ctx context.Context) error { return trigger(ctx, c, p.environ, p.stdout, p.stderr) })
	})
	types := completeNames(func(n emulator.Names) []string { return n.EventTypes })
	cmd.ValidArgsFunction = func(c *cobra.Command, words []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(words) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return types(c, words, toComplete)
	}
	return cmd
}

// trigger emits an event, and prints the webhooks that receive it.
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
			about += ", which is an example,"
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
	return ofFlags("trigger", err, map[string]string{"object_not_found": "--object", "project_not_found": "--project", "type": "EVENT", "object_id": "--object", "project_id": "--project"})
}

type deliveriesCommand struct {
	Webhook, Status, Event string
	output
	connection
}

const deliveriesHelp = "Prints the deliveries of the workspace, oldest first: id, event, webhook and status, followed by each attempt with the response of the receiver, or with the reason why there is none and what to do."

func (p *process) deliveriesCommand() *cobra.Command {
	var c deliveriesCommand
	return p.leaf("deliveries", "Show the deliveries to webhooks, and why they failed.", deliveriesHelp, slices.Concat([]flag{
		{name: "webhook", value: textFlag(&c.Webhook, "ID"), help: "Only deliveries to this webhook."},
		{name: "status", value: textFlag(&c.Status, "STATUS"), help: "Only deliveries that are queued, delivering, waiting (for a later attempt), succeeded, exhausted or abandoned.", known: func(n emulator.Names) []string { return n.DeliveryStatuses }},
		{name: "event", value: textFlag(&c.Event, "TYPE"), help: "Only deliveries of events of this type, as instance.running, or family, as instance.*.", known: func(n emulator.Names) []string { return n.EventPatterns }},
	}, c.output.flags(), c.connection.flags()), func([]string) error {
		return untilSignal(func(ctx context.Context) error { return deliveries(ctx, c, p.environ, p.stdout) })
	})
}

// deliveries prints the deliveries that match.
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

// outcome returns the status or the error of an attempt as text.
func outcome(status int, latency, code, message string) string {
	text := fmt.Sprintf("%d", status)
	if status == 0 {
		text = "no response"
	}
	text += latency
	if code != "" {
		text += " " + code + ": " + message
	}
	return text
}

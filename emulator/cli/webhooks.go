package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

type webhooksCommand struct {
	Flush flushCommand `cmd:"" help:"Wait until no webhook is on its way and none waits for another."`
}

type flushCommand struct{ connection }

// flush waits until webhooks rest.
func flush(ctx context.Context, c flushCommand, environ []string) error {
	return c.use(ctx, "webhooks flush", environ, func(w *remote.Workspace) error { return w.FlushWebhooks(ctx) })
}

type triggerCommand struct {
	Event  string `arg:"" name:"EVENT" help:"The type of the event, as instance.failed."`
	Object string `placeholder:"ID" help:"What it is about. Default: the newest object of its kind, or one that is made up."`
	connection
}

// Help implements kong.HelpProvider.
func (triggerCommand) Help() string {
	return "Emits an event about an object as it is, and prints the event's id. Nothing else changes: the instance of an instance.failed runs on. Webhooks, streams and lists get the event as any other."
}

// trigger emits an event.
func trigger(ctx context.Context, c triggerCommand, environ []string, stdout io.Writer) error {
	return c.use(ctx, "trigger", environ, func(w *remote.Workspace) error {
		event, err := w.Trigger(c.Event, c.Object)
		if err != nil {
			return err
		}
		return printed(stdout, w, event+"\n")
	})
}

type deliveriesCommand struct {
	Webhook string `placeholder:"ID" help:"Those of one webhook."`
	Status  string `placeholder:"STATUS" help:"Those that are queued, delivering, waiting, succeeded, exhausted or abandoned."`
	Event   string `placeholder:"TYPE" help:"Those of events of a type, as instance.running, or of a family, as instance.*."`
	Format  string `placeholder:"text|json" default:"text" enum:"text,json" help:"Whether to print lines for people, or each delivery as a JSON object."`
	connection
}

// Help implements kong.HelpProvider.
func (deliveriesCommand) Help() string {
	return "Prints the deliveries of the workspace, oldest first: id, event, webhook and status, and below it each attempt with what the receiver answered, or why it did not and what to do."
}

// deliveries prints what was delivered.
func deliveries(ctx context.Context, c deliveriesCommand, environ []string, stdout io.Writer) error {
	return c.use(ctx, "deliveries", environ, func(w *remote.Workspace) error {
		found := w.Deliveries(sandbox.DeliveryMatch{Webhook: c.Webhook, Status: c.Status, EventType: c.Event})
		if err := w.Err(); err != nil {
			return err
		}
		for _, d := range found {
			if err := printDelivery(stdout, d, c.Format); err != nil {
				return err
			}
		}
		return nil
	})
}

func printDelivery(stdout io.Writer, d sandbox.Delivery, format string) error {
	if format == "json" {
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

func printJSON(stdout io.Writer, v any) error {
	to := json.NewEncoder(stdout)
	to.SetEscapeHTML(false)
	return to.Encode(v)
}

package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

type listenCommand struct {
	ForwardTo, Project, Secret string
	Events                     []string
	PrintSecret                bool
	output
	connection
}

const listenHelp = "Registers a webhook whose messages the sandbox does not send itself: this command pulls the signed messages, posts them unchanged to the receiver, and prints a line for each attempt. It works where the sandbox cannot reach the receiver, as from inside a container. The signing secret is the same each time that the command runs with the same receiver against the same workspace, seed and salt, unless --secret sets one. The webhook is removed on exit (Ctrl-C). When the sandbox stops, the command exits with code 1."

func (p *process) listenCommand() *cobra.Command {
	var c listenCommand
	return p.leaf("listen", "Forward webhooks to a receiver that the sandbox cannot reach.", listenHelp, slices.Concat([]flag{
		{name: "forward-to", value: textFlag(&c.ForwardTo, "URL"), help: "The URL of the receiver, as http://localhost:3000/hook.", required: true},
		{name: "events", value: listFlag(&c.Events, "TYPE"), help: "Types of events, as instance.running, or families, as instance.*. Repeat for more. Default: all types.", known: func(n emulator.Names) []string { return n.EventPatterns }},
		{name: "project", value: textFlag(&c.Project, "ID"), help: "The project whose events are forwarded. Default: the default project of the workspace."},
		{name: "secret", value: textFlag(&c.Secret, "SECRET"), help: "The signing secret: whsec_ and 24 to 64 bytes in base64. Default: a secret that depends on the workspace and the receiver, and is the same each time."},
		{name: "print-secret", value: truthFlag(&c.PrintSecret), help: "Print only the signing secret on the first line, for a script that reads it."},
	}, c.output.flags(), c.connection.flags()), func([]string) error {
		return untilSignal(func(ctx context.Context) error { return listen(ctx, c, p.environ, p.stdout, p.stderr) })
	})
}

const (
	postTimeout = 10 * time.Second // as a webhook of the sandbox
	// bodyWait limits how long the body of a response may take after its header. The
	// body is only logged.
	bodyWait  = 250 * time.Millisecond
	maxBody   = 1 << 10
	maxHeader = 16 << 10
	// maxRetryAfter is longer than any HTTP date.
	maxRetryAfter = 64
)

// listen forwards messages until the context ends.
func listen(ctx context.Context, c listenCommand, environ []string, stdout, stderr io.Writer) error {
	if u, err := url.Parse(c.ForwardTo); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &usageError{"listen", fmt.Errorf("--forward-to: %q is not a URL: write it as http://localhost:3000/hook", c.ForwardTo)}
	}
	// The listener must still be removed after the context has ended, so the context ends
	// only the waiting.
	err := c.use(context.WithoutCancel(ctx), "listen", environ, func(w *remote.Workspace) error {
		l, err := w.Listen(sandbox.Listener{URL: c.ForwardTo, EventTypes: c.Events, Project: c.Project, Secret: c.Secret})
		if err != nil {
			return err
		}
		if err := c.forward(ctx, w, l, stdout, stderr); lost(err) {
			return errEnded(w)
		} else if err != nil {
			_ = w.StopListening(l.ID) // the sandbox may have removed it
			return err
		}
		return w.StopListening(l.ID)
	})
	return ofFlags("listen", err, map[string]string{"project_not_found": "--project", "url": "--forward-to", "event_types": "--events", "project_id": "--project"})
}

// forward posts the messages of a listener until the context ends.
func (c listenCommand) forward(ctx context.Context, w *remote.Workspace, l sandbox.Listener, stdout, stderr io.Writer) error {
	if err := c.printListener(stdout, l); err != nil {
		return err
	}
	transport := &http.Transport{
		Proxy: nil, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
	}
	defer transport.CloseIdleConnections()
	for {
		m, err := w.NextMessage(ctx, l.ID)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listening has ended: %w", err)
		}
		a := deliver(ctx, transport, c.ForwardTo, m)
		if err := c.print(stdout, w.Now(), m, a); err != nil {
			return err
		}
		if err := w.AnswerMessage(l.ID, m.Attempt, a); err != nil && !errors.Is(err, sandbox.ErrNotFound) {
			return err
		} else if err != nil {
			_, _ = fmt.Fprintf(stderr, "%s: the response to %s was too late: %v\n", program, m.Attempt, err)
		}
	}
}

func (c listenCommand) printListener(stdout io.Writer, l sandbox.Listener) error {
	if c.PrintSecret {
		_, err := io.WriteString(stdout, visible(l.Secret)+"\n")
		return err
	}
	if c.asJSON() {
		return printJSON(stdout, l)
	}
	_, err := fmt.Fprintf(stdout, "signing secret %s\nlistening as %s for %s of %s; stop with Ctrl-C\n", visible(l.Secret), visible(l.ID), visible(strings.Join(l.EventTypes, ", ")), visible(l.Project))
	return err
}

// attempted is a line of --output=json.
type attempted struct {
	At        time.Time `json:"at"`
	Event     string    `json:"event_id"`
	EventType string    `json:"event_type"`
	Attempt   string    `json:"attempt_id"`
	sandbox.Answer
}

func (c listenCommand) print(stdout io.Writer, at time.Time, m sandbox.Message, a sandbox.Answer) error {
	if c.asJSON() {
		return printJSON(stdout, attempted{at, m.Event, m.EventType, m.Attempt, a})
	}
	_, err := io.WriteString(stdout, visible(fmt.Sprintf("%s %s %s -> %s", instant(at), m.EventType, m.Event, outcome(a.Status, "", a.Error, a.Message)))+"\n")
	return err
}

// deliver posts a message unchanged, and returns the outcome. Redirects are not
// followed.
func deliver(ctx context.Context, by http.RoundTripper, to string, m sandbox.Message) sandbox.Answer {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(m.Body))
	if err != nil {
		return sandbox.Answer{Error: "invalid_url", Message: err.Error()}
	}
	for name, value := range m.Header {
		r.Header.Set(name, value)
	}
	resp, err := by.RoundTrip(r)
	if err != nil {
		code, message := failureOf(ctx, err)
		return sandbox.Answer{Error: code, Message: message}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < http.StatusContinue { // net/http takes any three digits
		return sandbox.Answer{Error: "malformed_response", Message: fmt.Sprintf("The response of the receiver is not HTTP: its status is %03d, and the lowest status is 100.", resp.StatusCode)}
	}
	enough, stop := context.WithTimeout(ctx, bodyWait)
	defer stop()
	defer context.AfterFunc(enough, cancel)()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody)) // only for the log
	after := resp.Header.Get("Retry-After")
	if len(after) > maxRetryAfter { // not a valid value; ignored
		after = ""
	}
	return sandbox.Answer{Status: resp.StatusCode, Body: strings.ToValidUTF8(string(body), "\uFFFD"), RetryAfter: after}
}

// failureOf returns the reason why there is no response of the receiver.
func failureOf(ctx context.Context, err error) (code, message string) {
	var name *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var dial *net.OpError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "canceled", "Listening has ended."
	case ctx.Err() != nil:
		return "timeout", fmt.Sprintf("The receiver did not respond within %v. Respond with 2xx at once and do the work afterwards.", postTimeout)
	case errors.As(err, &name):
		return "dns_error", fmt.Sprintf("No address was found for the name %s.", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused", "The connection was refused. Start the receiver, or correct --forward-to."
	case errors.As(err, &untrusted):
		return "tls_error", "The certificate of the receiver is not trusted here; use http for a local one."
	case errors.As(err, &plain):
		return "tls_error", "The receiver does not speak TLS. Use http:// in --forward-to."
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "connection_closed", "The receiver closed the connection before it responded. Check its log: it may have crashed."
	case strings.Contains(err.Error(), "malformed"):
		return "malformed_response", "The response of the receiver is not HTTP. Check whether the port of --forward-to is that of a web server."
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return "response_too_large", fmt.Sprintf("The header of the receiver's response is larger than %d bytes. An empty 204 is enough.", maxHeader)
	case errors.As(err, &dial) && dial.Op == "dial":
		return "connection_failed", "Could not connect to the receiver. (" + dial.Err.Error() + ")"
	}
	return "connection_failed", "Could not connect to the receiver."
}

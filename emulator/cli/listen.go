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

const listenHelp = "Registers a webhook whose messages the sandbox does not send: this command pulls them, posts them to the receiver as they are, signed, and prints a line for each attempt. It works where the sandbox cannot reach the receiver, as from inside a container. They are signed with the same secret each time that the command runs with the same receiver against the same workspace, seed and salt, or with that of --secret. The webhook is taken away at the end (Ctrl-C). When the sandbox goes away, the command ends with exit code 1."

func (p *process) listenCommand() *cobra.Command {
	var c listenCommand
	return p.leaf("listen", "Carry webhooks to a receiver that the sandbox cannot reach.", listenHelp, slices.Concat([]flag{
		{name: "forward-to", value: textFlag(&c.ForwardTo, "URL"), help: "The receiver, as http://localhost:3000/hook.", required: true},
		{name: "events", value: listFlag(&c.Events, "TYPE"), help: "Types of events, as instance.running, or families, as instance.*. Repeat for more. Default: all.", known: func(n emulator.Names) []string { return n.EventPatterns }},
		{name: "project", value: textFlag(&c.Project, "ID"), help: "The project whose events to carry. Default: the workspace's own."},
		{name: "secret", value: textFlag(&c.Secret, "SECRET"), help: "What messages are signed with: whsec_ and 24 to 64 bytes in base64. Default: the workspace's for this receiver, which is the same each time."},
		{name: "print-secret", value: truthFlag(&c.PrintSecret), help: "Print the signing secret alone on the first line, for a script that reads it."},
	}, c.output.flags(), c.connection.flags()), func([]string) error {
		return remotely(func(ctx context.Context) error { return listen(ctx, c, p.environ, p.stdout, p.stderr) })
	})
}

const (
	postTimeout = 10 * time.Second // as a webhook of the sandbox
	// bodyWait is how long a body may take once the header of a response has said
	// whether the event arrived: the body is only for the log.
	bodyWait  = 250 * time.Millisecond
	maxAnswer = 1 << 10
	maxHeader = 16 << 10
	// maxRetryAfter is longer than any date.
	maxRetryAfter = 64
)

// listen carries messages until the context ends.
func listen(ctx context.Context, c listenCommand, environ []string, stdout, stderr io.Writer) error {
	if u, err := url.Parse(c.ForwardTo); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &usageError{"listen", fmt.Errorf("--forward-to: %q is no URL: write it as http://localhost:3000/hook", c.ForwardTo)}
	}
	// The end must not cut the farewell off: the context ends the waiting alone.
	err := c.use(context.WithoutCancel(ctx), "listen", environ, func(w *remote.Workspace) error {
		l, err := w.Listen(sandbox.Listener{URL: c.ForwardTo, EventTypes: c.Events, Project: c.Project, Secret: c.Secret})
		if err != nil {
			return err
		}
		if err := c.forward(ctx, w, l, stdout, stderr); lost(err) {
			return errEnded(w)
		} else if err != nil {
			_ = w.StopListening(l.ID) // it may be gone already
			return err
		}
		return w.StopListening(l.ID)
	})
	return ofFlags("listen", err, map[string]string{"project_not_found": "--project", "url": "--forward-to", "event_types": "--events", "project_id": "--project"})
}

// forward carries the messages of a listener until the context ends.
func (c listenCommand) forward(ctx context.Context, w *remote.Workspace, l sandbox.Listener, stdout, stderr io.Writer) error {
	if err := c.greet(stdout, l); err != nil {
		return err
	}
	carrier := &http.Transport{
		Proxy: nil, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
	}
	defer carrier.CloseIdleConnections()
	for {
		m, err := w.NextMessage(ctx, l.ID)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listening has ended: %w", err)
		}
		a := carry(ctx, carrier, c.ForwardTo, m)
		if err := c.print(stdout, w.Now(), m, a); err != nil {
			return err
		}
		if err := w.AnswerMessage(l.ID, m.Attempt, a); err != nil && !errors.Is(err, sandbox.ErrNotFound) {
			return err
		} else if err != nil {
			_, _ = fmt.Fprintf(stderr, "%s: %s came too late: %v\n", program, m.Attempt, err)
		}
	}
}

func (c listenCommand) greet(stdout io.Writer, l sandbox.Listener) error {
	if c.PrintSecret {
		_, err := io.WriteString(stdout, visible(l.Secret)+"\n")
		return err
	}
	if c.asJSON() {
		return printJSON(stdout, l)
	}
	_, err := fmt.Fprintf(stdout, "signing secret %s\nlistening as %s for %s of %s; Ctrl-C ends it\n", visible(l.Secret), visible(l.ID), visible(strings.Join(l.EventTypes, ", ")), visible(l.Project))
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

// carry posts a message as it is, and says what became of it. Redirects are not
// followed.
func carry(ctx context.Context, by http.RoundTripper, to string, m sandbox.Message) sandbox.Answer {
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
		code, message := unanswered(ctx, err)
		return sandbox.Answer{Error: code, Message: message}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < http.StatusContinue { // net/http takes any three digits
		return sandbox.Answer{Error: "malformed_response", Message: fmt.Sprintf("The answer of the receiver is not HTTP: its status is %03d, and the lowest there is is 100.", resp.StatusCode)}
	}
	enough, stop := context.WithTimeout(ctx, bodyWait)
	defer stop()
	defer context.AfterFunc(enough, cancel)()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // only for the log
	after := resp.Header.Get("Retry-After")
	if len(after) > maxRetryAfter { // it cannot be read, which is as if there were none
		after = ""
	}
	return sandbox.Answer{Status: resp.StatusCode, Body: strings.ToValidUTF8(string(body), "\uFFFD"), RetryAfter: after}
}

// unanswered says why a receiver did not answer.
func unanswered(ctx context.Context, err error) (code, message string) {
	var name *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var dial *net.OpError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "canceled", "Listening has ended."
	case ctx.Err() != nil:
		return "timeout", fmt.Sprintf("The receiver did not answer within %v. Answer 2xx at once and do the work afterwards.", postTimeout)
	case errors.As(err, &name):
		return "dns_error", fmt.Sprintf("The name %s has no address that could be found.", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused", "Nothing listens there. Start the receiver, or correct --forward-to."
	case errors.As(err, &untrusted):
		return "tls_error", "The certificate of the receiver is not trusted here; use http for a local one."
	case errors.As(err, &plain):
		return "tls_error", "The receiver does not speak TLS. Use http:// in --forward-to."
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "connection_closed", "The receiver hung up before it had answered. Look into its log: it may have crashed."
	case strings.Contains(err.Error(), "malformed"):
		return "malformed_response", "The answer of the receiver is not HTTP. Look whether the port of --forward-to is that of a web server."
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return "response_too_large", fmt.Sprintf("The header of the receiver's answer is over %d bytes. An empty 204 is enough.", maxHeader)
	case errors.As(err, &dial) && dial.Op == "dial":
		return "connection_failed", "Could not connect to the receiver. (" + dial.Err.Error() + ")"
	}
	return "connection_failed", "Could not connect to the receiver."
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

// everything is the value of --last when the flag is not given.
const everything = -1

// newestFirst is the order in which the latest request comes first.
const newestFirst = "desc"

type requestsCommand struct {
	Operation, Status, Code, Method, Path, Order string
	Unmatched, Follow                            bool
	Since, Before                                uint64
	Last                                         int
	output
	connection
}

const requestsHelp = "Prints the requests that the workspace received, oldest first unless --order=desc is given, a line each: number, method, path, status, operation, and for an error the stage that refused the request and the reason. Further lines list the violations of the contract, if there are several. Secrets are removed. With --output=json each request is an object with headers and bodies. Flags select requests; a request must match all of them."

func (p *process) requestsCommand() *cobra.Command {
	c := requestsCommand{Last: everything}
	return p.leaf("requests", "Show the requests that a workspace received, and their responses.", requestsHelp, slices.Concat([]flag{
		{name: "operation", value: textFlag(&c.Operation, "ID"), help: "Only requests for an operation, as createInstance.", known: func(n emulator.Names) []string { return n.Operations }},
		{name: "status", value: textFlag(&c.Status, "STATUS"), help: "Only requests whose response has this status, as 404, or one of this class, as 4xx.", known: func(emulator.Names) []string { return []string{"1xx", "2xx", "3xx", "4xx", "5xx"} }},
		{name: "code", value: textFlag(&c.Code, "CODE"), help: "Only requests refused with this error code, as rate_limited.", known: func(n emulator.Names) []string { return n.ErrorCodes }},
		{name: "method", value: textFlag(&c.Method, "METHOD"), help: "Only requests with this method, as POST.", known: func(emulator.Names) []string { return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} }},
		{name: "path", value: textFlag(&c.Path, "PATH"), help: "Only requests for this path, as /v1/instances. The query is not compared."},
		{name: "unmatched", value: truthFlag(&c.Unmatched), help: "Only requests that match no operation."},
		{name: "since", value: serialFlag(&c.Since, 0), help: "Only requests after number N. Each line begins with its number; the first request is 1. When no such request exists yet, nothing is printed."},
		{name: "before", value: serialFlag(&c.Before, 2), help: "Only requests before number N, from 2 on."},
		{name: "last", short: "n", value: countFlag(&c.Last), help: "Only the last N of these requests; 0 prints none, which with --follow prints new requests only. Default: all."},
		{name: "order", value: choiceFlag(&c.Order, "asc", newestFirst), help: "asc prints the oldest request first, desc the newest."},
		{name: "follow", short: "f", value: truthFlag(&c.Follow), help: "Then print each new request, until Ctrl-C or until the sandbox stops."},
	}, c.output.flags(), c.connection.flags()), func([]string) error {
		return untilSignal(func(ctx context.Context) error { return requests(ctx, c, p.environ, p.stdout, p.stderr) })
	})
}

// match returns the match that the flags describe.
func (c requestsCommand) match() (sandbox.Match, error) {
	m := sandbox.Match{Operation: c.Operation, Unmatched: c.Unmatched, Code: c.Code, Method: c.Method, Path: c.Path, Since: c.Since, Before: c.Before}
	if c.Follow && (c.Order == newestFirst || c.Before > 0) {
		return m, errors.New("--follow: new requests are printed after the old ones: leave out --order=desc and --before")
	}
	if c.Before > 0 && c.Since >= c.Before-1 {
		return m, fmt.Errorf("--since: no number is after %d and before %d: use a smaller number, or a larger one with --before", c.Since, c.Before)
	}
	if c.Unmatched && c.Operation != "" {
		return m, fmt.Errorf("--unmatched: a request cannot both match no operation and be for %s: leave out one of the flags", c.Operation)
	}
	if c.Status != "" {
		n, ok := statusOf(c.Status)
		if !ok {
			return m, fmt.Errorf("--status: %q is not a status: write it as 404, or as 4xx for all statuses from 400 to 499", c.Status)
		}
		m.Status = n
	}
	return m, nil
}

// statusOf parses a status, or a class of them, of which it returns the first digit.
func statusOf(s string) (int, bool) {
	if class, ok := strings.CutSuffix(strings.ToLower(s), "xx"); ok {
		n, err := strconv.Atoi(class)
		return n, err == nil && len(class) == 1 && 1 <= n && n <= 5
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && len(s) == 3 && 100 <= n && n <= 599
}

// requests prints the record of the workspace.
func requests(ctx context.Context, c requestsCommand, environ []string, stdout, stderr io.Writer) error {
	m, err := c.match()
	if err != nil {
		return &usageError{"requests", err}
	}
	err = c.use(ctx, "requests", environ, func(w *remote.Workspace) error {
		dropped := w.DroppedOf(m)
		if err := w.Err(); err != nil {
			return err
		}
		if dropped > 0 {
			_, _ = fmt.Fprintf(stderr, "%s: %d older requests are no longer on record\n", program, dropped)
		}
		last, err := c.past(w, m, stdout)
		if err != nil || !c.Follow {
			return err
		}
		m.Since = max(m.Since, last)
		for {
			found, err := next(ctx, w, m)
			if ctx.Err() != nil {
				return nil // the user interrupted the command
			} else if lost(err) {
				return errEnded(w)
			} else if err != nil {
				return err
			}
			for _, r := range found {
				if err := c.print(stdout, r); err != nil {
					return err
				}
				m.Since = r.Seq
			}
		}
	})
	return ofFlags("requests", err, nil)
}

// pageOfRequests is the number of requests of one page.
const pageOfRequests = 1000

// past prints the requests that are on record, and returns the number of the
// latest.
func (c requestsCommand) past(w *remote.Workspace, m sandbox.Match, stdout io.Writer) (last uint64, err error) {
	if c.Last == 0 {
		m.NewestFirst, m.Limit = true, 1
		for _, r := range w.Requests(m) {
			last = r.Seq
		}
		return last, w.Err()
	}
	m.NewestFirst = c.Order == newestFirst
	if c.Last > 0 && !m.NewestFirst {
		m.NewestFirst, m.Limit = true, c.Last
		found := w.Requests(m)
		slices.Reverse(found)
		return c.printAll(stdout, found, w.Err())
	}
	for left := c.Last; ; {
		m.Limit = pageOfRequests
		if c.Last > 0 {
			m.Limit = min(left, pageOfRequests)
		}
		found := w.Requests(m)
		seq, err := c.printAll(stdout, found, w.Err())
		last = max(last, seq)
		left -= len(found)
		if err != nil || len(found) < m.Limit || c.Last > 0 && left == 0 {
			return last, err
		}
		if end := found[len(found)-1].Seq; m.NewestFirst {
			m.Before = end
		} else {
			m.Since = end
		}
	}
}

// printAll prints requests, unless there was an error, and returns the greatest
// number of them.
func (c requestsCommand) printAll(stdout io.Writer, found []sandbox.Request, err error) (last uint64, _ error) {
	for _, r := range found {
		if err == nil {
			err = c.print(stdout, r)
		}
		last = max(last, r.Seq)
	}
	return last, err
}

// next waits for requests. After a reset the numbers start again.
func next(ctx context.Context, w *remote.Workspace, m sandbox.Match) ([]sandbox.Request, error) {
	first, err := w.WaitForRequest(ctx, m)
	if err != nil {
		return nil, err
	}
	m.Since = first.Seq - 1
	return w.Requests(m), w.Err()
}

func (c requestsCommand) print(stdout io.Writer, r sandbox.Request) error {
	if c.asJSON() {
		return printJSON(stdout, r)
	}
	_, err := io.WriteString(stdout, r.String()+"\n")
	return err
}

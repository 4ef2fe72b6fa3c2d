package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// longest is how long a script waits for what must come.
const longest = 30 * time.Second

// mailbox is a receiver of webhooks that a script has started.
type mailbox struct {
	server *httptest.Server

	mu      sync.Mutex
	got     []string // head and body of each request
	arrived chan struct{}
}

// ServeHTTP implements http.Handler.
func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var b strings.Builder
	_ = r.Header.Write(&b)
	m.mu.Lock()
	m.got = append(m.got, b.String()+"\r\n"+string(body)+"\n")
	close(m.arrived)
	m.arrived = make(chan struct{})
	m.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// receiver starts a server that takes webhooks, and puts its address into the
// variable RECEIVER.
func receiver(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || len(args) > 0 || s.mail != nil {
		ts.Fatalf("usage: receiver, once")
	}
	s.mail = &mailbox{arrived: make(chan struct{})}
	s.mail.server = httptest.NewServer(s.mail)
	ts.Defer(s.mail.server.Close)
	ts.Setenv("RECEIVER", s.mail.server.URL)
}

// arrived waits for a webhook of a type and shows the first of them.
func arrived(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || len(args) != 1 || s.mail == nil {
		ts.Fatalf("usage: arrived TYPE, with a receiver")
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	for {
		s.mail.mu.Lock()
		got, more := s.mail.got, s.mail.arrived
		s.mail.mu.Unlock()
		for _, request := range got {
			if strings.Contains(request, "\nX-Skystack-Event: "+args[0]+"\r") {
				_, _ = io.WriteString(ts.Stdout(), strings.ReplaceAll(request, "\r", ""))
				return
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			ts.Fatalf("no webhook %s came; these did:\n%s", args[0], strings.Join(got, "\n"))
		}
	}
}

// stream reads a stream of events until one of a type comes, and shows what it
// read.
func stream(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || len(args) != 2 {
		ts.Fatalf("usage: stream PATH TYPE")
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("URL")+args[0], nil)
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+ts.Getenv("KEY"))
	r.Header.Set("Accept", "text/event-stream")
	resp, err := s.transport.RoundTrip(r)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	lines, seen := bufio.NewScanner(resp.Body), false
	for lines.Scan() {
		_, _ = io.WriteString(ts.Stdout(), lines.Text()+"\n")
		switch {
		case lines.Text() == "event: "+args[1]:
			seen = true
		case lines.Text() == "" && seen:
			return
		}
	}
	ts.Fatalf("the stream ended without %s: %v", args[1], lines.Err())
}

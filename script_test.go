package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

func sendHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("a request cannot be negated: look at what it shows")
	}
	s := storyOf(ts)
	resp, body, _ := s.do(ts, args)
	s.show(ts, resp, body)
}

// do sends the request that the words of a script describe.
func (s *story) do(ts *testscript.TestScript, args []string) (*http.Response, []byte, string) {
	key, host, header := ts.Getenv("KEY"), "", http.Header{}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-key":
			key = args[1]
		case "-host":
			host = args[1]
		case "-header":
			name, value, _ := strings.Cut(args[1], ": ")
			header.Add(name, value)
		default:
			ts.Fatalf("there is no flag %s", args[0])
		}
		args = args[2:]
	}
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: http [-key K] [-header 'N: V'] [-host H] METHOD PATH [BODY]")
	}
	var content io.Reader
	if len(args) == 3 {
		content = strings.NewReader(args[2])
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/json")
		}
	}
	r, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], content)
	ts.Check(err)
	r.Header, r.Host = header, host
	if key != "none" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return s.send(ts, r)
}

func (s *story) send(ts *testscript.TestScript, r *http.Request) (*http.Response, []byte, string) {
	resp, err := s.transport.RoundTrip(r)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	return resp, body, text(resp, body)
}

// text is an answer as scripts look at it.
func text(resp *http.Response, body []byte) string {
	var b strings.Builder
	fmt.Fprintln(&b, resp.Status)
	_ = resp.Header.Write(&b)
	fmt.Fprintf(&b, "\n%s\n", body)
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func (s *story) show(ts *testscript.TestScript, resp *http.Response, body []byte) {
	s.body = body
	_, _ = io.WriteString(ts.Stdout(), text(resp, body))
}

// mostTries bounds until: a server that is asked so often has had its chance.
const mostTries = 100_000

func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: [!] until RE METHOD PATH")
	}
	s, want := storyOf(ts), regexp.MustCompile(args[0])
	last := ""
	for range mostTries {
		resp, body, shown := s.do(ts, args[1:])
		if last = shown; want.MatchString(shown) != neg {
			s.show(ts, resp, body)
			return
		}
		if resp.StatusCode == http.StatusTooManyRequests {
			ts.Fatalf("%s: the limit is used up before anything changed; switch limits off, or ask where none counts:\n%s", want, last)
		}
	}
	ts.Fatalf("%s: nothing changed; last:\n%s", want, last)
}

func let(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: let NAME MEMBER")
	}
	var at any
	if err := json.Unmarshal(storyOf(ts).body, &at); err != nil {
		ts.Fatalf("the last answer is not JSON: %v", err)
	}
	for step := range strings.SplitSeq(args[1], ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				ts.Fatalf("there is no %s in a list of %d", step, len(v))
			}
			at = v[i]
		}
	}
	value, ok := at.(string)
	if !ok {
		ts.Fatalf("%s is %v, not a string", args[1], at)
	}
	ts.Setenv(args[0], value)
}

// printedCurl reads the curl command of the banner as a shell would and sends
// what curl would send.
func printedCurl(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	_, command, found := strings.Cut(s.banner, "\ncurl ")
	command, _, ended := strings.Cut(command, "\n\n")
	if neg || !found || !ended {
		ts.Fatalf("there is no curl command in the banner:\n%s", s.banner)
	}
	method, target, header, body := http.MethodGet, "", http.Header{}, ""
	for w := words(command); len(w) > 0; w = w[1:] {
		switch {
		case w[0] == "-H" && len(w) > 1:
			name, value, _ := strings.Cut(w[1], ": ")
			header.Set(name, value)
			w = w[1:]
		case w[0] == "-d" && len(w) > 1:
			method, body = http.MethodPost, w[1]
			w = w[1:]
		case w[0] == "--cacert" && len(w) > 1:
			s.trust(ts, w[1])
			w = w[1:]
		case !strings.HasPrefix(w[0], "-") && target == "":
			target = w[0]
		default:
			ts.Fatalf("curl %s: this test does not know %q", command, w[0])
		}
	}
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	ts.Check(err)
	r.Header = header
	resp, got, _ := s.send(ts, r)
	s.show(ts, resp, got)
}

// words splits a line as a POSIX shell does, with single quotes and backslashes
// and nothing to expand.
func words(line string) []string {
	var all []string
	var word []byte
	inWord, inQuotes := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case inQuotes && c == '\'':
			inQuotes = false
		case inQuotes:
			word = append(word, c)
		case c == '\'':
			inWord, inQuotes = true, true
		case c == '\\' && i+1 < len(line):
			if i++; line[i] != '\n' {
				inWord, word = true, append(word, line[i])
			}
		case strings.IndexByte(" \t\n", c) >= 0:
			if inWord {
				all = append(all, string(word))
			}
			inWord, word = false, nil
		default:
			inWord, word = true, append(word, c)
		}
	}
	if inWord {
		all = append(all, string(word))
	}
	return all
}

// raw keeps answers byte for byte, each request on a connection of its own; one
// whose method begins with - is sent without the key. They are addressed to the public sandbox, so that no port is in them.
func raw(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: raw FILE OUT")
	}
	var kept bytes.Buffer
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		parts := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(parts) < 2 {
			continue
		}
		parts = slices.Grow(parts, 3)[:3]
		method, anonymous := strings.CutPrefix(parts[0], "-")
		request := method + " " + parts[1] + " HTTP/1.1\r\nHost: sandbox.api.skystack.dev\r\nConnection: close\r\n"
		if !anonymous {
			request += "Authorization: Bearer " + ts.Getenv("KEY") + "\r\n"
		}
		if parts[2] != "" {
			request += "Content-Type: application/json\r\nContent-Length: " + length(parts[2]) + "\r\n"
		}
		conn, err := net.Dial("tcp", ts.Getenv("ADDR"))
		ts.Check(err)
		_, err = io.WriteString(conn, request+"\r\n"+parts[2])
		ts.Check(err)
		_, err = kept.ReadFrom(conn)
		ts.Check(err)
		ts.Check(conn.Close())
		kept.WriteString("\n\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), kept.Bytes(), 0o600))
}

func length(s string) string { return strconv.Itoa(len(s)) }

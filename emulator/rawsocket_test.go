package emulator_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// raw is a TCP connection to an emulator.
func raw(t *testing.T, e *emulator.Emulator) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// names is what the workspace holds.
func names(t *testing.T, e *emulator.Emulator) string {
	t.Helper()
	return string(wire.In(t, e).Get("/v1/instances?limit=200").Wants(200).Body)
}

const create = `{"name":"intruder","region":"eu-central","size":"standard-1"}`

// What is no HTTP, or no request of ours, is refused or cut off, changes nothing
// and leaves the server serving. Where net/http answers before any handler, the
// answer is its own text (7.4).
func TestRequestsThatAreNone(t *testing.T) {
	e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	before := names(t, e)
	post := "POST /v1/instances HTTP/1.1\r\n" + authorized
	for _, tc := range []struct {
		name, request string
		status        int // 0 for no answer at all
		json          bool
	}{
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, false},
		{"a word", "hello\r\n\r\n", 400, false},
		{"no version", "GET /healthz\r\n\r\n", 400, false},
		{"a wrong version", "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", 505, false},
		{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403, true},
		{"a wrong method", "G\x00T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, false},
		{"a space in the path", "GET /health z HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, false},
		{"a wrong escape in the path", "GET /v1/instances/%zz HTTP/1.1\r\n" + authorized + "\r\n", 400, false},
		{"a path without a slash", "GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, false},
		{"no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400, false},
		{"two Hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, false},
		{"a header without a colon", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n", 400, false},
		{"a header that goes on", "GET /healthz HTTP/1.1\r\n X: y\r\nHost: localhost\r\n\r\n", 400, false},
		{"a control character in a header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", 400, false},
		{"two lengths", post + "Content-Length: 3\r\nContent-Length: " + strconv.Itoa(len(create)) + "\r\n\r\n" + create, 400, false},
		{"a negative length", post + "Content-Length: -1\r\n\r\n" + create, 400, false},
		{"a length that is none", post + "Content-Length: many\r\n\r\n" + create, 400, false},
		{"an unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n" + create, 501, false},
		{"a header over 64 KiB", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", 431, false},
		{"a header over 16 KiB", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", 431, true},
		{"a target over 8 KiB", "GET /healthz?" + strings.Repeat("a", 9<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, true},
		{"an expectation", post + "Expect: a miracle\r\nContent-Length: " + strconv.Itoa(len(create)) + "\r\n\r\n" + create, 417, false},
		{"the server's asterisk", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, true},
		{"a proxy's target", "GET http://evil.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 403, true},
		{"a tunnel", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", 403, true},
		{"a chunk that is none", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, true},
		{"a body that breaks off", post + "Content-Length: 4000\r\n\r\n" + create, 400, true},
		{"chunks that break off", post + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"nam", 400, true},
		{"a body that breaks off, with a key", post + "Idempotency-Key: k\r\nContent-Length: 4000\r\n\r\n" + create, 400, true},
		{"an upgrade", "GET /v1/instances HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n", 401, true},
		{"a line alone", "\r\n", 0, false},
		{"half a request line", "POST /v1/inst", 0, false},
		{"half a header", post + "Content-Le", 0, false},
		{"nothing", "", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn := raw(t, e)
			_, _ = io.WriteString(conn, tc.request) // the server may have hung up already
			_ = conn.CloseWrite()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			switch {
			case err != nil:
				// Go's server says 400 to half a line and nothing to nothing; both end it.
				if tc.status != 0 {
					t.Errorf("no answer: %v", err)
				}
			case tc.status == 0:
				if resp.StatusCode != 400 {
					t.Errorf("got %d, want none or 400", resp.StatusCode)
				}
			case resp.StatusCode != tc.status:
				t.Errorf("got %d, want %d", resp.StatusCode, tc.status)
			default:
				body, _ := io.ReadAll(resp.Body)
				if envelope := strings.HasPrefix(string(body), `{"error":{"code":"`); envelope != tc.json || tc.json && resp.Header.Get("X-Request-Id") == "" {
					t.Errorf("got %v %q", resp.Header, body)
				}
			}
			if resp != nil {
				_ = resp.Body.Close()
			}
			if after := names(t, e); after != before {
				t.Errorf("the workspace changed: %s", after)
			}
		})
	}
	stillAnswers(t, e)
}

func stillAnswers(t *testing.T, e *emulator.Emulator) {
	t.Helper()
	conn := raw(t, e)
	if got := exchange(t, conn, "POST /v1/instances HTTP/1.1\r\n"+authorized+"Content-Length: "+strconv.Itoa(len(create))+"\r\n\r\n"+create).StatusCode; got != 201 {
		t.Errorf("afterwards: got %d", got)
	}
}

// Where a length and chunks contradict each other the chunks count, and what
// follows them is the next request.
func TestLengthAndChunks(t *testing.T) {
	e := emulator.Start(t)
	conn := raw(t, e)
	send(t, conn, "POST /v1/instances HTTP/1.1\r\n"+authorized+"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"+
		strconv.FormatInt(int64(len(create)), 16)+"\r\n"+create+"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	r := bufio.NewReader(conn)
	for _, want := range []int{201, 200} {
		if got := answer(t, r).StatusCode; got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

// A client that waits for leave to send its body gets the refusal instead, and
// leave only when the body is wanted.
func TestExpectContinue(t *testing.T) {
	e := emulator.Start(t)
	head := "Expect: 100-continue\r\nContent-Length: " + strconv.Itoa(len(create)) + "\r\n\r\n"
	if got := exchange(t, raw(t, e), "POST /v1/instances HTTP/1.1\r\nHost: localhost\r\n"+head).StatusCode; got != 401 {
		t.Errorf("without a token: got %d", got)
	}
	conn := raw(t, e)
	send(t, conn, "POST /v1/instances HTTP/1.1\r\n"+authorized+head)
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q (%v)", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	send(t, conn, create)
	if got := answer(t, r).StatusCode; got != 201 {
		t.Errorf("got %d", got)
	}
}

// A client that hangs up at any byte of a good request does no harm.
func TestHangingUpAtEveryByte(t *testing.T) {
	e := emulator.Start(t, emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	before := names(t, e)
	whole := "POST /v1/instances HTTP/1.1\r\n" + authorized + "Content-Length: " + strconv.Itoa(len(create)) + "\r\n\r\n" + create
	for n := range len(whole) {
		conn := raw(t, e)
		send(t, conn, whole[:n])
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	if after := names(t, e); after != before {
		t.Errorf("part of a request made something: %s", after)
	}
	stillAnswers(t, e)
}

// A client that writes all of a body before it reads gets to read why the body
// was refused, even when no handler reads the body and the connection ends.
func TestRefusedBodyIsTakenOffTheWire(t *testing.T) {
	const size = 8 << 20
	chunk := "100000\r\n" + strings.Repeat("a", 1<<20) + "\r\n"
	for _, tc := range []struct {
		name, request string
		status        int
	}{
		{"too large", "POST /v1/instances HTTP/1.1\r\n" + authorized + "Content-Length: " + strconv.Itoa(size) + "\r\n", 413},
		{"too large in chunks", "POST /v1/instances HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n", 413},
		{"no key", "POST /v1/instances HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + strconv.Itoa(size) + "\r\n", 401},
		{"no route", "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + strconv.Itoa(size) + "\r\n", 404},
		{"another host", "POST /v1/instances HTTP/1.1\r\nHost: evil.test\r\nContent-Length: " + strconv.Itoa(size) + "\r\n", 403},
	} {
		for _, ending := range []string{"", "Connection: close\r\n"} {
			t.Run(tc.name+" "+ending, func(t *testing.T) {
				e := emulator.Start(t)
				conn := raw(t, e)
				body := strings.Repeat("a", size)
				if strings.Contains(tc.request, "chunked") {
					body = strings.Repeat(chunk, size>>20) + "0\r\n\r\n"
				}
				if _, err := io.WriteString(conn, tc.request+ending+"\r\n"+body); err != nil {
					t.Fatal(err)
				}
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, answer.Body); answer.StatusCode != tc.status || err != nil {
					t.Errorf("got %s, %v", answer.Status, err)
				}
			})
		}
	}
}

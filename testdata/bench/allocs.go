package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// discard is an answer nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// allocations counts what a request allocates within each handler, the network
// and net/http's own work left out.
func allocations(sandbox string) error {
	bare, err := echoServer(sandbox, false)
	if err != nil {
		return err
	}
	e, err := newSandbox("1000")
	if err != nil {
		return err
	}
	defer e.Close()
	fmt.Println("allocations of a request, without the network")
	for _, s := range shots("localhost") {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s.request)))
		if err != nil {
			return err
		}
		r.RemoteAddr = "127.0.0.1:1"
		_, sent, _ := strings.Cut(s.request, "\r\n\r\n")
		var counts [2]float64
		for k, h := range []http.Handler{bare, e.Handler()} {
			body := strings.NewReader("")
			w := discard{http.Header{}}
			counts[k] = testing.AllocsPerRun(2000, func() {
				if r.ContentLength > 0 {
					body.Reset(sent)
				}
				r.Body = readCloser{body}
				clear(w.header)
				h.ServeHTTP(w, r)
			})
		}
		fmt.Printf("  %-18s echo %3.0f   sandbox %3.0f\n", s.name, counts[0], counts[1])
	}
	return nil
}

// readCloser is a body without an end of its own.
type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

func trust(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: trust FILE")
	}
	storyOf(ts).trust(ts, args[0])
}

// trust makes the client of a script one that knows the authorities of a file and
// no other.
func (s *story) trust(ts *testscript.TestScript, file string) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ts.ReadFile(file))) {
		ts.Fatalf("%s contains no certificate", file)
	}
	s.transport.TLSClientConfig = &tls.Config{RootCAs: roots}
}

// fetch is a program that gets a URL as a program of users would: it knows
// nothing of the sandbox but what its environment says.
func fetch() {
	os.Exit(func() int {
		r, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
		if err == nil && len(os.Args) > 2 {
			r.Header.Set("Authorization", "Bearer "+os.Args[2])
		}
		var resp *http.Response
		if err == nil {
			resp, err = http.DefaultClient.Do(r)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		fmt.Printf("%s %s\n%s\n", resp.Proto, resp.Status, body)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}())
}

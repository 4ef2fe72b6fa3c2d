package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"sync"
)

// receiver takes webhooks, and checks their signatures.
type receiver struct {
	server *http.Server
	url    string

	mu      sync.Mutex
	secrets map[string]string // by path
	good    map[string]int
	bad     int
}

func newReceiver() (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + listener.Addr().String(), secrets: map[string]string{}, good: map[string]int{}}
	r.server = &http.Server{Handler: r}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// ServeHTTP implements http.Handler. Every seventh message is refused, so that
// there are retries.
func (r *receiver) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, _ := io.ReadAll(in.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	mac := hmac.New(sha256.New, []byte(r.secrets[in.URL.Path]))
	mac.Write(body)
	if r.secrets[in.URL.Path] != "" && hex.EncodeToString(mac.Sum(nil)) != in.Header.Get("X-Signature") {
		r.bad++
	}
	r.good[in.URL.Path]++
	if r.good[in.URL.Path]%7 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (r *receiver) expect(path, secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets[path] = secret
}

func (r *receiver) forget(path string) (received, bad int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	received = r.good[path]
	delete(r.secrets, path)
	delete(r.good, path)
	return received, r.bad
}

package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
)

// apiClient sends requests to the API with one key.
type apiClient struct {
	base, key string
	http      http.Client
}

const (
	// apiTimeout is how long a response may take.
	apiTimeout = 30 * time.Second
	// maxAPIBody is the largest body of a response that is read, in bytes.
	maxAPIBody = 8 << 20
)

// open returns a client for a command.
func (e endpoint) open(command string, environ []string) (*apiClient, error) {
	c, err := e.complete(environ)
	if err != nil {
		return nil, &usageError{command, err}
	}
	if err := emulator.Check(emulator.WithKey(emulator.Key{Token: c.Key})); err != nil { // a production key is never sent (S74)
		return nil, &usageError{command, err}
	}
	api := &apiClient{base: strings.TrimSuffix(c.URL, "/"), key: c.Key}
	// A redirect would take the key elsewhere.
	api.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.CACert != "" {
		pem, err := readFile(c.CACert, maxCA)
		if err != nil {
			return nil, &usageError{command, fmt.Errorf("--cacert: %w", err)}
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, &usageError{command, fmt.Errorf("--cacert: %s contains no certificate", c.CACert)}
		}
		api.http.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
		}
	}
	return api, nil
}

// do sends a request and returns the body of its response; body is nil for none. A
// response outside 2xx is an *apiError, or another error when it is not the API's.
func (a *apiClient) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(limited, method, a.base+path, sent)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+a.key)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Skystack-Version", "2026-01-15")
	r.Header.Set("User-Agent", program+"/"+emulator.Version)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		return nil, untrusted(a.base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAPIBody))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return content, nil
	}
	var e struct {
		Error struct {
			Code, Message string
			Details       []remote.Detail
		} `json:"error"`
	}
	if json.Unmarshal(content, &e) != nil || e.Error.Code == "" {
		return nil, fmt.Errorf("%s %s: %s, and not from a SkyStack API", method, visible(path), resp.Status)
	}
	return nil, &apiError{
		text:    fmt.Sprintf("%s %s: %d %s: %s", method, visible(path), resp.StatusCode, visible(e.Error.Code), visible(e.Error.Message)),
		refused: remote.Error{Status: resp.StatusCode, Code: e.Error.Code, Message: e.Error.Message, Details: e.Error.Details},
	}
}

// apiError is a request that the API refused.
type apiError struct {
	text    string
	refused remote.Error
}

// Error implements error.
func (e *apiError) Error() string { return e.text }

// Unwrap returns what the API said.
func (e *apiError) Unwrap() error { return &e.refused }

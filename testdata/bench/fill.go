package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator"
)

// fill creates instances through the handler, as a client would.
func fill(h http.Handler, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for range n {
		r := httptest.NewRequest(http.MethodPost, "/v1/instances", strings.NewReader(createBody))
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusCreated {
			return fmt.Errorf("create answers %d: %s", w.Code, w.Body)
		}
	}
	return nil
}

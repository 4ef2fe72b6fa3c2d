package skystack_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// FuzzPipeline: whatever arrives, the response is one of the contract and no 5xx,
// and a request that was refused has changed nothing (S55, S75).
func FuzzPipeline(f *testing.F) {
	r := newRig(f, "default")
	baseline := r.lasting(f)
	for _, route := range routes(f) {
		for _, headers := range []string{"", "Idempotency-Key: k", "SkyStack-Version: 2025-07-01\nAccept: */*", "If-Match: \"1.2026-01-15\"\nSkyStack-Project: prj_web"} {
			f.Add(route.method, route.path, "", headers, goodBody)
		}
	}
	for _, seed := range [][5]string{
		{"GET", "/v1/instances", "page=1&limit=2&status=running,stopped&label=role:web&sort=-created_at", "", ""},
		{"GET", "/v1/instances", "cursor=AAAA&limit=200", "", ""},
		{"GET", "/v1/instances", "page=9223372036854775807&limit=200", "SkyStack-Version: 2026-10-01", ""},
		{"POST", "/v1/instances/ins_web01/actions", "", "", `{"type":"resize","size":"standard-2"}`},
		{"POST", "/v1/instances/ins_web01/actions", "", "", `{"type":"snapshot","name":"x"}`},
		{"PATCH", "/v1/instances/ins_web01", "", "Content-Type: application/merge-patch+json", `{"labels":{"a":null},"metadata":{"b":{"c":1}},"autoscale":{"min":5}}`},
		{"PATCH", "/v1/instances/ins_web01", "", "", `{"network":{"public_ip":true,"subnet":null,"firewall_ids":["f"]},"storage":[{"size_gb":1.0},{"size_gb":2,"type":"hdd"}]}`},
		{"POST", "/v1/sizes", "dry_run=true", "Idempotency-Key: p", `{"slug":"a","vcpus":1,"memory_mb":1e3,"disk_gb":1}`},
		{"GET", "/v1/images", "custom=false&source_instance_id=ins_web01", "", ""},
		{"DELETE", "/v1/projects/prj_lab", "", "Idempotency-Key: \"k\"", ""},
		{"GET", "/v1/instances/%2F", "a=%zz", "Host: evil.test", "{"},
		{"OPTIONS", "*", "", "Origin: null", ""},
		{"BREW", "//", "", "Authorization: Bearer  x", "\xff"},
		{"HEAD", "/v1/instances/ins_web01", "", "If-None-Match: *", ""},
		{"POST", "/v1/instances", "", "Content-Encoding: gzip", "\x1f\x8b"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, method, path, query, headers, body string) {
		request := arbitrary(method, path, query, headers, body)
		if request == nil {
			return
		}
		if request.Header.Get("Authorization") == "" && !strings.Contains(headers, "Authorization:") {
			request.Header.Set("Authorization", "Bearer "+r.key)
		}
		r.world.Restart()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // of those that wait
		w := r.serve(request.WithContext(ctx))
		cancel()
		if w.Code >= 500 {
			t.Fatalf("%s %s?%s: %d %s\n%s", method, path, query, w.Code, w.Body, r.log)
		}
		r.log.Reset()
		if err := wire.Check(request, w.Code, w.Header(), w.Body.Bytes()); err != nil {
			t.Fatalf("%s %s?%s: %d: %v\n%s", method, path, query, w.Code, err, w.Body)
		}
		reads := method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
		if w.Code >= 400 || reads {
			if after := r.lasting(t); after != baseline {
				t.Fatalf("%s %s?%s answered %d and changed the world:\n%s\nbefore:\n%s", method, path, query, w.Code, after, baseline)
			}
		} else if _, err := engine.Load(r.schema, strings.NewReader(r.saved(t))); err != nil {
			t.Fatalf("%s %s?%s left a world that cannot be loaded: %v", method, path, query, err)
		}
	})
}

// arbitrary is a request as net/http would hand it over, nil if it would not.
func arbitrary(method, path, query, headers, body string) *http.Request {
	if !httpguts.ValidHeaderFieldName(method) || path == "" || strings.ContainsFunc(path+query, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }) || strings.Contains(path, "?") {
		return nil
	}
	target := path
	if query != "" {
		target += "?" + query
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	request := httptest.NewRequest(http.MethodPost, "http://localhost/", nil)
	request.Method, request.URL, request.RequestURI = method, u, target
	if u.Host != "" {
		request.Host = u.Host
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
		request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	for line := range strings.SplitSeq(headers, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			continue
		}
		switch name = http.CanonicalHeaderKey(name); name {
		case "Host":
			request.Host = value
		case "Content-Type":
			request.Header.Set(name, value)
		case "Content-Length":
		default:
			request.Header.Add(name, value)
		}
	}
	return request
}

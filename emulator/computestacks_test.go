package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// status sends a GET with Authorization and returns the status of the response.
func status(t *testing.T, s *wire.Server, path string, authorize func(*http.Request)) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	authorize(r)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// One record has the requests to both APIs, by the keys of both. The audit log of SkyStack
// has its own.
func TestRecordOfBothAPIs(t *testing.T) {
	s := wire.In(t, emulator.Start(t))
	c := s.ComputeStacks().Credentials()
	basic := func(r *http.Request) { r.SetBasicAuth(c.Username, c.Password) }
	key := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.Key()) }
	for _, tc := range []struct {
		path      string
		authorize func(*http.Request)
		want      int
	}{
		{"/api/version", basic, 200},
		{"/version", basic, 200},
		{"/api/nowhere", basic, 404},
		{"/v1/instances", key, 200},
		{"/v1/instances", basic, 401},
		{"/api/version", key, 403},
	} {
		if got := status(t, s, tc.path, tc.authorize); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.path, got, tc.want)
		}
	}
	all := s.Requests(emulator.Match{})
	if len(all) != 6 || !strings.HasPrefix(all[0].Key, "cst_") {
		t.Fatalf("requests %v", all)
	}
	for _, name := range []string{all[0].Key, c.Username + ":" + c.Password} {
		if got := s.Requests(emulator.Match{Key: name}); len(got) != 2 { // those of an operation
			t.Errorf("%d requests of the API credentials: %v", len(got), got)
		}
	}
	if log := s.Get("/v1/audit-logs").Wants(200); strings.Contains(string(log.Body), "/api") || strings.Contains(string(log.Body), "cst_") || strings.Contains(string(log.Body), "ComputeStacks") {
		t.Errorf("%s", log.Body)
	}
}

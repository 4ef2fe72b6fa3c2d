package skystack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// rawClient speaks to a sandbox without validating the responses against the contract,
// which would take most of the time where there are thousands of them.
type rawClient struct {
	*emulator.Emulator
	base   string
	client *http.Client
}

// send returns the status of the response and its body, if that is JSON. It fails
// the test when there is no response, and may be called from any goroutine.
func (b rawClient) send(t *testing.T, method, path, body string, out any, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, b.base+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return &http.Response{}
	}
	r.Header.Set("Authorization", "Bearer "+b.Key())
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		t.Error(err)
		return &http.Response{}
	}
	defer func() { _ = resp.Body.Close() }()
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			t.Errorf("%s %s: %v", method, path, err)
		}
	}
	return resp
}

// bothTransports runs a test through both doors, in parallel.
func bothTransports(t *testing.T, test func(t *testing.T, start func(...emulator.Option) rawClient)) {
	t.Run("in-process", func(t *testing.T) {
		t.Parallel()
		test(t, func(opts ...emulator.Option) rawClient {
			e := emulator.Start(t, opts...)
			return rawClient{e, "", e.Client()}
		})
	})
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		test(t, func(opts ...emulator.Option) rawClient {
			e, transport := emulator.Start(t, opts...), &http.Transport{MaxIdleConnsPerHost: 64}
			t.Cleanup(transport.CloseIdleConnections)
			return rawClient{e, e.URL(), &http.Client{Transport: transport}}
		})
	})
}

type rawPage struct {
	Data       []struct{ ID string }
	NextCursor *string `json:"next_cursor"`
	Pagination struct {
		Total      int
		NextCursor *string `json:"next_cursor"`
	}
}

func (p rawPage) ids() (ids []string) {
	for _, i := range p.Data {
		ids = append(ids, i.ID)
	}
	return ids
}

// walk follows next_cursor to the end.
func (b rawClient) walk(t *testing.T, query string) (ids []string) {
	t.Helper()
	for next := ""; ; {
		var p rawPage
		b.send(t, "GET", "/v1/instances?"+query+next, "", &p)
		ids = append(ids, p.ids()...)
		if p.NextCursor == nil {
			return ids
		}
		if p.Pagination.NextCursor == nil || *p.Pagination.NextCursor != *p.NextCursor {
			t.Fatalf("%s: the two cursors differ", query)
		}
		next = "&cursor=" + *p.NextCursor
	}
}

// paged follows page numbers to the end.
func (b rawClient) paged(t *testing.T, query string) (ids []string) {
	t.Helper()
	for page := 1; ; page++ {
		var p rawPage
		b.send(t, "GET", fmt.Sprintf("/v1/instances?%s&page=%d", query, page), "", &p)
		if len(p.Data) == 0 {
			return ids
		}
		ids = append(ids, p.ids()...)
	}
}

// S64, S65, S66: walking 1,000 instances by cursor while others are created and
// deleted yields every one that survives the walk exactly once, and none twice.
func TestWalkWhileTheWorldChangesS64(t *testing.T) {
	bothTransports(t, func(t *testing.T, start func(...emulator.Option) rawClient) {
		s := start(frozen12(), emulator.WithFixture("busy=1000"))
		if n := len(s.walk(t, "limit=200")); n != 1000 {
			t.Fatalf("%d instances, want 1000", n)
		}
		for n, query := range []string{
			"limit=200", "limit=37", "limit=50&sort=-created_at", "limit=21&sort=-created_at&status=running", "limit=5&region=us-west-2",
			"limit=13&region=us-east-1", "limit=100&sort=created_at&status=running,stopped,error,provisioning",
		} {
			listed := s.walk(t, query)
			gone := map[string]bool{} // every eleventh, all over the list
			for i := n; i < len(listed); i += 11 {
				gone[listed[i]] = true
			}
			var churn sync.WaitGroup
			churn.Go(func() {
				for id := range gone {
					s.send(t, "DELETE", "/v1/instances/"+id, "", nil)
				}
			})
			churn.Go(func() {
				for i := range 60 {
					s.send(t, "POST", "/v1/instances", fmt.Sprintf(`{"name":"new-%d-%d","region":"us-east-1","size":"standard-1"}`, n, i), nil)
				}
			})
			seen := map[string]int{}
			for _, id := range s.walk(t, query) {
				if seen[id]++; seen[id] > 1 {
					t.Errorf("%s: %s was listed %d times", query, id, seen[id])
				}
			}
			churn.Wait()
			for _, id := range listed {
				if seen[id] == 0 && !gone[id] {
					t.Errorf("%s: %s survived and was not listed", query, id)
				}
			}
			for _, id := range s.walk(t, query) {
				if gone[id] {
					t.Errorf("%s: %s was deleted and is listed", query, id)
				}
			}
		}
		// The world is quiet again: pages and cursors agree, both ways.
		for _, query := range []string{"limit=200", "limit=33&sort=-created_at", "limit=20&region=eu-central", "limit=7&status=stopped&sort=-created_at"} {
			if byCursor, byPage := s.walk(t, query), s.paged(t, query); len(byCursor) == 0 || !slices.Equal(byCursor, byPage) {
				t.Errorf("%s: by cursor %d, by page %d, or in another order", query, len(byCursor), len(byPage))
			}
		}
	})
}

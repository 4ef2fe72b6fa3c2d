package emulator_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// instanceList is a list of instances as far as these tests read it.
type instanceList struct {
	Data []struct {
		ID string `json:"id"`
	} `json:"data"`
	Pagination struct {
		Total int `json:"total"`
	} `json:"pagination"`
	Next *string `json:"next_cursor"`
}

func filtered(t *testing.T, e *emulator.Emulator, q url.Values) (out instanceList, ids []string) {
	t.Helper()
	status, body := sent(t, e, e.Key(), "GET", "/v1/instances?"+q.Encode(), "")
	if status != 200 {
		t.Fatalf("%s: %d %s", q.Encode(), status, body)
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	for _, i := range out.Data {
		ids = append(ids, i.ID)
	}
	return out, ids
}

// A filter over so many objects that it reads a copy of the world lists what one
// finds by looking at each of them, page by page and from cursor to cursor.
func TestFiltersOverManyObjects(t *testing.T) {
	e := emulator.Start(t, emulator.WithFixture("busy=1500"))
	all := e.Instances()
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		q := url.Values{}
		keep := func(emulator.Instance) bool { return true }
		also := func(f func(emulator.Instance) bool) {
			before := keep
			keep = func(i emulator.Instance) bool { return before(i) && f(i) }
		}
		one := all[random.IntN(len(all))]
		if random.IntN(2) == 0 {
			q.Set("status", one.Status)
			also(func(i emulator.Instance) bool { return i.Status == one.Status })
		}
		if random.IntN(2) == 0 {
			q.Set("region", one.Region)
			also(func(i emulator.Instance) bool { return i.Region == one.Region })
		}
		if random.IntN(2) == 0 || len(q) == 0 {
			q.Set("label", "role:"+one.Labels["role"])
			also(func(i emulator.Instance) bool { return i.Labels["role"] == one.Labels["role"] })
		}
		var want []string
		for _, i := range all {
			if keep(i) {
				want = append(want, i.ID)
			}
		}
		if random.IntN(2) == 0 {
			q.Set("sort", "-created_at")
			slices.Reverse(want)
		}
		limit := 1 + random.IntN(100)
		q.Set("limit", strconv.Itoa(limit))
		page := 1 + random.IntN(len(want)/limit+2)
		q.Set("page", strconv.Itoa(page))
		got, ids := filtered(t, e, q)
		from := min((page-1)*limit, len(want))
		if part := want[from:min(from+limit, len(want))]; !slices.Equal(ids, part) || got.Pagination.Total != len(want) {
			t.Fatalf("%s: %d of %d, want %d of %d", q.Encode(), len(ids), got.Pagination.Total, len(part), len(want))
		}
		q.Del("page")
		var walked []string
		for {
			got, ids := filtered(t, e, q)
			walked = append(walked, ids...)
			if got.Next == nil {
				break
			}
			q.Set("cursor", *got.Next)
		}
		if !slices.Equal(walked, want) {
			t.Fatalf("%s: walked over %d, want %d", q.Encode(), len(walked), len(want))
		}
	}
}

// Filters beside requests that create and delete, and beside resets: each lists a
// state that there was. Run with -race.
func TestFiltersBesideChanges(t *testing.T) {
	e := emulator.Start(t, emulator.WithFixture("busy=1500"))
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			for n := range 30 {
				body := fmt.Sprintf(`{"name":"new-%d-%d","region":"eu-central","size":"standard-2","image":"ubuntu-24.04","labels":{"fresh":"yes"}}`, g, n)
				if status, text := sent(t, e, e.Key(), "POST", "/v1/instances", body); status != 201 {
					t.Errorf("%d %s", status, text)
				}
			}
		})
		all.Go(func() {
			for range 30 {
				out, ids := filtered(t, e, url.Values{"label": {"fresh:yes"}, "limit": {"100"}})
				if out.Pagination.Total != len(ids) || len(ids) > 60 {
					t.Errorf("%d of %d", len(ids), out.Pagination.Total)
				}
			}
		})
	}
	all.Go(func() {
		for range 5 {
			e.Reset()
		}
	})
	all.Wait()
}

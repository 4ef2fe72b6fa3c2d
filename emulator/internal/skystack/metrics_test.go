package skystack_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
	"skystack.dev/sandbox/emulator/sandbox"
)

// points are those of a series of a response, by their time.
func points(t testing.TB, r *wire.Reply, series int) (times []string, values map[string]float64) {
	t.Helper()
	list, ok := r.Find(fmt.Sprintf("series.%d.points", series))
	if !ok {
		t.Fatalf("%s: no series %d", r.What, series)
	}
	values = map[string]float64{}
	for _, p := range list.([]any) {
		at, v := p.([]any)[0].(string), p.([]any)[1].(float64)
		times = append(times, at)
		values[at] = v
	}
	return times, values
}

// S11: the metrics of an instance, by both addresses and in every version, for
// the hour past unless the question says more.
func TestMetricsS11(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("docs"))
		r := s.Get("/v1/instances/ins_123/metrics").Wants(200).Has("instance_id", "ins_123").Has("synthetic", true).
			Has("start", "2026-03-19T11:00:00Z").Has("end", "2026-03-19T12:00:00Z").Has("step", 60).Lacks("series.6")
		for n, want := range [][2]string{
			{"cpu", "percent"}, {"memory", "percent"}, {"disk_read", "bytes_per_second"}, {"disk_write", "bytes_per_second"},
			{"net_in", "bytes_per_second"}, {"net_out", "bytes_per_second"},
		} {
			r.Has(fmt.Sprintf("series.%d.name", n), want[0]).Has(fmt.Sprintf("series.%d.unit", n), want[1])
			times, values := points(t, r, n)
			if len(times) != 60 || times[0] != "2026-03-19T11:00:00Z" || times[59] != "2026-03-19T11:59:00Z" {
				t.Errorf("%s: %d points, %v", want[0], len(times), times)
			}
			for at, v := range values {
				if want[0] == "cpu" && v != 25 || v < 0 || want[1] == "percent" && v > 100 {
					t.Errorf("%s is %v at %s", want[0], v, at)
				}
			}
		}
		for _, version := range []string{"2025-07-01", "2026-01-15", "2026-10-01"} {
			if got := s.Get("/v1/instances/ins_123/metrics", "SkyStack-Version", version).Wants(200); string(got.Body) != string(r.Body) {
				t.Errorf("%s answers otherwise", version)
			}
		}
		if got := s.Get("/v1/compute/instances/ins_123/metrics").Wants(200); string(got.Body) != string(r.Body) {
			t.Error("the other address answers otherwise")
		}
		s.Get("/v1/compute/instances/ins_123/metrics", "SkyStack-Version", "2025-07-01").Refused(404, "route_not_found")
		s.Get("/v1/instances/ins_123/metrics?names=net_in,cpu&step=600").Wants(200).
			Has("series.0.name", "net_in").Has("series.1.name", "cpu").Lacks("series.2").Has("step", 600)
		s.Get("/v1/instances/ins_none/metrics").Refused(404, "instance_not_found")
		reader, err := s.AddKey(sandbox.Key{Scopes: []string{"instances:read"}})
		if err != nil {
			t.Fatal(err)
		}
		s.As(reader.Token).Get("/v1/instances/ins_123/metrics").Refused(403, "insufficient_scope")
		s.As(reader.Token).Get("/v1/instances/ins_123/health").Refused(403, "insufficient_scope")
	})
}

// Every violation of a question is a detail of one 400.
func TestMetricsViolations(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("docs"))
	const at = "2026-03-19T10:00:00Z"
	for query, want := range map[string][]string{
		"start=" + at + "&end=" + at:                                        {"start:out_of_range"},
		"start=2026-03-19T12:00:00Z":                                        {"start:out_of_range"}, // the present, where the answer would end
		"start=2026-03-19T13:00:00Z":                                        {"start:out_of_range"},
		"start=2026-03-19T10:00:00.1Z&end=2026-03-19T10:00:00.9Z":           {"start:out_of_range"},
		"start=2026-03-19T10:00:01%2B00:00&end=2026-03-19T12:00:01%2B02:00": {"start:out_of_range"},
		"start=2026-02-17T12:00:00Z&end=2026-03-19T12:00:01Z":               {"start:out_of_range"}, // 30 days and a second
		"start=0000-01-01T00:00:00Z&end=9999-12-31T23:59:59Z":               {"start:out_of_range"},
		"end=9999-12-31T23:59:59-23:59":                                     {"end:out_of_range"},
		"start=yesterday":                                                   {"start:invalid_format"},
		"start=&end=":                                                       {"start:invalid_format", "end:invalid_format"},
		"start=2026-02-30T10:00:00Z&end=2026-03-19T10:00:00":                {"end:invalid_format", "start:invalid_format"},
		"start=1773914400":                                                  {"start:invalid_format"},
		"step=0":                                                            {"step:out_of_range"},
		"step=-60":                                                          {"step:out_of_range"},
		"step=86401":                                                        {"step:out_of_range"},
		"step=1.5":                                                          {"step:invalid_type"},
		"step=9999999999999999999":                                          {"step:out_of_range"},
		"step=60&step=60":                                                   {"step:repeated"},
		"names=":                                                            {"names:unknown_value"},
		"names=cpu,heat":                                                    {"names:unknown_value"},
		"names=cpu,memory,cpu":                                              {"names:repeated"},
		"names=gpu&step=0&end=no&start=2026-02-30T10:00:00Z":                {"names:unknown_value", "step:out_of_range", "end:invalid_format", "start:invalid_format"},
		"names=cpu,cpu&start=2026-03-19T10:00:00Z&end=" + at + "&x=%": {"x:invalid_format", "start:out_of_range", "names:repeated"},
	} {
		r := s.Get("/v1/instances/ins_123/metrics?"+query).Refused(400, "invalid_parameter")
		var got []string
		list, _ := r.Find("error.details")
		for n := range list.([]any) {
			got = append(got, r.Text(fmt.Sprintf("error.details.%d.field", n))+":"+r.Text(fmt.Sprintf("error.details.%d.code", n)))
			if in := r.Text(fmt.Sprintf("error.details.%d.location", n)); in != "query" {
				t.Errorf("%s: location %s", query, in)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	s.Get("/v1/instances/ins_123/metrics?steps=60", "SkyStack-Version", "2026-10-01").Refused(400, "unknown_parameter")
	s.Get("/v1/instances/ins_123/metrics?steps=60").Wants(200)
}

// A step that would make too many points is raised to a multiple of itself, and
// the response says so.
func TestMetricsStep(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	i, err := s.CreateInstance(sandbox.Instance{Name: "a", CreatedAt: s.Now().Add(-40 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		span           time.Duration
		asked          string
		step, n, least int
	}{
		{time.Hour, "", 60, 60, 60},
		{500 * time.Minute, "", 60, 500, 500},
		{501 * time.Minute, "", 120, 251, 250},
		{500 * time.Minute, "&step=59", 118, 255, 254},
		{30 * 24 * time.Hour, "", 5220, 497, 496},
		{30 * 24 * time.Hour, "&step=1", 5184, 500, 500},
		{30 * 24 * time.Hour, "&step=86400", 86400, 30, 30},
		{30 * 24 * time.Hour, "&step=7200", 7200, 360, 360},
		{time.Second, "&step=1", 1, 1, 1},
		{time.Minute, "&step=3600", 3600, 1, 0},
	} {
		for _, late := range []time.Duration{0, 7 * time.Second, 59 * time.Second} {
			end := s.Now().Add(-time.Minute + late)
			q := "?names=net_in&end=" + end.Format(time.RFC3339) + "&start=" + end.Add(-c.span).Format(time.RFC3339) + c.asked
			r := s.Get("/v1/instances/"+i.ID+"/metrics"+q).Wants(200).Has("step", c.step).
				Has("start", end.Add(-c.span).Format(time.RFC3339)).Has("end", end.Format(time.RFC3339))
			times, _ := points(t, r, 0)
			if len(times) > c.n || len(times) < c.least {
				t.Errorf("%v%s: %d points, want %d to %d", c.span, c.asked, len(times), c.least, c.n)
			}
			for _, text := range times {
				at, err := time.Parse(time.RFC3339, text)
				if err != nil || at.Unix()%int64(c.step) != 0 || at.Before(end.Add(-c.span)) || !at.Before(end) {
					t.Errorf("%v%s: a point at %s", c.span, c.asked, text)
				}
			}
		}
	}
}

// There are no points while the instance did not run, before it was created and
// after the present (S11).
func TestMetricsGaps(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("empty"))
		id := made(s, "a", "") // at 12:00:00, runs from 12:00:03 on
		wait := func(d time.Duration) {
			t.Helper()
			if err := s.Advance(d); err != nil {
				t.Fatal(err)
			}
		}
		wait(10 * time.Minute)
		s.Post("/v1/instances/"+id+"/actions", `{"type":"stop"}`).Wants(202) // at 12:10:00
		wait(10 * time.Minute)
		s.Post("/v1/instances/"+id+"/actions", `{"type":"start"}`).Wants(202) // runs from 12:20:02 on
		wait(5 * time.Minute)
		s.Post("/v1/instances/"+id+"/actions", `{"type":"snapshot"}`).Wants(202) // runs on
		wait(3*time.Minute + 30*time.Second)
		if err := s.Fail(id, ""); err != nil { // the snapshot is done: it crashes at 12:28:30
			t.Fatal(err)
		}
		wait(90 * time.Second)
		r := s.Get("/v1/instances/"+id+"/metrics?names=cpu&start=2026-03-19T11:30:00Z&end=2026-03-19T14:00:00Z").Wants(200).Has("end", "2026-03-19T14:00:00Z")
		var want []string
		for _, span := range [][2]int{{1, 9}, {21, 28}} {
			for m := span[0]; m <= span[1]; m++ {
				want = append(want, fmt.Sprintf("2026-03-19T12:%02d:00Z", m))
			}
		}
		if got, _ := points(t, r, 0); !slices.Equal(got, want) {
			t.Errorf("points at %v, want %v", got, want)
		}
		if r := s.Get("/v1/instances/" + id + "/metrics?start=2026-03-19T13:00:00Z&end=2026-03-19T14:00:00Z").Wants(200); string(r.Body) == "" {
			t.Error("nothing")
		} else if got, _ := points(t, r, 5); len(got) != 0 {
			t.Errorf("of what has not come there are points: %v", got)
		}
		// One that was there before any read has run since it was created.
		old, err := s.CreateInstance(sandbox.Instance{Name: "old", CreatedAt: s.Now().Add(-10*time.Minute - 30*time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		off, err := s.CreateInstance(sandbox.Instance{Name: "off", Status: "stopped", CreatedAt: s.Now().Add(-time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := points(t, s.Get("/v1/instances/"+old.ID+"/metrics"), 0); len(got) != 10 || got[0] != "2026-03-19T12:20:00Z" {
			t.Errorf("points at %v", got)
		}
		if got, _ := points(t, s.Get("/v1/instances/"+off.ID+"/metrics"), 0); len(got) != 0 {
			t.Errorf("points at %v", got)
		}
		s.Delete("/v1/instances/" + id).Wants(204)
		s.Get("/v1/instances/"+id+"/metrics").Refused(404, "instance_not_found")
	})
}

// A load counts from when it was set, while the instance runs, and not before;
// null gives back the synthetic value.
func TestMetricsLoad(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen12(), emulator.WithFixture("docs"))
		set := func(l sandbox.Load) {
			t.Helper()
			if err := s.SetLoad("ins_123", l); err != nil {
				t.Fatal(err)
			}
			if err := s.Advance(2 * time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		half, most := 50.126, 100.0
		set(sandbox.Busy(92.5))                           // from 12:00 on
		set(sandbox.Load{CPU: &most, Memory: &half})      // from 12:02 on
		set(sandbox.Load{CPU: new(float64), Memory: nil}) // from 12:04 on
		set(sandbox.Load{})                               // from 12:06 on
		snapshot := s.Snapshot()
		const query = "/v1/instances/ins_123/metrics?names=cpu,memory&start=2026-03-19T11:59:00Z&end=2026-03-19T12:10:00Z"
		r := s.Get(query).Wants(200)
		_, cpu := points(t, r, 0)
		_, memory := points(t, r, 1)
		for at, want := range map[string]float64{"11:59": 25, "12:00": 92.5, "12:01": 92.5, "12:02": 100, "12:03": 100, "12:04": 0, "12:05": 0, "12:06": 25, "12:07": 25} {
			at = "2026-03-19T" + at + ":00Z"
			if cpu[at] != want {
				t.Errorf("cpu is %v at %s, want %v", cpu[at], at, want)
			}
		}
		if m := memory["2026-03-19T12:03:00Z"]; m != 50.13 {
			t.Errorf("memory is %v, want 50.13", m)
		}
		if m := memory["2026-03-19T12:04:00Z"]; m < 36 || m > 44 {
			t.Errorf("memory is %v again", m)
		}
		if err := s.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		if again := s.Get(query).Wants(200); string(again.Body) != string(r.Body) {
			t.Errorf("after a restore:\n%s\nwas\n%s", again.Body, r.Body)
		}
		f := wire.In(t, s.Fork(t))
		if again := f.Get(query).Wants(200); string(again.Body) != string(r.Body) {
			t.Errorf("in the fork:\n%s\nwas\n%s", again.Body, r.Body)
		}
		s.Reset()
		if err := s.Advance(10 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, cpu := points(t, s.Get(query), 0); cpu["2026-03-19T12:01:00Z"] != 25 {
			t.Error("a load outlived the reset")
		}
	})
}

// What has passed never changes its metrics: questions that overlap agree, at any
// step, whatever was asked and happened in between (S6).
func TestMetricsAgree(t *testing.T) {
	s := wire.Start(t, frozen12(), emulator.WithFixture("empty"))
	id := made(s, "a", "")
	rapid.Check(t, func(rt *rapid.T) {
		s := wire.In(t, s.Fork(t))
		seen := map[string]float64{}
		rt.Repeat(map[string]func(*rapid.T){
			"wait": func(rt *rapid.T) {
				if err := s.Advance(time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(rt, "for"))); err != nil {
					rt.Fatal(err)
				}
			},
			"load": func(rt *rapid.T) {
				if err := s.SetLoad(id, sandbox.Busy(float64(rapid.IntRange(0, 10000).Draw(rt, "cpu"))/100)); err != nil {
					rt.Fatal(err)
				}
			},
			"act": func(rt *rapid.T) {
				s.Post("/v1/instances/"+id+"/actions", `{"type":"`+rapid.SampledFrom([]string{"start", "stop", "reboot"}).Draw(rt, "type")+`"}`)
			},
			"ask": func(rt *rapid.T) {
				end := s.Now().Add(time.Duration(rapid.IntRange(-3600, 600).Draw(rt, "end")) * time.Second)
				start := end.Add(-time.Duration(rapid.IntRange(1, 7200).Draw(rt, "span")) * time.Second)
				q := url.Values{"start": {start.Format(time.RFC3339)}, "end": {end.Format(time.RFC3339)}, "names": {"cpu,net_out"}, "step": {fmt.Sprint(rapid.IntRange(1, 90).Draw(rt, "step"))}}
				path := "/v1/instances/" + id + "/metrics?" + q.Encode()
				r := s.Get(path).Wants(http.StatusOK)
				if again := s.Get(path); string(again.Body) != string(r.Body) {
					rt.Fatalf("the same question, another answer:\n%s\n%s", r.Body, again.Body)
				}
				for n := range 2 {
					_, values := points(t, r, n)
					for at, v := range values {
						key := fmt.Sprint(n, " ", at)
						if was, ok := seen[key]; ok && was != v {
							rt.Fatalf("series %d is %v at %s, and was %v", n, v, at, was)
						}
						seen[key] = v
					}
				}
			},
		})
	})
}

// Another seed gives other values, and each instance and metric has its own (S6).
func TestMetricsFollowTheSeed(t *testing.T) {
	ask := func(seed uint64, id string) string {
		s := wire.Start(t, frozen12(), emulator.WithFixture("default"), emulator.WithSeed(seed))
		r := s.Get("/v1/instances/" + id + "/metrics?names=net_in").Wants(200)
		list, _ := r.Find("series.0.points")
		return fmt.Sprint(list)
	}
	one := ask(7, "ins_web01")
	if one == "[]" || ask(7, "ins_web01") != one {
		t.Error("the same seed gave other values")
	}
	if ask(8, "ins_web01") == one || ask(7, "ins_web02") == one {
		t.Error("another seed or instance gave the same values")
	}
}

// FuzzMetricsQuery: whatever is asked, the response is 200 or 400 as the contract has
// it, with at most 500 points.
func FuzzMetricsQuery(f *testing.F) {
	for _, q := range []string{
		"", "names=cpu,memory&step=1", "start=2026-03-19T10:00:00Z&end=2026-03-19T12:00:00Z", "start=0000-01-01T00:00:00Z", "end=9999-12-31T23:59:60Z",
		"start=1969-12-31T23:00:00%2B00:00&end=1970-01-01T00:00:01Z&step=7", "names=cpu,cpu", "start=2026-02-30T00:00:00Z", "step=86400&step=1",
	} {
		f.Add(q)
	}
	r := newLook(f, "docs", skystack.Settings{}, engine.Clock{})
	f.Fuzz(func(t *testing.T, query string) {
		u := url.URL{Path: "/v1/instances/ins_123/metrics", RawQuery: query}
		request, err := http.NewRequest(http.MethodGet, "http://localhost"+u.String(), http.NoBody)
		if err != nil {
			return
		}
		request.Header.Set("Authorization", "Bearer "+r.key)
		w := r.serve(request) // which validates the response against the contract
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
	})
}

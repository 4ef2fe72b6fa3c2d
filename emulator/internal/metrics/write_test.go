package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// source is two operations and two workspaces.
func source() Source {
	r := New()
	r.Operation("never")
	get := r.Operation("getInstance")
	get.Observe(200, 150*time.Microsecond)
	get.Observe(200, 2*time.Millisecond)
	get.Observe(404, 7*time.Second)
	r.Operation("").Observe(-1, 0)
	return Source{Requests: r, Version: `1.2.3 "x"`, Worlds: func() []World {
		return []World{
			{ID: "wsp_2"},
			{ID: "wsp_1", Agenda: 1, Instances: 2, JournalBytes: 16_000_000, JournalEntries: 4, JournalDropped: 5, LimiterRefused: 6},
		}
	}}
}

const wanted = `# HELP skystack_sandbox_agenda_events Events that are booked.
# TYPE skystack_sandbox_agenda_events gauge
skystack_sandbox_agenda_events{workspace="wsp_1"} 1
skystack_sandbox_agenda_events{workspace="wsp_2"} 0
# HELP skystack_sandbox_build_info What is running; always 1.
# TYPE skystack_sandbox_build_info gauge
skystack_sandbox_build_info{version="1.2.3 \"x\""} 1
# HELP skystack_sandbox_instances Instances there are.
# TYPE skystack_sandbox_instances gauge
skystack_sandbox_instances{workspace="wsp_1"} 2
skystack_sandbox_instances{workspace="wsp_2"} 0
# HELP skystack_sandbox_journal_bytes Memory that the record of requests takes.
# TYPE skystack_sandbox_journal_bytes gauge
skystack_sandbox_journal_bytes{workspace="wsp_1"} 1.6e+07
skystack_sandbox_journal_bytes{workspace="wsp_2"} 0
# HELP skystack_sandbox_journal_dropped_total Requests that the record has given up to stay within its bound.
# TYPE skystack_sandbox_journal_dropped_total counter
skystack_sandbox_journal_dropped_total{workspace="wsp_1"} 5
skystack_sandbox_journal_dropped_total{workspace="wsp_2"} 0
# HELP skystack_sandbox_journal_entries Requests on record.
# TYPE skystack_sandbox_journal_entries gauge
skystack_sandbox_journal_entries{workspace="wsp_1"} 4
skystack_sandbox_journal_entries{workspace="wsp_2"} 0
# HELP skystack_sandbox_rate_limited_total Requests that were refused because of a rate limit.
# TYPE skystack_sandbox_rate_limited_total counter
skystack_sandbox_rate_limited_total{workspace="wsp_1"} 6
skystack_sandbox_rate_limited_total{workspace="wsp_2"} 0
# HELP skystack_sandbox_request_duration_seconds Time from the arrival of a request to its answer, by the wall clock.
# TYPE skystack_sandbox_request_duration_seconds histogram
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.0001"} 0
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.00025"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.0005"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.001"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.0025"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.005"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.01"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.05"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.1"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="0.5"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="1"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="5"} 2
skystack_sandbox_request_duration_seconds_bucket{operation="getInstance",le="+Inf"} 3
skystack_sandbox_request_duration_seconds_sum{operation="getInstance"} 7.00215
skystack_sandbox_request_duration_seconds_count{operation="getInstance"} 3
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.0001"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.00025"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.0005"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.001"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.0025"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.005"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.01"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.05"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.1"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="0.5"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="1"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="5"} 1
skystack_sandbox_request_duration_seconds_bucket{operation="unmatched",le="+Inf"} 1
skystack_sandbox_request_duration_seconds_sum{operation="unmatched"} 0
skystack_sandbox_request_duration_seconds_count{operation="unmatched"} 1
# HELP skystack_sandbox_requests_total Requests by operation and status of the answer.
# TYPE skystack_sandbox_requests_total counter
skystack_sandbox_requests_total{operation="getInstance",status="200"} 2
skystack_sandbox_requests_total{operation="getInstance",status="404"} 1
skystack_sandbox_requests_total{operation="unmatched",status="0"} 1
# HELP skystack_sandbox_workspaces Workspaces there are.
# TYPE skystack_sandbox_workspaces gauge
skystack_sandbox_workspaces 2
`

// write is what Write gives, and the lines of it that are about the sandbox.
func write(t *testing.T, s Source) (all, own string) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, "skystack_") {
			own += line
		}
	}
	return b.String(), own
}

// runtimeMetrics are some of the process's own. Those of the operating system are there
// on Linux alone.
func runtimeMetrics() []string {
	out := []string{"\ngo_goroutines ", "\ngo_info{"}
	if runtime.GOOS == "linux" {
		out = append(out, "\nprocess_resident_memory_bytes ", "\nprocess_open_fds ")
	}
	return out
}

func TestWrite(t *testing.T) {
	all, own := write(t, source())
	if own != wanted {
		t.Errorf("got:\n%s", own)
	}
	for _, of := range runtimeMetrics() {
		if !strings.Contains(all, of) {
			t.Errorf("nothing of the runtime: no%s", of)
		}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := parser.TextToMetricFamilies(strings.NewReader(all)); err != nil {
		t.Error(err)
	}
	problems, err := promlint.New(strings.NewReader(own)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if want := string(expfmt.NewFormat(expfmt.TypeTextPlain)); ContentType != want {
		t.Errorf("content type %q, want %q", ContentType, want)
	}
}

func TestWriteNothing(t *testing.T) {
	const want = `# HELP skystack_sandbox_build_info What is running; always 1.
# TYPE skystack_sandbox_build_info gauge
skystack_sandbox_build_info{version=""} 1
# HELP skystack_sandbox_workspaces Workspaces there are.
# TYPE skystack_sandbox_workspaces gauge
skystack_sandbox_workspaces 0
`
	for _, s := range []Source{{}, {Requests: New(), Worlds: func() []World { return nil }}} {
		if _, own := write(t, s); own != want {
			t.Errorf("got:\n%s", own)
		}
	}
}

func TestManyWorkspaces(t *testing.T) {
	const n = 10_000
	worlds := make([]World, n)
	for i := range worlds {
		worlds[n-1-i] = World{
			ID: fmt.Sprintf("wsp_%05d", i), Agenda: 1, Instances: 2, JournalBytes: 3, JournalEntries: 4, JournalDropped: 5, LimiterRefused: 6,
		}
	}
	_, own := write(t, Source{Worlds: func() []World { return worlds }})
	for _, want := range []string{
		"skystack_sandbox_workspaces 10000\n", `agenda_events{workspace="wsp_00000"} 1` + "\n", `agenda_events{workspace="wsp_00099"} 1` + "\n",
		`agenda_events{workspace="other"} 9900` + "\n", `instances{workspace="other"} 19800` + "\n", `journal_bytes{workspace="other"} 29700` + "\n",
		`journal_entries{workspace="other"} 39600` + "\n", `journal_dropped_total{workspace="other"} 49500` + "\n",
		`rate_limited_total{workspace="other"} 59400` + "\n",
	} {
		if !strings.Contains(own, want) {
			t.Errorf("no %s", want)
		}
	}
	if series := strings.Count(own, "agenda_events{"); series != MaxWorkspaces+1 || strings.Contains(own, "wsp_00100") {
		t.Errorf("%d workspaces have series of their own", series)
	}
	if worlds[0].ID != "wsp_09999" {
		t.Error("the caller's slice was sorted")
	}
}

// Whatever it is called, nothing makes a scrape fail.
func TestStrangeNames(t *testing.T) {
	r := New()
	for _, id := range []string{"\xff", "\xfe", "a\nb", "unmatched", "", "\uFFFD"} {
		r.Operation(id).Observe(200, 0)
	}
	all, own := write(t, Source{Requests: r, Version: "\xff", Worlds: func() []World {
		return []World{{ID: "\xff", Agenda: 1}, {ID: "\xfe", Agenda: 2}, {ID: "a\"b\n", Agenda: 3}, {ID: "other"}, {}}
	}})
	for _, want := range []string{
		`agenda_events{workspace="` + "\uFFFD" + `"} 3` + "\n", `agenda_events{workspace="a\"b\n"} 3` + "\n", `agenda_events{workspace=""} 0` + "\n",
		`requests_total{operation="` + "\uFFFD" + `",status="200"} 3` + "\n", `requests_total{operation="unmatched",status="200"} 2` + "\n",
	} {
		if !strings.Contains(own, want) {
			t.Errorf("no %s in\n%s", want, own)
		}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := parser.TextToMetricFamilies(strings.NewReader(all)); err != nil {
		t.Error(err)
	}
}

type broken struct{ io.Writer }

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestBrokenWriter(t *testing.T) {
	if err := Write(broken{}, source()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	s := source()
	for b.Loop() {
		if err := Write(io.Discard, s); err != nil {
			b.Fatal(err)
		}
	}
}

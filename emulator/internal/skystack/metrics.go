package skystack

import (
	"fmt"
	"slices"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// What a query of metrics may ask for (section 11).
const (
	maxPoints    = 500 // of a series
	maxRange     = 30 * 24 * time.Hour
	standardSpan = time.Hour
	standardStep = 60 // seconds
)

// metric is something that is measured of an instance that runs. Values are
// whole numbers of 1/scale units between low and high, unless a load is set.
type metric struct {
	name, unit       string
	scale, low, high int64
	set              func(load) *float64 // in place of the synthetic value; nil if nothing can be
}

// idleCPU is the percentage of an instance without a load. It never changes, so
// that nothing scales by itself (section 12).
const idleCPU = 25.0

//nolint:gochecknoglobals // a table, never written
var metrics = [...]metric{
	{"cpu", "percent", 100, 100 * idleCPU, 100 * idleCPU, func(l load) *float64 { return l.CPU }},
	{"memory", "percent", 100, 3600, 4400, func(l load) *float64 { return l.Memory }},
	{"disk_read", "bytes_per_second", 1, 20_000, 120_000, nil},
	{"disk_write", "bytes_per_second", 1, 40_000, 200_000, nil},
	{"net_in", "bytes_per_second", 1, 5_000, 60_000, nil},
	{"net_out", "bytes_per_second", 1, 8_000, 90_000, nil},
}

type metricsInput struct {
	instanceInput
	Names []string `json:"-" query:"names"`
	Start string   `json:"-" query:"start"`
	End   string   `json:"-" query:"end"`
	Step  int      `json:"-" query:"step"`
}

// window is the part of time that a query asks for, in seconds of Unix time. Its
// points lie at the multiples of the step from start on, before end and before
// the present.
type window struct{ start, end, step, now int64 }

// windowOf settles what the query leaves out. Both times are whole seconds, and
// whatever else is wrong with them is among the details.
func windowOf(now time.Time, start, end string, step int) (w window, details []fail.Detail) {
	w.now = now.Unix()
	if now.Nanosecond() > 0 {
		w.now++ // the second that has begun has passed its first instant
	}
	read := func(name, text string, absent int64) int64 {
		if text == "" {
			return absent
		}
		t, err := time.Parse(time.RFC3339, text) // the contract says what is none
		if year := t.UTC().Year(); err == nil && (year < 1970 || year > 9999) {
			details = append(details, fail.Detail{Field: name, Location: fail.Query, Code: "out_of_range", Message: name + " must lie in the years 1970 to 9999."})
		}
		return t.Unix()
	}
	w.end = read("end", end, now.Unix())
	w.start = read("start", start, w.end-int64(standardSpan/time.Second))
	if w.step = int64(step); step == 0 {
		w.step = standardStep
	}
	return w, details
}

// span refuses a window that holds nothing or too much.
func (w window) span() []fail.Detail {
	violation := func(code, format string, args ...any) []fail.Detail {
		return []fail.Detail{{Field: "start", Location: fail.Query, Code: code, Message: fmt.Sprintf(format, args...)}}
	}
	switch {
	case w.start >= w.end:
		return violation("out_of_range", "start must be before end; they would be %s and %s.", resource.Stamp(time.Unix(w.start, 0)), resource.Stamp(time.Unix(w.end, 0)))
	case w.end-w.start > int64(maxRange/time.Second):
		return violation("out_of_range", "start and end must be at most 30 days apart; they would be %d s.", w.end-w.start)
	}
	return nil
}

// coarsen raises the step to the least multiple of it that keeps the window
// within maxPoints points, wherever it begins.
func (w *window) coarsen() {
	least := (w.end - w.start + maxPoints - 1) / maxPoints
	if w.step < least {
		w.step *= (least + w.step - 1) / w.step
	}
}

// first is the first multiple of the step in the window.
func (w window) first() int64 {
	if past := w.start % w.step; past > 0 {
		return w.start - past + w.step
	}
	return w.start
}

// checkMetrics finds what the contract cannot: names given twice, times before all
// others, a range that is empty or too long.
func (a *API) checkMetrics(c *httpapi.Call, in metricsInput) []fail.Detail {
	w, details := windowOf(c.Now(), in.Start, in.End, 0)
	if len(details) == 0 && readable(in.Start) && readable(in.End) {
		details = w.span()
	}
	if len(in.Names) > 1 {
		seen := map[string]bool{}
		for _, name := range in.Names {
			if seen[name] {
				details = append(details, fail.Detail{Field: "names", Location: fail.Query, Code: "repeated", Message: "names has " + fail.Clip(name) + " more than once; name it once."})
				break
			}
			seen[name] = true
		}
	}
	return details
}

// readable reports whether text is a time, if any was sent; the contract says so
// if it is none.
func readable(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return text == "" || err == nil
}

// getMetrics shows how busy an instance was (S11).
//
//	GET /v1/instances/{id}/metrics
func (a *API) getMetrics(c *httpapi.Call, in metricsInput) (*metricsBody, error) {
	i, err := a.instance(c.Tx, in.ID)
	if err != nil {
		return nil, err
	}
	b := &metricsBody{instance: i}
	b.loads, _ = a.loads.Get(c.Tx, i.ID)
	b.window, _ = windowOf(c.Now(), in.Start, in.End, in.Step)
	b.coarsen()
	if len(in.Names) == 0 {
		for n := range metrics {
			b.add(c.Tx, &metrics[n])
		}
	}
	for _, name := range in.Names {
		b.add(c.Tx, &metrics[slices.IndexFunc(metrics[:], func(m metric) bool { return m.name == name })])
	}
	return b, nil
}

func (b *metricsBody) add(tx *engine.Tx, m *metric) {
	b.series = append(b.series, series{m, tx.World().Noise(m.stream(b.instance.ID))})
}

package metrics

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// ContentType is that of what Write writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// MaxWorkspaces is how many workspaces have series of their own. All others are
// added up under the name "other".
const MaxWorkspaces = 100

// Source is where Write gets its numbers from.
type Source struct {
	// Requests may be nil: then there are none.
	Requests *Requests
	// Version is that of the sandbox.
	Version string
	// Worlds is called once for each Write and tells about the workspaces, in any
	// order; nil for none.
	Worlds func() []World
}

// World is a workspace as the metrics show it.
type World struct {
	ID string
	// Agenda is how many events are booked, and Instances how many instances
	// there are.
	Agenda, Instances int
	// JournalBytes is the memory the record of requests takes, JournalEntries how
	// many are in it, and JournalDropped how many it has given up.
	JournalBytes, JournalEntries int
	JournalDropped               uint64
	// LimiterRefused is how many requests were answered 429.
	LimiterRefused uint64
}

// Write writes all metrics in the text format of Prometheus, with those of the
// Go runtime and the process. An error comes from w, or before anything is
// written.
func Write(w io.Writer, s Source) error {
	snapshot := scrape{Source: s}
	if s.Worlds != nil {
		snapshot.worlds = s.Worlds()
	}
	// A registry of its own: the default one belongs to whoever embeds us.
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		snapshot, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

// scrape collects the metrics of the sandbox for one Write.
type scrape struct {
	Source
	worlds []World
}

// Describe implements prometheus.Collector. It promises nothing: which series
// there are is known when they are collected.
func (s scrape) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s scrape) Collect(ch chan<- prometheus.Metric) {
	s.collectRequests(ch)
	s.collectWorlds(ch)
	build := describe("build_info", "What is running; always 1.", "version")
	ch <- number(build, prometheus.GaugeValue, 1, s.Version)
}

func (s scrape) collectRequests(ch chan<- prometheus.Metric) {
	if s.Requests == nil {
		return
	}
	total := describe("requests_total", "Requests by operation and status of the answer.", "operation", "status")
	duration := describe("request_duration_seconds", "Time from the arrival of a request to its answer, by the wall clock.", "operation")
	for _, o := range s.Requests.used() {
		for t := o.statuses.Load(); t != nil; t = t.next {
			ch <- number(total, prometheus.CounterValue, float64(t.n.Load()), o.id, strconv.Itoa(t.status))
		}
		// The count is that of the buckets, so that both agree whatever is
		// counted meanwhile.
		below, count := make(map[float64]uint64, buckets), uint64(0)
		for i, bound := range bounds() {
			count += o.lasted[i].Load()
			below[bound.Seconds()] = count
		}
		count += o.lasted[buckets].Load()
		ch <- checked(duration)(prometheus.NewConstHistogram(duration, count, float64(o.nanos.Load())/1e9, below, o.id))
	}
}

func (s scrape) collectWorlds(ch chan<- prometheus.Metric) {
	all := describe("workspaces", "Workspaces there are.")
	ch <- number(all, prometheus.GaugeValue, float64(len(s.worlds)))
	worlds := few(s.worlds)
	for _, m := range [...]struct {
		name, help string
		kind       prometheus.ValueType
		value      func(w World) float64
	}{
		{"agenda_events", "Events that are booked.", prometheus.GaugeValue, func(w World) float64 { return float64(w.Agenda) }},
		{"instances", "Instances there are.", prometheus.GaugeValue, func(w World) float64 { return float64(w.Instances) }},
		{"journal_bytes", "Memory that the record of requests takes.", prometheus.GaugeValue, func(w World) float64 { return float64(w.JournalBytes) }},
		{"journal_entries", "Requests on record.", prometheus.GaugeValue, func(w World) float64 { return float64(w.JournalEntries) }},
		{"journal_dropped_total", "Requests that the record has given up to stay within its bound.", prometheus.CounterValue, func(w World) float64 { return float64(w.JournalDropped) }},
		{"rate_limited_total", "Requests that were refused because of a rate limit.", prometheus.CounterValue, func(w World) float64 { return float64(w.LimiterRefused) }},
	} {
		desc := describe(m.name, m.help, "workspace")
		for _, w := range worlds {
			ch <- number(desc, m.kind, m.value(w), w.ID)
		}
	}
}

// few is the first workspaces by id, and the rest as one called "other". No two
// have the same name.
func few(worlds []World) []World {
	worlds = slices.Clone(worlds)
	slices.SortFunc(worlds, func(a, b World) int { return cmp.Compare(a.ID, b.ID) })
	at := map[string]int{}
	var all []World
	for i, w := range worlds {
		if w.ID = valid(w.ID); i >= MaxWorkspaces {
			w.ID = "other"
		}
		k, ok := at[w.ID]
		if !ok {
			at[w.ID] = len(all)
			all = append(all, w)
			continue
		}
		sum := &all[k]
		sum.Agenda += w.Agenda
		sum.Instances += w.Instances
		sum.JournalBytes += w.JournalBytes
		sum.JournalEntries += w.JournalEntries
		sum.JournalDropped += w.JournalDropped
		sum.LimiterRefused += w.LimiterRefused
	}
	return all
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("skystack_sandbox_"+name, help, labels, nil)
}

func number(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) prometheus.Metric {
	for i, l := range labels {
		labels[i] = valid(l)
	}
	return checked(d)(prometheus.NewConstMetric(d, kind, value, labels...))
}

// checked turns an error into a metric that makes Gather fail.
func checked(d *prometheus.Desc) func(prometheus.Metric, error) prometheus.Metric {
	return func(m prometheus.Metric, err error) prometheus.Metric {
		if err != nil {
			return prometheus.NewInvalidMetric(d, err)
		}
		return m
	}
}

// valid is a label with a replacement for what is not UTF-8.
func valid(label string) string { return strings.ToValidUTF8(label, "\uFFFD") }

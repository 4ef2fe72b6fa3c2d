package metrics

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	runtime "github.com/VictoriaMetrics/metrics"
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
	// LimiterRefused is the number of responses with status 429.
	LimiterRefused uint64
}

// Write writes all metrics in the text format of Prometheus, with those of the
// Go runtime and the process. An error comes from w.
func Write(w io.Writer, s Source) error {
	var p page
	var worlds []World
	if s.Worlds != nil {
		worlds = s.Worlds()
	}
	first := firstN(worlds)
	gauge := func(name, help string, value func(World) float64) { p.worlds(first, name, "gauge", help, value) }
	counter := func(name, help string, value func(World) float64) { p.worlds(first, name, "counter", help, value) }
	gauge("agenda_events", "Events that are booked.", func(w World) float64 { return float64(w.Agenda) })
	p.family("build_info", "gauge", "What is running; always 1.")
	p.sample("", 1, "version", s.Version)
	gauge("instances", "Instances there are.", func(w World) float64 { return float64(w.Instances) })
	gauge("journal_bytes", "Memory that the record of requests takes.", func(w World) float64 { return float64(w.JournalBytes) })
	counter("journal_dropped_total", "Requests that the record has given up to stay within its bound.", func(w World) float64 { return float64(w.JournalDropped) })
	gauge("journal_entries", "Requests on record.", func(w World) float64 { return float64(w.JournalEntries) })
	counter("rate_limited_total", "Requests that were refused because of a rate limit.", func(w World) float64 { return float64(w.LimiterRefused) })
	if s.Requests != nil {
		p.requests(s.Requests.used())
	}
	p.family("workspaces", "gauge", "Workspaces there are.")
	p.sample("", float64(len(worlds)))
	runtime.WriteProcessMetrics(&p.text)
	runtime.WriteFDMetrics(&p.text)
	if _, err := p.text.WriteTo(w); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// page is the text of a scrape.
type page struct {
	text bytes.Buffer
	name string // of the family whose samples come next
	head string // the lines above its first sample; "" once they are written
}

// family begins a family of samples. One without samples leaves no trace.
func (p *page) family(name, kind, help string) {
	p.name = "skystack_sandbox_" + name
	p.head = "# HELP " + p.name + " " + help + "\n# TYPE " + p.name + " " + kind + "\n"
}

// sample writes a sample of the family. labels are names, each followed by its
// value.
func (p *page) sample(suffix string, value float64, labels ...string) {
	p.text.WriteString(p.head + p.name + suffix)
	p.head = ""
	for i := 0; i < len(labels); i += 2 {
		before := ","
		if i == 0 {
			before = "{"
		}
		p.text.WriteString(before + labels[i] + `="` + escaped(labels[i+1]) + `"`)
	}
	if labels != nil {
		p.text.WriteString("}")
	}
	p.text.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

// worlds writes a family with a sample for each workspace.
func (p *page) worlds(worlds []World, name, kind, help string, value func(World) float64) {
	p.family(name, kind, help)
	for _, w := range worlds {
		p.sample("", value(w), "workspace", w.ID)
	}
}

// requests writes the families of the operations.
func (p *page) requests(operations []*Operation) {
	p.family("request_duration_seconds", "histogram", "Time from the arrival of a request to its answer, by the wall clock.")
	for _, o := range operations {
		// The count is that of the buckets, so that both agree whatever is
		// counted meanwhile.
		count := uint64(0)
		for i, bound := range bounds() {
			count += o.lasted[i].Load()
			p.sample("_bucket", float64(count), "operation", o.id, "le", strconv.FormatFloat(bound.Seconds(), 'g', -1, 64))
		}
		count += o.lasted[buckets].Load()
		p.sample("_bucket", float64(count), "operation", o.id, "le", "+Inf")
		p.sample("_sum", float64(o.nanos.Load())/1e9, "operation", o.id)
		p.sample("_count", float64(count), "operation", o.id)
	}
	p.family("requests_total", "counter", "Requests by operation and status of the answer.")
	for _, o := range operations {
		var all []*series
		for t := o.statuses.Load(); t != nil; t = t.next {
			all = append(all, t)
		}
		slices.SortFunc(all, func(a, b *series) int { return cmp.Compare(a.status, b.status) })
		for _, t := range all {
			p.sample("", float64(t.n.Load()), "operation", o.id, "status", strconv.Itoa(t.status))
		}
	}
}

// escaped is the value of a label as it is written between quotes.
func escaped(label string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(valid(label))
}

// firstN is the first workspaces by id, and the rest as one called "other". No two
// have the same name.
func firstN(worlds []World) []World {
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

// valid is a label with a replacement for what is not UTF-8.
func valid(label string) string { return strings.ToValidUTF8(label, "\uFFFD") }

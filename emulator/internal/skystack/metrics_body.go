package skystack

import (
	"math"
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// stream names the noise behind a metric of an instance.
func (m *metric) stream(instance string) string { return "metrics/" + instance + "/" + m.name }

// wave is the number of seconds that the synthetic values take from one level to the next.
const wave = 600

// value returns the measured value at a second of Unix time, in 1/scale units.
func (m *metric) value(n engine.Noise, l load, at int64) int64 {
	if m.set != nil {
		if v := m.set(l); v != nil {
			return int64(math.Round(*v * float64(m.scale)))
		}
	}
	if m.low == m.high {
		return m.low
	}
	const one = 1 << 16
	level, past := at/wave, at%wave
	from, to := int64(n.At(2*level)>>48), int64(n.At(2*level+2)>>48)
	jitter := int64(n.At(2*at+1) >> 48)
	share := (7*(from*(wave-past)+to*past)/wave + jitter) / 8
	return m.low + (m.high-m.low)*share/one
}

// series is a metric of an instance with the noise it is made of.
type series struct {
	*metric
	noise engine.Noise
}

// metricsBody is the metrics of an instance on the wire. The points are made
// while they are written: from rows that never change, and without the world.
type metricsBody struct {
	window
	instance Instance
	loads    loads
	series   []series
}

// MarshalJSON returns what AppendJSON appends.
func (b *metricsBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// moment is a time at which the instance ran: what counts then, and the time as
// it begins a point.
type moment struct {
	at    int64
	load  *load
	stamp [len(`["2026-03-19T10:22:00Z",`)]byte
}

// AppendJSON implements httpapi.Appender.
func (b *metricsBody) AppendJSON(to []byte) []byte {
	moments := b.moments()
	const head, point = 256, len(`["2026-03-19T10:22:00Z",100000],`)
	to = slices.Grow(to, head+len(b.series)*(head/2+point*len(moments)))
	o := resource.OpenObject(to)
	o.Text("instance_id", b.instance.ID)
	o.Bool("synthetic", true)
	o.Time("start", time.Unix(b.start, 0))
	o.Time("end", time.Unix(b.end, 0))
	o.Number("step", int(b.step))
	o.Name("series")
	o.B = append(o.B, '[')
	for n := range b.series {
		s := &b.series[n]
		o.Comma(n)
		inner := resource.OpenObject(o.B)
		inner.Text("name", s.name)
		inner.Text("unit", s.unit)
		inner.Name("points")
		inner.B = append(inner.B, '[')
		for k := range moments {
			m := &moments[k]
			inner.Comma(k)
			inner.B = append(inner.B, m.stamp[:]...)
			inner.B = append(appendScaled(inner.B, s.value(s.noise, *m.load, m.at), s.scale), ']')
		}
		o.B = append(inner.B, "]}"...)
	}
	return append(o.B, "]}"...)
}

// moments lists the points of time that the response has: those of the window that
// have passed and at which the instance ran.
func (b *metricsBody) moments() []moment {
	last := min(b.end, b.now)
	out := make([]moment, 0, max(0, min(maxPoints, (last-b.start)/b.step+1)))
	changes := b.loads.Changes
	now := &load{}
	for at := b.first(); at < last; at += b.step {
		t := time.Unix(at, 0)
		for len(changes) > 0 && !changes[0].At.After(t) {
			now, changes = &changes[0], changes[1:]
		}
		if b.instance.ranAt(t) {
			m := moment{at: at, load: now}
			stamped := resource.AppendStamp(append(m.stamp[:0], '[', '"'), t)
			copy(m.stamp[len(stamped):], `",`)
			out = append(out, m)
		}
	}
	return out
}

// appendScaled writes v/scale, where scale is 1 or 100, without needless zeros.
func appendScaled(b []byte, v, scale int64) []byte {
	b = strconv.AppendInt(b, v/scale, 10)
	rest := v % scale
	switch {
	case rest == 0:
		return b
	case rest%10 == 0:
		return append(b, '.', byte('0'+rest/10))
	}
	return append(b, '.', byte('0'+rest/10), byte('0'+rest%10))
}

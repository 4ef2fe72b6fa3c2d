package skystack

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// object writes the members of a JSON object.
type object struct{ b []byte }

// name begins a member whose name needs no escapes.
func (o *object) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(append(o.b, name...), '"', ':')
}

// raw writes an object as it is kept; nil is an empty one.
func (o *object) raw(name string, v jsontext.Value) {
	o.name(name)
	if v == nil {
		v = jsontext.Value("{}")
	}
	o.b = append(o.b, v...)
}

// comma goes between the items of a list, before the n-th.
func (o *object) comma(n int) {
	if n > 0 {
		o.b = append(o.b, ',')
	}
}

func (o *object) text(name, value string) {
	o.name(name)
	o.b = httpapi.AppendString(o.b, value)
}

// orNull writes null for an empty string.
func (o *object) orNull(name, value string) {
	if value == "" {
		o.null(name)
		return
	}
	o.text(name, value)
}

func (o *object) null(name string) {
	o.name(name)
	o.b = append(o.b, "null"...)
}

func (o *object) number(name string, n int) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, int64(n), 10)
}

func (o *object) truth(name string, v bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, v)
}

func (o *object) time(name string, t time.Time) {
	o.name(name)
	o.b = append(o.b, '"')
	o.b = append(appendStamp(o.b, t), '"')
}

func (o *object) reason(name string, r *Reason) {
	if r == nil {
		o.null(name)
		return
	}
	o.name(name)
	inner := object{append(o.b, '{')}
	inner.text("code", r.Code)
	inner.text("message", r.Message)
	o.b = append(inner.b, '}')
}

func (o *object) autoscale(name, policy string, s *Autoscale) {
	if s == nil {
		o.null(name)
		return
	}
	o.name(name)
	inner := object{append(o.b, '{')}
	inner.text("id", policy)
	inner.truth("enabled", s.Enabled)
	inner.number("min", s.Min)
	inner.number("max", s.Max)
	inner.number("target_cpu", s.TargetCPU)
	inner.number("cooldown_seconds", s.CooldownSeconds)
	o.b = append(inner.b, '}')
}

// stamp is a time as it stands on the wire (S51).
func stamp(t time.Time) string { return string(appendStamp(nil, t)) }

// appendStamp writes 2006-01-02T15:04:05Z.
func appendStamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	two := func(n int, end byte) { b = append(b, byte('0'+n/10), byte('0'+n%10), end) }
	b = append(b, byte('0'+year/1000), byte('0'+year/100%10))
	two(year%100, '-')
	two(int(month), '-')
	two(day, 'T')
	two(hour, ':')
	two(minute, ':')
	two(second, 'Z')
	return b
}

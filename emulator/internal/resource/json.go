package resource

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// Object writes the members of a JSON object to the end of B. Member names are written as
// they are: they must need no escapes.
type Object struct{ B []byte }

// OpenObject begins an object at the end of b.
func OpenObject(b []byte) Object { return Object{append(b, '{')} }

// ReopenObject continues an object that was closed.
func ReopenObject(b []byte) Object { return Object{b[:len(b)-1]} }

// Close ends the object and returns the bytes.
func (o *Object) Close() []byte { return append(o.B, '}') }

// Name begins a member; its value must be appended to B.
func (o *Object) Name(name string) {
	if o.B[len(o.B)-1] != '{' {
		o.B = append(o.B, ',')
	}
	o.B = append(o.B, '"')
	o.B = append(append(o.B, name...), '"', ':')
}

// Raw writes a value that is JSON already; nil is an empty object.
func (o *Object) Raw(name string, v jsontext.Value) {
	o.Name(name)
	if v == nil {
		v = jsontext.Value("{}")
	}
	o.B = append(o.B, v...)
}

// Comma separates the items of a list; it is called before the n-th, from 0.
func (o *Object) Comma(n int) {
	if n > 0 {
		o.B = append(o.B, ',')
	}
}

// Text writes a string.
func (o *Object) Text(name, value string) {
	o.Name(name)
	o.B = httpapi.AppendString(o.B, value)
}

// TextOrNull writes a string; null if it is empty.
func (o *Object) TextOrNull(name, value string) {
	if value == "" {
		o.Null(name)
		return
	}
	o.Text(name, value)
}

// Null writes null.
func (o *Object) Null(name string) {
	o.Name(name)
	o.B = append(o.B, "null"...)
}

// Number writes a number.
func (o *Object) Number(name string, n int) {
	o.Name(name)
	o.B = strconv.AppendInt(o.B, int64(n), 10)
}

// Bool writes true or false.
func (o *Object) Bool(name string, v bool) {
	o.Name(name)
	o.B = strconv.AppendBool(o.B, v)
}

// Time writes a time as Stamp does.
func (o *Object) Time(name string, t time.Time) {
	o.Name(name)
	o.B = append(o.B, '"')
	o.B = append(AppendStamp(o.B, t), '"')
}

// Stamp formats a time in UTC as 2006-01-02T15:04:05Z (S51).
func Stamp(t time.Time) string { return string(AppendStamp(nil, t)) }

// AppendStamp appends what Stamp returns.
func AppendStamp(b []byte, t time.Time) []byte {
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

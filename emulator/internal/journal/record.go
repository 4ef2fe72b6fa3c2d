package journal

import (
	"cmp"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"skystack.dev/sandbox/emulator/sandbox"
)

// appendRecord appends the encoded form of e to dst, which must be empty:
//
//	length of all    8 bytes
//	Seq              8 bytes
//	At               8 bytes of seconds, 4 of nanoseconds
//	Status           uvarint
//	texts            each a uvarint length and its bytes, in the order of record
//	header           for each value a 1, its name and itself; then a 0
//	bodies           1 if they are cut, else 0; then two texts
//	violations       a uvarint of all and of those kept, and of these four texts each
//
// Of each body at most maxBody bytes are kept, and without bodies no violations.
func appendRecord(dst []byte, e *Entry, seq uint64, maxBody int) []byte {
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.At.Unix()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.At.Nanosecond()))
	dst = binary.AppendUvarint(dst, uint64(e.Status))
	dst = appendText(dst, e.Operation)
	dst = appendText(dst, e.Key)
	dst = appendText(dst, e.Sent)
	dst = appendText(dst, e.Method)
	dst = appendText(dst, e.Target)
	dst = appendText(dst, e.ID)
	dst = appendText(dst, e.Code)
	dst = appendText(dst, e.Reason)
	dst = appendText(dst, e.Stage)
	dst = appendText(dst, e.Resource)
	dst = appendText(dst, e.Address)
	for name, values := range e.Header {
		secret := isCredential(name)
		for _, v := range values {
			dst = append(dst, 1)
			dst = appendText(dst, name)
			if secret {
				dst = appendMasked(dst, v)
			} else {
				dst = appendText(dst, v)
			}
		}
	}
	dst = append(dst, 0)
	request, response := truncate(e.RequestBody, maxBody), truncate(e.ResponseBody, maxBody)
	if len(request) < len(e.RequestBody) || len(response) < len(e.ResponseBody) {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	dst = appendText(dst, request)
	dst = appendText(dst, response)
	kept := e.Violations[:min(len(e.Violations), MaxViolations)]
	if maxBody == 0 {
		kept = nil
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Violations)))
	dst = binary.AppendUvarint(dst, uint64(len(kept)))
	for _, v := range kept {
		for _, text := range [...]string{v.Location, v.Field, v.Code, v.Message} {
			dst = appendText(dst, truncate(text, maxViolation))
		}
	}
	binary.LittleEndian.PutUint64(dst, uint64(len(dst)))
	return dst
}

func appendText[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// truncate is b without what is over n bytes, and without the half of a letter that
// this would leave.
func truncate[T string | []byte](b T, n int) T {
	if len(b) <= n {
		return b
	}
	for end := n; end > 0 && end > n-utf8.UTFMax; end-- {
		if utf8.RuneStart(b[end]) {
			return b[:end]
		}
	}
	return b[:n]
}

// isCredential reports whether a header holds nothing but a secret.
func isCredential(name string) bool {
	switch len(name) {
	case len("Cookie"):
		return strings.EqualFold(name, "Cookie")
	case len("Authorization"):
		return strings.EqualFold(name, "Authorization")
	case len("Proxy-Authorization"):
		return strings.EqualFold(name, "Proxy-Authorization")
	}
	return false
}

const mark = "…"

// appendMasked appends a credential without its secret: the scheme stays if it
// is a usual one, for anything else in its place may be the secret itself.
func appendMasked(dst []byte, value string) []byte {
	scheme, secret, _ := strings.Cut(value, " ")
	switch {
	case value == "" || secret == "" && isScheme(scheme):
		return appendText(dst, value)
	case isScheme(scheme):
		dst = binary.AppendUvarint(dst, uint64(len(scheme)+len(" "+mark)))
		return append(append(dst, scheme...), " "+mark...)
	}
	return appendText(dst, mark)
}

func isScheme(s string) bool {
	for _, scheme := range [...]string{"Bearer", "Basic", "Digest", "Token", "ApiKey", "Negotiate"} {
		if strings.EqualFold(s, scheme) {
			return true
		}
	}
	return false
}

// headBytes is where the status of a record is.
const headBytes = 8 + 8 + 8 + 4

// instantOf is when the request of a record came.
func instantOf(record []byte) time.Time {
	return time.Unix(int64(binary.LittleEndian.Uint64(record[16:])), int64(binary.LittleEndian.Uint32(record[24:])))
}

// matches reports whether a record matches. It looks at the record in place.
func matches(record []byte, m sandbox.Match) bool {
	d := decoder[[]byte]{record[headBytes:]}
	r := sandbox.Request{Seq: seqOf(record), Status: int(int64(d.uvarint())), Operation: stringView(d.text()), Key: stringView(d.text())}
	d.text() // Sent
	r.Method, r.Target = stringView(d.text()), stringView(d.text())
	if m.Code != "" {
		d.text() // ID
		r.Code = stringView(d.text())
	}
	return m.Chooses(&r)
}

// stringView is a text that must not outlive b.
func stringView(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// read is the request of a record.
func (j *Journal) read(record []byte) sandbox.Request {
	d := decoder[string]{string(record[headBytes:])} // one copy for all that follows
	r := sandbox.Request{
		Seq: seqOf(record), At: instantOf(record).UTC(), Status: int(int64(d.uvarint())), Operation: d.text(), Key: d.text(),
	}
	d.text() // Sent
	r.Method, r.Target, r.ID, r.Code, r.Reason, r.Stage = d.text(), d.text(), d.text(), d.text(), d.text(), d.text()
	_, _ = d.text(), d.text() // Resource and Address
	r.Header = j.readHeader(&d)
	r.BodiesCut = d.flag()
	r.RequestBody, r.ResponseBody = d.text(), d.text()
	for _, s := range [...]*string{
		&r.Operation, &r.Key, &r.Method, &r.Target, &r.ID, &r.Code, &r.Reason, &r.Stage, &r.RequestBody, &r.ResponseBody,
	} {
		*s = j.clean(*s)
	}
	all, kept := d.uvarint(), d.uvarint()
	r.MoreViolations = int(all - kept)
	for range kept {
		r.Violations = append(r.Violations, sandbox.Violation{
			Location: j.clean(d.text()), Field: j.clean(d.text()), Code: j.clean(d.text()), Message: j.clean(d.text()),
		})
	}
	return r
}

// readHeader is the header of a record; never nil.
func (j *Journal) readHeader(d *decoder[string]) http.Header {
	type field struct{ name, value string }
	fields := make([]field, 0, 16)
	for d.flag() {
		fields = append(fields, field{d.text(), d.text()})
	}
	// Two names that differ in case alone become one: not in the order of a map.
	slices.SortStableFunc(fields, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	h := make(http.Header, len(fields))
	for _, f := range fields {
		h.Add(j.clean(f.name), j.cleanValue(f.name, f.value))
	}
	return h
}

// cleanValue is clean for the value of a header. It is shown to redact with its
// name, without which a secret may look like any other text.
func (j *Journal) cleanValue(name, value string) string {
	if isCredential(name) {
		return valid(value) // was masked when it was stored
	}
	prefix := name + ":"
	value, ok := strings.CutPrefix(j.redact(prefix+value), prefix)
	if !ok {
		return mark
	}
	return valid(value)
}

// clean is a text as it may be shown: without secrets, and fit for JSON.
func (j *Journal) clean(s string) string { return valid(j.redact(s)) }

// valid is s with a replacement for what is not UTF-8.
func valid(s string) string {
	if utf8.ValidString(s) { // several times as fast as what follows
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// decoder takes apart what appendRecord wrote. Its texts are parts of rest.
type decoder[T string | []byte] struct{ rest T }

func (d *decoder[T]) flag() bool {
	set := d.rest[0] == 1
	d.rest = d.rest[1:]
	return set
}

func (d *decoder[T]) uvarint() (v uint64) {
	for i := 0; ; i++ {
		b := d.rest[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
}

func (d *decoder[T]) text() T {
	n := d.uvarint()
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

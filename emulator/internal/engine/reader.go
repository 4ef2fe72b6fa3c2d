package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// limitedReader counts the bytes read, and stops where a value exceeds its limit.
type limitedReader struct {
	from  io.Reader
	n     int64 // bytes read
	lines int   // line feeds in them
	limit int64 // the offset at which reading stops
	err   error // of from
}

// Read implements io.Reader.
func (g *limitedReader) Read(p []byte) (int, error) {
	if g.n >= g.limit {
		return 0, errTooLong
	}
	p = p[:min(int64(len(p)), g.limit-g.n, maxRead)]
	n, err := g.from.Read(p)
	g.n += int64(n)
	g.lines += bytes.Count(p[:n], []byte{'\n'})
	if err != nil && !errors.Is(err, io.EOF) {
		g.err = err
	}
	return n, err
}

// maxRead bounds how many bytes are read ahead: lines are counted in them.
const maxRead = 16 << 10

var errTooLong = errors.New("the value is too long")

// reader reads the JSON of a saved world value by value.
type reader struct {
	dec    *jsontext.Decoder
	in     *limitedReader
	limit  int64 // of the bytes of a value
	budget Budget
	last   bool // no further value may be read
}

func newReader(in io.Reader, b Budget) *reader {
	r := &reader{in: &limitedReader{from: in}, limit: maxValue, budget: b}
	if b.Bytes > 0 { // a longer value exceeds the budget in any case
		r.limit = min(r.limit, max(1<<16, b.remaining()))
	}
	r.dec = jsontext.NewDecoder(r.in)
	r.begin()
	return r
}

// begin allows a further value to be read.
func (r *reader) begin() {
	if !r.last {
		r.in.limit = r.dec.InputOffset() + r.limit
	}
}

// value reads the next value. It is valid until the next one is read.
func (r *reader) value() (jsontext.Value, error) {
	r.begin()
	raw, err := r.dec.ReadValue()
	if err != nil {
		return nil, r.withLine(err)
	}
	if at, fault := checkLimits(raw); fault != "" {
		return nil, fmt.Errorf("line %d: %s", r.lineOf(raw)+bytes.Count(raw[:at], []byte{'\n'}), fault)
	}
	return raw, nil
}

// into reads the next value into a Go value.
func (r *reader) into(to any) (jsontext.Value, error) {
	raw, err := r.value()
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(raw, to, json.RejectUnknownMembers(true))
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		at := bytes.Count(raw[:min(int(semantic.ByteOffset), len(raw))], []byte{'\n'})
		semantic.JSONPointer = r.dec.StackPointer() + semantic.JSONPointer
		return nil, fmt.Errorf("line %d: %w", r.lineOf(raw)+at, reason(err))
	}
	return raw, err
}

func (r *reader) read(to any) error {
	_, err := r.into(to)
	return err
}

// skip passes over the next value.
func (r *reader) skip() error {
	_, err := r.value()
	return err
}

// object reads an object of at most so many members; f reads the value of each.
func (r *reader) object(most int, f func(name string) error) error {
	return r.all('{', func(i int) error {
		if i == most {
			return fmt.Errorf("line %d: there are too many members in an object", r.line(r.dec.InputOffset()))
		}
		t, err := r.dec.ReadToken()
		if err != nil {
			return r.withLine(err)
		}
		name := t.String()
		if len(name) > maxName {
			return fmt.Errorf("line %d: a name has more than %d bytes", r.line(r.dec.InputOffset()), maxName)
		}
		return f(name)
	})
}

// list reads a list; f reads each item.
func (r *reader) list(f func(i int) error) error { return r.all('[', f) }

func (r *reader) all(kind jsontext.Kind, next func(i int) error) error {
	r.begin()
	got := r.dec.PeekKind()
	t, err := r.dec.ReadToken()
	if err != nil {
		return r.withLine(err)
	}
	if got != kind {
		at, pointer := r.line(r.dec.InputOffset()), r.dec.StackPointer()
		if pointer == "" {
			return fmt.Errorf("line %d: want %s, got %s", at, kindName(kind), kindName(t.Kind()))
		}
		return fmt.Errorf("line %d: %s: want %s, got %s", at, short(string(pointer)), kindName(kind), kindName(t.Kind()))
	}
	for i := 0; ; i++ {
		r.begin()
		if k := r.dec.PeekKind(); k == kind+2 || k == 0 { // the closing character, or a fault
			break
		}
		if err := next(i); err != nil {
			return err
		}
	}
	_, err = r.dec.ReadToken()
	return r.withLine(err)
}

// end returns an error if data follows the document.
func (r *reader) end() error {
	r.begin()
	_, err := r.dec.ReadToken()
	switch {
	case errors.Is(err, io.EOF) && r.in.err == nil:
		return nil
	case err == nil:
		return fmt.Errorf("line %d: unexpected data after the document", r.line(r.dec.InputOffset()))
	}
	return r.withLine(err)
}

// unknown returns the error of an unknown member, whose name was just read.
func (r *reader) unknown() error {
	return fmt.Errorf("line %d: %s: unknown object member", r.line(r.dec.InputOffset()), short(string(r.dec.StackPointer())))
}

// line returns the line of an offset that was read last, or is not read yet.
func (r *reader) line(offset int64) int {
	unread := r.dec.UnreadBuffer()
	at := min(max(0, offset-r.dec.InputOffset()), int64(len(unread)))
	return 1 + r.in.lines - bytes.Count(unread[at:], []byte{'\n'})
}

// next returns the line in which the next value begins.
func (r *reader) next() int {
	r.begin()
	_ = r.dec.PeekKind() // fills the buffer
	unread := r.dec.UnreadBuffer()
	skipped := len(unread) - len(bytes.TrimLeft(unread, " \t\r\n,:"))
	return r.line(r.dec.InputOffset() + int64(skipped))
}

// lineOf returns the line in which the value that was read last begins.
func (r *reader) lineOf(raw jsontext.Value) int {
	return r.line(r.dec.InputOffset()) - bytes.Count(raw, []byte{'\n'})
}

// withLine adds the line to a JSON error and removes the names of Go types.
func (r *reader) withLine(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLong):
		if r.budget.Bytes > 0 && r.limit < maxValue {
			return &OverBudget{Needed: r.budget.Bytes + 1, Allowed: r.budget.Bytes}
		}
		return fmt.Errorf("line %d: a value is larger than %d MiB", r.line(r.dec.InputOffset()), maxValue>>20)
	case errors.As(err, &syntax):
		why := reason(err)
		if syntax.Err != nil && syntax.Err.Error() == "exceeded max depth" {
			why = errTooDeep
		}
		return fmt.Errorf("line %d: %w", r.line(syntax.ByteOffset), why)
	case errors.Is(err, io.EOF):
		return errors.New("line 1: the file is empty")
	}
	return err
}

var errTooDeep = fmt.Errorf("it nests more than %d deep", maxDepth)

// checkLimits returns where a value exceeds a limit of Load, and why; "" if it does
// not. The value is valid JSON.
func checkLimits(raw jsontext.Value) (at int, fault string) {
	var items [maxDepth + 1]int // read so far on each level
	var object [maxDepth + 1]bool
	depth, tokens, text := 0, 0, 0
	for at = 0; at < len(raw); at++ {
		switch raw[at] {
		case '"':
			begin := at
			for at++; raw[at] != '"'; at++ {
				if raw[at] == '\\' {
					at++
				}
			}
			text = at - begin
		case ':':
			if text > maxName {
				return at, fmt.Sprintf("a name has more than %d bytes", maxName)
			}
		case '{', '[':
			if depth++; depth > maxDepth-valueDepth {
				return at, errTooDeep.Error()
			}
			items[depth], object[depth] = 0, raw[at] == '{'
			tokens++
		case '}', ']':
			depth--
		case ',':
			items[depth]++
			if object[depth] && items[depth] >= maxMembers {
				return at, "there are too many members in an object"
			}
			if items[depth] >= maxItems {
				return at, fmt.Sprintf("there are more than %d items in a list", maxItems)
			}
			if tokens++; tokens > maxTokens {
				return at, fmt.Sprintf("there are more than %d names and values", maxTokens)
			}
		}
	}
	return at, ""
}

// valueDepth is the nesting depth of the value of a row in a file.
const valueDepth = 5

package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
)

const maxDepth = 64

func validText(s string) bool { return utf8.ValidString(s) }

// ReadBody is the stage that reads the body and checks its size, type and syntax, in
// this order. The body must be a JSON document, or a form where the operation accepts
// forms.
func ReadBody(x *RequestContext) error {
	if !x.Op.takesBody() {
		return nil
	}
	if x.Op.streamed {
		return x.openUpload()
	}
	if err := x.readBody(); err != nil {
		return err
	}
	if x.lacksBody() {
		return nil
	}
	if len(x.body) == 0 {
		return x.emptyBody()
	}
	media, err := x.checkType()
	if err != nil || x.Op.raw {
		return err
	}
	if media == FormType {
		x.readForm(x.Op.schemas[media])
		return nil
	}
	v, err := x.parser.parse(x.body)
	if err != nil {
		return err
	}
	x.value = v
	return nil
}

// emptyBody returns the error for a missing body that the operation requires.
func (x *RequestContext) emptyBody() error {
	want := "a JSON object"
	if x.Op.schemas["application/json"] == nil {
		want = x.Op.consumes()
	}
	return notJSON(fail.Detail{Location: fail.Body, Code: "empty", Message: "The body is empty; send " + want + "."}, -1)
}

// bodyEnds returns the request error for the error that ended the body.
func (x *RequestContext) bodyEnds(err error, limit int64) error {
	var over *http.MaxBytesError
	switch {
	case errors.Is(err, io.EOF):
		x.read = true
		return nil
	case errors.As(err, &over):
		return tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &fail.Error{Kind: fail.Timeout, Code: "request_timeout", Message: "The body did not arrive in time.", Cause: err}
	}
	return &fail.Error{Kind: fail.Invalid, Code: "invalid_json", Message: "The body broke off before its end.", Cause: err}
}

// lacksBody reports whether there is no body and none is required.
func (x *RequestContext) lacksBody() bool { return len(x.body) == 0 && !x.Op.body.Required }

func tooLarge(limit int64) error {
	return fail.Newf(fail.TooLarge, "payload_too_large", "The body is larger than %d bytes.", limit)
}

// checkType returns the media type of the body. A type that the operation does not
// accept is an error (S43).
func (x *RequestContext) checkType() (string, error) {
	h := x.Request.Header
	if enc := h.Values("Content-Encoding"); len(enc) > 0 && (len(enc) > 1 || !strings.EqualFold(enc[0], "identity")) {
		return "", fail.Newf(fail.UnsupportedMedia, "unsupported_media_type", "Content-Encoding %s is not read; send the body as it is.", printable(strings.Join(enc, ", ")))
	}
	types := h.Values("Content-Type")
	if len(types) == 1 && types[0] == "application/json" && x.Op.schemas[types[0]] != nil {
		return types[0], nil
	}
	if len(types) == 1 {
		media, params, err := mime.ParseMediaType(types[0])
		if charset, given := params["charset"]; err == nil && x.Op.schemas[media] != nil && (!given || isUTF8(charset)) {
			return media, nil
		}
	}
	if x.Op.schemas["application/json"] == nil || len(x.Op.schemas) > 1 {
		return "", fail.Newf(fail.UnsupportedMedia, "unsupported_media_type", "The body must be in UTF-8 and of the type %s: send it in the header Content-Type.", x.Op.consumes())
	}
	hint := ""
	if strings.HasPrefix(strings.Join(types, ""), "application/x-www-form-urlencoded") {
		hint = " (curl -d sends a form unless told otherwise)"
	}
	return "", fail.Newf(fail.UnsupportedMedia, "unsupported_media_type",
		"The body must be JSON in UTF-8: send the header Content-Type: application/json%s.", hint)
}

// consumes lists the media types that the operation accepts.
func (o *Operation) consumes() string {
	return strings.Join(slices.Sorted(maps.Keys(o.schemas)), " or ")
}

// document returns the body as JSON.
func (x *RequestContext) document() []byte {
	if x.form != nil {
		return x.form
	}
	return x.body
}

// isUTF8 reports whether a charset is UTF-8 in one of the spellings that clients use.
func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// notJSON returns the error of an invalid body. offset is the position of the invalid
// byte, below 0 for none.
func notJSON(d fail.Detail, offset int64) error {
	if offset >= 0 {
		d.Extra = append(d.Extra, fail.Member{Name: "offset", Value: offset})
	}
	return &fail.Error{Kind: fail.Invalid, Code: "invalid_json", Message: d.Message, Details: []fail.Detail{d}}
}

// parser reads JSON. A request context keeps its parser for later requests, because
// the decoder has buffers.
type parser struct {
	data []byte
	in   bytes.Reader
	dec  *jsontext.Decoder
}

// parse reads exactly one JSON value, strictly: RFC 8259 grammar, valid UTF-8,
// no duplicate names, at most 64 levels, numbers within the range of a double.
func (p *parser) parse(data []byte) (any, error) {
	p.data = data
	p.in.Reset(data)
	if p.dec == nil {
		p.dec = jsontext.NewDecoder(&p.in)
	} else {
		p.dec.Reset(&p.in)
	}
	v, err := p.value(1)
	if err == nil {
		end := p.dec.InputOffset()
		if _, err = p.dec.ReadToken(); errors.Is(err, io.EOF) {
			return v, nil
		} else if err == nil || !errors.Is(err, jsontext.ErrDuplicateName) {
			err = p.invalidAt(fail.Detail{Location: fail.Body, Code: "trailing_data", Message: "After the JSON value there is more; send one value"}, end)
		}
	}
	return nil, p.explain(err)
}

func (p *parser) value(depth int) (any, error) {
	t, err := p.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	if kind := t.Kind(); (kind == '{' || kind == '[') && depth > maxDepth {
		return nil, p.invalid("depth", fmt.Sprintf("The value is nested deeper than %d levels", maxDepth))
	}
	switch t.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return t.Bool(), nil
	case '"':
		return t.String(), nil
	case '0':
		return p.number(t.String())
	case '[':
		list := []any{}
		for p.dec.PeekKind() != ']' {
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := p.dec.ReadToken()
		return list, err
	default:
		object := map[string]any{}
		for p.dec.PeekKind() != '}' {
			name, err := p.dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String() // the token is invalid after the next read
			if object[key], err = p.value(depth + 1); err != nil {
				return nil, err
			}
		}
		_, err := p.dec.ReadToken()
		return object, err
	}
}

// number keeps whole numbers exact.
func (p *parser) number(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, p.invalid("number_range", "A number is too large to be represented")
	}
	return f, nil
}

func (p *parser) invalid(code, message string) error {
	return p.invalidAt(fail.Detail{Field: fieldOf(string(p.dec.StackPointer())), Location: fail.Body, Code: code, Message: message}, p.dec.InputOffset())
}

// invalidAt returns an error with the position of the violation in the body.
func (p *parser) invalidAt(d fail.Detail, offset int64) error {
	before := p.data[:min(max(offset, 0), int64(len(p.data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	d.Message = fmt.Sprintf("%s: line %d, column %d.", d.Message, line, column)
	return notJSON(d, offset)
}

// explain turns an error of the decoder into a request error with its position.
func (p *parser) explain(err error) error {
	var refusal *fail.Error
	if errors.As(err, &refusal) {
		return err
	}
	offset := p.dec.InputOffset()
	d := fail.Detail{Location: fail.Body, Code: "syntax", Message: "The body is not valid JSON"}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		offset = syntax.ByteOffset
		d.Field = fieldOf(string(syntax.JSONPointer))
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			d.Code, d.Message = "duplicate_name", "A member is given twice"
		case strings.Contains(syntax.Err.Error(), "UTF-8") || strings.Contains(syntax.Err.Error(), "surrogate"):
			d.Code, d.Message = "utf8", "A string is not valid UTF-8"
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.Message, offset = "The JSON value breaks off", int64(len(p.data))
	}
	return p.invalidAt(d, offset)
}

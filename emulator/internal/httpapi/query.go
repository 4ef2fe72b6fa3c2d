package httpapi

import (
	"errors"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/near"
)

// encodedPair is an unescaped name and value of a query or a form. sent is the pair as
// it was sent.
type encodedPair struct {
	argument
	sent string
	// unreadable says that the pair is not percent-encoded UTF-8; name is then as it
	// was sent.
	unreadable bool
}

// pairs splits a query or a form strictly: a malformed pair is yielded as unreadable,
// and a repetition is kept.
func pairs(encoded string) iter.Seq[encodedPair] {
	return func(yield func(encodedPair) bool) {
		for sent := range strings.SplitSeq(encoded, "&") {
			if sent == "" {
				continue
			}
			name, value, _ := strings.Cut(sent, "=")
			plainName, err := url.QueryUnescape(name)
			plainValue, err2 := url.QueryUnescape(value)
			p := encodedPair{argument{plainName, plainValue}, sent, err != nil || err2 != nil || !validText(plainName) || !validText(plainValue)}
			if p.unreadable {
				p.argument = argument{name: name}
			}
			if !yield(p) {
				return
			}
		}
	}
}

// readQuery parses the query. A malformed pair is a violation.
func (x *RequestContext) readQuery() {
	for p := range pairs(x.Request.URL.RawQuery) {
		if p.unreadable {
			x.violateUnreadable(fail.Query, p)
			continue
		}
		x.query = append(x.query, p.argument)
	}
}

func (x *RequestContext) violateUnreadable(in fail.Location, p encodedPair) {
	x.violate(in, printable(p.name), "invalid_format", "%s is not percent-encoded UTF-8.", printable(p.sent))
}

// Query returns a query parameter as it was sent, "" if it was not. It may be called
// before the contract is checked.
func (x *RequestContext) Query(name string) string {
	for _, a := range x.query {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// checkQuery validates the query against the operation's parameters.
func (x *RequestContext) checkQuery() {
	for i, a := range x.query {
		p := x.Op.parameter(a.name)
		if p == nil && x.checkReserved(a) {
			continue
		}
		if p == nil || !x.api.Known(x, fail.Query, a.name) {
			x.unknown(fail.Query, unknownName{a.name, func() []string { return x.suggestions(a.name) }})
			continue
		}
		if p.lenient {
			continue
		}
		if first := slices.IndexFunc(x.query, func(o argument) bool { return o.name == a.name }); first < i {
			if p.kind != "array" || !p.explode {
				x.violate(fail.Query, a.name, "repeated", "%s is given more than once; give it once.", a.name)
			}
			continue
		}
		if v, ok := x.argument(p); ok {
			x.detail = append(x.detail, x.api.Contract.schemaViolations(p.schema, v, fail.Query, p.name)...)
		}
	}
	for _, p := range x.Op.query {
		if p.required && !slices.ContainsFunc(x.query, func(a argument) bool { return a.name == p.name }) {
			x.violate(fail.Query, p.name, "required", "%s is required.", p.name)
		}
	}
}

func (o *Operation) parameter(name string) *parameter {
	for _, p := range o.query {
		if p.name == name {
			return p
		}
	}
	return nil
}

// argument returns the typed value of a parameter: string, int64, bool or []any. It
// records a violation and reports false for a value of another type.
func (x *RequestContext) argument(p *parameter) (any, bool) {
	text := x.Query(p.name)
	switch p.kind {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		if errors.Is(err, strconv.ErrRange) {
			x.violate(fail.Query, p.name, "out_of_range", "%s must be a number of at most 32 bits.", p.name)
			return nil, false
		}
		if err != nil || strconv.FormatInt(n, 10) != text {
			x.violate(fail.Query, p.name, "invalid_type", "%s must be a whole number such as 20.", p.name)
			return nil, false
		}
		return n, true
	case "boolean":
		if text != "true" && text != "false" {
			x.violate(fail.Query, p.name, "invalid_type", "%s must be true or false.", p.name)
			return nil, false
		}
		return text == "true", true
	case "array":
		var list []any
		for _, a := range x.query {
			if a.name != p.name {
				continue
			}
			if p.explode {
				list = append(list, a.value)
				continue
			}
			for item := range strings.SplitSeq(a.value, ",") {
				list = append(list, item)
			}
			break
		}
		return list, true
	}
	return text, true
}

// suggestions returns the parameters that an unknown name may stand for.
func (x *RequestContext) suggestions(name string) []string {
	var names []string
	if x.Op.parameter(name) != nil {
		return nil // another version has it
	}
	for _, p := range x.Op.query {
		if x.api.Known(x, fail.Query, p.name) {
			names = append(names, p.name)
		}
	}
	return near.Members(name, names...)
}

// unknownName is a parameter or member that the contract does not have. meant finds
// those that it may stand for.
type unknownName struct {
	name  string
	meant func() []string
}

// maxUnknown bounds how many unknown names of a request get suggestions and warnings:
// clients read few headers.
const maxUnknown = 20

// unknown records a parameter or member that the contract does not have. In a lenient
// API it is accepted with a warning. If the request is rejected for another reason, a
// name that looks misspelt is added to the violations: it may explain them.
func (x *RequestContext) unknown(in fail.Location, s unknownName) {
	var meant []string
	if x.unknownNames++; x.unknownNames <= maxUnknown {
		meant = s.meant()
	}
	d := violation(in, printable(s.name), "unknown_parameter", "%s is not known here%s.", printable(s.name), near.DidYouMean(meant))
	if meant != nil {
		d.Extra = []fail.Member{{Name: "did_you_mean", Value: meant[0]}}
	}
	switch {
	case x.api.Strict(x):
		x.detail = append(x.detail, d)
		return
	case x.unknownNames > maxUnknown:
		return
	case meant != nil:
		x.misspelt = append(x.misspelt, d)
	}
	x.Warn("unknown_parameter: " + string(in) + " " + strconv.QuoteToASCII(printable(s.name)) + " is ignored" + near.DidYouMean(meant))
}

// warnOfMore adds a warning with the number of unknown names that no other warning
// has.
func (x *RequestContext) warnOfMore() {
	if more := x.unknownNames - maxUnknown; more > 0 && !x.api.Strict(x) {
		x.Warn("unknown_parameter: " + strconv.Itoa(more) + " more are ignored")
	}
}

// Misspelt returns the ignored parameters and members of an accepted request that look
// misspelt.
func (x *RequestContext) Misspelt() []fail.Detail {
	if x.failed != nil {
		return nil
	}
	return x.misspelt
}

// withMisspelt adds names that look misspelt to a validation error.
func (x *RequestContext) withMisspelt(e *fail.Error) *fail.Error {
	if e.Kind != fail.Invalid || len(e.Details) == 0 || len(x.misspelt) == 0 {
		return e
	}
	all := *e
	all.Details = slices.Concat(e.Details, x.misspelt)
	if e.Code == "invalid_parameter" {
		all.Message = fail.Of(fail.Parameters(all.Details...)).Message
	}
	return &all
}

func (x *RequestContext) violate(in fail.Location, field, code, format string, args ...any) {
	x.detail = append(x.detail, violation(in, field, code, format, args...))
}

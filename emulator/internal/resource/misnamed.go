package resource

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/near"
	"skystack.dev/sandbox/emulator/sandbox"
)

// A match that names what does not exist selects nothing, and a test that asserts that
// nothing was selected would pass for ever. So each name is checked, against the contract
// and the tables that the APIs serve from.

// RequestNames are the names that requests can have.
type RequestNames struct {
	Operations, Codes, Methods []string
	Statuses                   []int
}

// With returns the names of both, sorted.
func (n RequestNames) With(other RequestNames) RequestNames {
	return RequestNames{union(n.Operations, other.Operations), union(n.Codes, other.Codes), union(n.Methods, other.Methods), union(n.Statuses, other.Statuses)}
}

func union[T interface{ ~int | ~string }](a, b []T) []T {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// CheckRequestMatch refuses a match of requests that names an operation, a status, a code
// or a method that no request can have, or a path that is none.
func CheckRequestMatch(m sandbox.Match, names RequestNames) error {
	var bad Misnamed
	if m.Operation != "" {
		bad.Check("operation", "operation", m.Operation, names.Operations)
	}
	if m.Operation != "" && m.Unmatched {
		bad.Add("unmatched", fmt.Sprintf("no request is both unmatched and of the operation %q; leave out one of them", fail.Clip(m.Operation)), nil)
	}
	if m.Status < 0 || m.Status > 5 && !slices.Contains(names.Statuses, m.Status) {
		bad.Add("status", fmt.Sprintf("unknown status %d; a response has one of %s, and 1 to 5 stand for all of a class", m.Status, numbers(names.Statuses)), nil)
	}
	if m.Code != "" {
		bad.Check("code", "error code", m.Code, names.Codes)
	}
	if m.Method != "" {
		bad.Check("method", "method", strings.ToUpper(m.Method), names.Methods)
	}
	switch {
	case m.Path != "" && m.Path[0] != '/':
		bad.Add("path", fmt.Sprintf("the path %q does not begin with /", fail.Clip(m.Path)), []string{"/" + m.Path})
	case strings.Contains(m.Path, "?"):
		path, _, _ := strings.Cut(m.Path, "?")
		bad.Add("path", fmt.Sprintf("the path %q has a query, which is not compared", fail.Clip(m.Path)), []string{path})
	}
	return bad.Err()
}

func numbers(list []int) string {
	var out []string
	for _, n := range list {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}

// Misnamed collects names that do not exist. The zero Misnamed is empty.
type Misnamed struct{ details []fail.Detail }

// Err returns all of them in one error; nil if there are none.
func (b *Misnamed) Err() error {
	if len(b.details) == 0 {
		return nil
	}
	err := fail.Parameters(b.details...)
	Outward(&err)
	return err
}

// fewNames is the largest number of names that a message lists.
const fewNames = 40

// Check adds a name that is none of those there are; noun says of what.
func (b *Misnamed) Check(field, noun, name string, names []string) {
	if slices.Contains(names, name) {
		return
	}
	message, meant := fmt.Sprintf("unknown %s %q", noun, fail.Clip(name)), near.Names(name, names...)
	switch {
	case meant != nil:
	case len(names) > fewNames:
		message += "; GET /openapi.json lists them"
	default:
		message += "; use one of " + strings.Join(names, ", ")
	}
	b.Add(field, message, meant)
}

// Add adds a violation, and what was probably meant; nil if that is not known.
func (b *Misnamed) Add(field, message string, meant []string) {
	d := fail.Detail{Field: field, Location: fail.Query, Code: "unknown_value", Message: message}
	if meant != nil {
		d.Message += near.DidYouMean(meant)
		d.Extra = []fail.Member{{Name: "did_you_mean", Value: meant[0]}}
	}
	b.details = append(b.details, d)
}

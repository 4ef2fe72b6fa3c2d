package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const small = `components:
  schemas:
    EventType: {enum: [a.begun, a.done], x-events: {a.begun: {object: A, when: It began.}, a.done: {object: A, when: It ended.}}}
    ErrorCode: {enum: [a_not_found, busy], x-codes: {a_not_found: {status: 404, means: None., do: Look.}, busy: {status: 400, means: Busy., do: Wait.}}}
    DetailCode: {enum: [required], x-codes: {required: {means: Missing.}}}
`

// The page lists events and codes, errors by their status, and the Go file the names.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	source, page, list := filepath.Join(dir, "openapi.yaml"), filepath.Join(dir, "page.md"), filepath.Join(dir, "list.go")
	if err := os.WriteFile(source, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := generate(source, page, list); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(page)
	for _, want := range []string{"| `a.begun` | `A` | It began. |\n| `a.done` | `A` | It ended. |\n", "| 400 | `busy` | Busy. | Wait. |\n| 404 | `a_not_found` | None. | Look. |\n", "| `required` | Missing. |\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	text, _ = os.ReadFile(list)
	if want := "func EventTypes() []string {\n\treturn []string{\n\t\t\"a.begun\",\n\t\t\"a.done\",\n\t}\n}\n"; !strings.Contains(string(text), want) {
		t.Errorf("the list lacks %q:\n%s", want, text)
	}
	if err := generate(filepath.Join(dir, "none"), page, list); err == nil {
		t.Error("a document that is not there was read")
	}
}

// A name that is not explained, or explained and not listed, is an error that names
// its schema.
func TestListsAreWhole(t *testing.T) {
	for change, want := range map[[2]string]string{
		{"enum: [a.begun, a.done]", "enum: [a.done, a.begun]"}:             "EventType is empty or not sorted",
		{"enum: [a.begun, a.done]", "enum: [a.begun]"}:                     "EventType explains",
		{"when: It began.", "when: ''"}:                                    "EventType does not say all of a.begun",
		{"status: 404", "status: 200"}:                                     "ErrorCode does not say all of a_not_found",
		{"required: {means: Missing.}", "required: {}, other: {means: x}"}: "DetailCode explains",
		{"components:", "components: ["}:                                   "line",
	} {
		if _, err := read([]byte(strings.Replace(small, change[0], change[1], 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", change[1], err, want)
		}
	}
}

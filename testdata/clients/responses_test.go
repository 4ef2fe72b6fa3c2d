//go:build clients

package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

// Every response that the tests of ComputeStacks got is valid against the document by a
// validator that shares no code with the sandbox. run.sh records them. Skipped are
// responses to paths and methods that are no operation: the sandbox's own tests check that
// they are errors in the form of the API.
func TestRecordedResponses(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("COMPUTESTACKS_DOCUMENT"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	v, problems := validator.NewValidator(document)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	file, err := os.Open(os.Getenv("SKYSTACK_SANDBOX_RESPONSES"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines, seen, checked := bufio.NewReader(file), map[string]bool{}, 0
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var x struct {
			Method, Path, Body string
			Status             int
			Header             http.Header
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		if x.Method == http.MethodPut { // which reaches PATCH without being listed
			x.Method = http.MethodPatch
		}
		if shape := x.Method + x.Path + x.Body; seen[shape] {
			continue
		} else {
			seen[shape] = true
		}
		r, err := http.NewRequest(x.Method, "http://127.0.0.1"+x.Path, nil)
		if err != nil {
			continue // a hostile path, which is no operation
		}
		if strings.Contains(x.Body, "Unknown API Call.") || x.Status == http.StatusFound {
			continue
		}
		resp := &http.Response{StatusCode: x.Status, Header: x.Header, Body: io.NopCloser(strings.NewReader(x.Body)), Request: r}
		if ok, wrong := v.ValidateHttpResponse(r, resp); !ok {
			for _, w := range wrong {
				t.Errorf("%s %s: %d: %s: %s\n%.300s", x.Method, x.Path, x.Status, w.Message, w.Reason, x.Body)
			}
			if t.Failed() && checked > 10_000 {
				break
			}
		}
		checked++
	}
	if checked < 1000 {
		t.Errorf("%d responses were checked", checked)
	}
	t.Logf("%d responses", checked)
}

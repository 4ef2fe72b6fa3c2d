package control

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// each visits every operation of the document.
func each(t *testing.T, visit func(method, path string, item *openapi3.PathItem, op *openapi3.Operation)) {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			visit(method, path, item, op)
		}
	}
}

// served is the document as clients get it.
var served = sync.OnceValue(func() string {
	text, err := documentJSON.Text()
	if err != nil {
		panic(err)
	}
	return string(text)
})

func TestDocumentIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Error(err)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(served()), &document); err != nil || document["openapi"] != "3.0.3" {
		t.Errorf("what is served is no such document: %v", err)
	}
}

// Every operation says what it may be refused for, in words, and takes nothing
// without bounds.
func TestDocumentIsComplete(t *testing.T) {
	seen := map[string]bool{}
	each(t, func(method, path string, item *openapi3.PathItem, op *openapi3.Operation) {
		name := method + " " + path
		if seen[op.OperationID] || op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || !strings.HasPrefix(path, "/_sandbox/") {
			t.Errorf("%s: operationId %q, summary %q, tags %v", name, op.OperationID, op.Summary, op.Tags)
		}
		seen[op.OperationID] = true
		want := []string{"400", "401", "403", "default"}
		scope, _ := op.Extensions["x-scope"].(string)
		switch public := op.Security != nil && len(*op.Security) == 0; {
		case public != (scope == ""):
			t.Errorf("%s: public %v, x-scope %q", name, public, scope)
		case public:
			want = []string{"400", "403", "default"}
		case scope == controlScope:
			want = append(want, "404")
		case scope != adminScope || (*op.Security)[0]["admin"] == nil || len(*op.Security) != 1:
			t.Errorf("%s: x-scope %q, security %v", name, scope, op.Security)
		}
		if op.RequestBody != nil {
			want = append(want, "413", "415")
		}
		for _, status := range want {
			if op.Responses.Value(status) == nil {
				t.Errorf("%s does not document %s", name, status)
			}
		}
		parameters := slices.Concat(item.Parameters, op.Parameters)
		takes := slices.ContainsFunc(parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "workspace" })
		if takes != (scope == controlScope && !strings.Contains(path, "/workspaces/")) {
			t.Errorf("%s: it takes workspace: %v", name, takes)
		}
		for _, p := range parameters {
			if p.Value.Description == "" {
				t.Errorf("%s: %s is not described", name, p.Value.Name)
			}
			if p.Value.In == "query" {
				bounded(t, name+" "+p.Value.Name, p.Value.Schema.Value)
			}
		}
		if op.RequestBody != nil && op.Extensions["x-raw-body"] == nil {
			bounded(t, name, op.RequestBody.Value.Content["application/json"].Schema.Value)
		}
		if method == http.MethodGet && op.RequestBody != nil {
			t.Errorf("%s takes a body", name)
		}
	})
	if len(seen) < 40 {
		t.Errorf("only %d operations", len(seen))
	}
}

// bounded asserts that a schema of requests has a size, and objects no members
// but those it names.
func bounded(t *testing.T, name string, s *openapi3.Schema) {
	t.Helper()
	switch {
	case s.Type.Is("string"):
		if s.MaxLength == nil && s.Enum == nil && s.Format == "" {
			t.Errorf("%s has no maxLength", name)
		}
	case s.Type.Is("array"):
		if s.MaxItems == nil {
			t.Errorf("%s has no maxItems", name)
		}
		bounded(t, name+"[]", s.Items.Value)
	case s.Type.Is("object"):
		more := s.AdditionalProperties
		if (more.Has == nil || *more.Has) && s.MaxProps == nil {
			t.Errorf("%s takes any number of members", name)
		}
		if more.Schema != nil {
			bounded(t, name+".*", more.Schema.Value)
		}
		for member, inner := range s.Properties {
			bounded(t, name+"."+member, inner.Value)
		}
	}
}

package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// oracle is kin-openapi's own reading of the document in the repository's root.
//
//nolint:gochecknoglobals // set once, read-only
var oracle = sync.OnceValues(func() (*reading, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "openapi.yaml"))
	if err != nil {
		return nil, err
	}
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.RegisteredBodyDecoder("text/plain"))
	doc.Servers = nil // the router would match hosts
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	codes, _ := doc.Components.Schemas["ErrorCode"].Value.Extensions["x-codes"].(map[string]any)
	return &reading{router, codes}, nil
})

// reading is what the document says: its routes, and what x-codes has of each code.
type reading struct {
	routers.Router
	codes map[string]any
}

// checkStatus reports an error whose status is another one than x-codes gives its code.
func (o *reading) checkStatus(status int, body []byte) error {
	var e struct{ Error struct{ Code string } }
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	said, _ := o.codes[e.Error.Code].(map[string]any)
	if want, _ := said["status"].(float64); int(want) != status {
		return fmt.Errorf("the error %q has the status %d; x-codes of ErrorCode says %v", e.Error.Code, status, said["status"])
	}
	return nil
}

// Root is the folder of the module.
func Root() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
	}
	return "", err
}

// Check validates a response against the contract. Answers that belong to no
// operation, such as 404 for an unknown path, must still be error envelopes.
func Check(r *http.Request, status int, header http.Header, body []byte) error {
	if header.Get("X-Request-Id") == "" {
		return fmt.Errorf("there is no X-Request-Id")
	}
	if r.Method == http.MethodHead || r.Method == http.MethodOptions && status < 400 || status == http.StatusNotModified {
		if len(body) > 0 {
			return fmt.Errorf("a %d to %s has a body", status, r.Method)
		}
		return nil
	}
	router, err := oracle()
	if err != nil {
		return err
	}
	if status >= 400 {
		if err := router.checkStatus(status, body); err != nil {
			return err
		}
	}
	asked := r.Clone(context.Background())
	asked.Body = http.NoBody
	if asked.URL.Host == "" {
		asked.URL.Host = "localhost"
	}
	route, params, err := router.FindRoute(asked)
	if err != nil || status == http.StatusMethodNotAllowed {
		if status < 400 || !strings.Contains(string(body), `{"error":{"code":"`) {
			return fmt.Errorf("no operation is there, but the answer is %d", status)
		}
		return nil
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.DisableSchemaErrorDetails()}},
	})
}

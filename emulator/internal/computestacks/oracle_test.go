package computestacks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// oracle is kin-openapi's own reading of the document, whatever the API thinks of it.
var oracle = sync.OnceValues(func() (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	for _, text := range []string{"text/html", "application/yaml"} {
		openapi3filter.RegisterBodyDecoder(text, openapi3filter.RegisteredBodyDecoder("text/plain"))
	}
	doc.Servers = nil // the router would match hosts
	return gorillamux.NewRouter(doc)
})

// checkByKin validates a response. One that belongs to no operation must be an error in the
// form of the API.
func checkByKin(r *http.Request, status int, header http.Header, body []byte) error {
	if header.Get("X-Request-Id") == "" {
		return fmt.Errorf("there is no X-Request-Id")
	}
	if r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return nil // without a body, and OPTIONS is no operation
	}
	router, err := oracle()
	if err != nil {
		return err
	}
	sent := r.Clone(context.Background())
	sent.Body = http.NoBody
	if sent.Method == http.MethodPut {
		sent.Method = http.MethodPatch // which PUT reaches without being listed
	}
	route, params, err := router.FindRoute(sent)
	if err != nil {
		var e errorBody
		if json.Unmarshal(body, &e) != nil || status < 400 || e.Errors == nil {
			return fmt.Errorf("no operation is there, but the response is %d %s", status, body)
		}
		return nil
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: sent, PathParams: params, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.DisableSchemaErrorDetails()}},
	})
}

// exchange is a request and its response, as a validator outside of the module reads them.
type exchange struct {
	Method string              `json:"method"`
	Path   string              `json:"path"`
	Status int                 `json:"status"`
	Header map[string][]string `json:"header"`
	Body   string              `json:"body"`
}

var recording sync.Mutex

// record appends a response to the file that a variable names; without it, nothing is
// recorded.
func record(r *http.Request, status int, header http.Header, body []byte) error {
	name := os.Getenv("SKYSTACK_SANDBOX_RESPONSES")
	if name == "" || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return nil
	}
	text, err := json.Marshal(exchange{r.Method, r.URL.RequestURI(), status, header, string(body)})
	if err != nil {
		return err
	}
	recording.Lock()
	defer recording.Unlock()
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = file.WriteString(strings.ReplaceAll(string(text), "\n", " ") + "\n")
	return err
}

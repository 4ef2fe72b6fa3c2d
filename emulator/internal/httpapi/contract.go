package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// Contract is a compiled OpenAPI document. It is read-only and may be shared by any
// number of servers.
type Contract struct {
	Operations []*Operation // in the order of path and method

	requestOptions, responseOptions []openapi3.SchemaValidationOption // for requests and for responses
	// responses returns the schemas of responses by operation id and status; 0 is for
	// statuses that are not listed.
	responses func() (map[string]map[int]*openapi3.Response, error)
}

// Operation is one method on one path of a contract.
type Operation struct {
	ID     string
	Method string
	Path   string // as in the document: /v1/instances/{id}
	// Canonical is the id of the operation that this one is an alias of; otherwise its
	// own id.
	Canonical string
	// Scope is the scope that a credential needs; "" for none.
	Scope string
	// Public operations need no credential.
	Public bool
	// Documented operations are printed in the API's documentation; the others are
	// only implied by it.
	Documented bool

	status     int   // of success
	statuses   []int // all that the document lists
	raw        bool  // the handler gets the body as it was sent
	secret     bool  // the success response contains a secret that is shown once
	streamed   bool  // the handler reads the body itself, of any length
	noPut      bool  // PUT does not reach a PATCH, where the API lets it
	maxBody    int64 // bytes of a body; 0 for the server's limit
	pathParams []string
	query      []*parameter
	body       *openapi3.RequestBody
	schemas    map[string]*openapi3.Schema // request schema by media type
	produces   []string
	handler    *Handler
}

// parameter is a query parameter.
type parameter struct {
	name     string
	kind     string // string, integer, boolean or array
	explode  bool   // an array is sent by repeating the name, not by commas
	required bool
	lenient  bool // a malformed value counts as not sent
	schema   *openapi3.Schema
}

// LoadContract reads an OpenAPI 3.0 document. The first document needs only statuses
// and media types of responses. Their schemas are in a second copy of the document,
// which is read when the first response is validated, since few servers do that.
func LoadContract(requests []byte, answers func() ([]byte, error)) (*Contract, error) {
	doc, err := loadDocument(requests)
	if err != nil {
		return nil, err
	}
	all := []openapi3.SchemaValidationOption{openapi3.MultiErrors(), openapi3.EnableFormatValidation(), formats()}
	c := &Contract{
		requestOptions:  append(slices.Clone(all), openapi3.VisitAsRequest()),
		responseOptions: append(slices.Clone(all), openapi3.VisitAsResponse(), openapi3.DisableSchemaErrorDetails()),
		responses: sync.OnceValues(func() (map[string]map[int]*openapi3.Response, error) {
			text, err := answers()
			if err != nil {
				return nil, err
			}
			return loadResponses(text)
		}),
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			compiled, err := compile(doc, path, method, item, op)
			if err != nil {
				return nil, fmt.Errorf("openapi document: %s %s: %w", method, path, err)
			}
			c.Operations = append(c.Operations, compiled)
		}
	}
	slices.SortFunc(c.Operations, func(a, b *Operation) int {
		if n := strings.Compare(a.Path, b.Path); n != 0 {
			return n
		}
		return strings.Compare(a.Method, b.Method)
	})
	return c, nil
}

func loadDocument(data []byte) (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("openapi document: %w", err)
	}
	return doc, nil
}

func loadResponses(data []byte) (map[string]map[int]*openapi3.Response, error) {
	doc, err := loadDocument(data)
	if err != nil {
		return nil, err
	}
	all := map[string]map[int]*openapi3.Response{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			of := map[int]*openapi3.Response{}
			for status, ref := range op.Responses.Map() {
				code, _ := strconv.Atoi(status) // "default" and "4XX" are 0
				of[code] = ref.Value
			}
			all[op.OperationID] = of
		}
	}
	return all, nil
}

// response returns the schema of a response; nil when the document does not list it.
func (c *Contract) response(operation string, status int) (*openapi3.Response, error) {
	all, err := c.responses()
	if err != nil {
		return nil, err
	}
	if r := all[operation][status]; r != nil {
		return r, nil
	}
	return all[operation][0], nil
}

func compile(doc *openapi3.T, path, method string, item *openapi3.PathItem, op *openapi3.Operation) (*Operation, error) {
	o := &Operation{
		ID: op.OperationID, Method: method, Path: path, Canonical: op.OperationID,
		Documented: extension(op, "x-source") == "documented", Scope: extension(op, "x-scope"),
		schemas: map[string]*openapi3.Schema{},
	}
	o.raw, _ = op.Extensions["x-raw-body"].(bool)
	if o.streamed, _ = op.Extensions["x-stream-body"].(bool); o.streamed {
		o.raw = true
	}
	o.secret, _ = op.Extensions["x-secret"].(bool)
	o.noPut, _ = op.Extensions["x-no-put"].(bool)
	if n, ok := op.Extensions["x-max-body"].(float64); ok {
		o.maxBody = int64(n)
	}
	if alias := extension(op, "x-alias-of"); alias != "" {
		o.Canonical = alias
	}
	security := doc.Security
	if op.Security != nil {
		security = *op.Security
	}
	o.Public = len(security) == 0
	for _, m := range pathNames.FindAllStringSubmatch(path, -1) {
		o.pathParams = append(o.pathParams, m[1])
	}
	for _, ref := range append(slices.Clone(item.Parameters), op.Parameters...) {
		if p := ref.Value; p.In == openapi3.ParameterInQuery {
			compiled, err := compileParameter(p)
			if err != nil {
				return nil, err
			}
			o.query = append(o.query, compiled)
		}
	}
	if op.RequestBody != nil {
		o.body = op.RequestBody.Value
		for media, content := range o.body.Content {
			o.schemas[media] = content.Schema.Value
		}
	}
	for status, ref := range op.Responses.Map() {
		code, err := strconv.Atoi(status)
		if err == nil {
			o.statuses = append(o.statuses, code)
		}
		if err == nil && code >= 200 && code < 300 {
			o.status = max(o.status, code) // lower ones come from StatusCoder outputs
			for media := range ref.Value.Content {
				if !slices.Contains(o.produces, media) {
					o.produces = append(o.produces, media)
				}
			}
		}
	}
	if o.status == 0 && slices.Contains(o.statuses, http.StatusFound) { // for browsers
		o.status, o.produces = http.StatusFound, []string{"text/html"}
	}
	if refuses, _ := op.Extensions["x-refuses"].(bool); o.status == 0 && !refuses {
		return nil, fmt.Errorf("no successful response is documented")
	}
	if len(o.produces) == 0 {
		o.produces = []string{"application/json"}
	}
	return o, nil
}

// Statuses lists the response statuses of all operations.
func (c *Contract) Statuses() []int {
	var out []int
	for _, op := range c.Operations {
		out = append(out, op.statuses...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Choices lists the values of an enumerated query parameter in the order of the
// document; nil if it accepts any value.
func (c *Contract) Choices(operation, name string) (out []string) {
	for _, op := range c.Operations {
		if op.ID != operation {
			continue
		}
		if p := op.parameter(name); p != nil {
			for _, v := range p.schema.Enum {
				if text, ok := v.(string); ok {
					out = append(out, text)
				}
			}
		}
	}
	return out
}

func compileParameter(p *openapi3.Parameter) (*parameter, error) {
	c := &parameter{name: p.Name, required: p.Required, schema: p.Schema.Value}
	c.lenient, _ = p.Extensions["x-lenient"].(bool)
	for _, kind := range []string{"string", "integer", "boolean", "array"} {
		if c.schema.Type.Is(kind) {
			c.kind = kind
		}
	}
	if c.kind == "" {
		return nil, fmt.Errorf("query parameter %s has a type that is not read here", p.Name)
	}
	c.explode = p.Explode == nil || *p.Explode
	return c, nil
}

func extension(op *openapi3.Operation, name string) string {
	text, _ := op.Extensions[name].(string)
	return text
}

var pathNames = regexp.MustCompile(`\{([^}]+)\}`)

// echoPath returns the path in Echo's notation.
func (o *Operation) echoPath() string { return pathNames.ReplaceAllString(o.Path, ":$1") }

// bind returns a copy of the operation with a handler.
func (o *Operation) bind(h *Handler) *Operation {
	bound := *o
	bound.handler = h
	return &bound
}

// takesBody reports whether the operation has a body.
func (o *Operation) takesBody() bool { return o.body != nil }

// changes reports whether the operation may change something.
func (o *Operation) changes() bool {
	return o.Method != http.MethodGet && o.Method != http.MethodHead
}

// formats returns the string formats that kin-openapi does not check well enough. They
// are passed with every validation: global registration would race with other users of
// the library in the process.
func formats() openapi3.SchemaValidationOption {
	check := func(valid func(string) bool) openapi3.StringFormatValidator {
		return openapi3.NewCallbackValidator(func(s string) error {
			if !valid(s) {
				return fmt.Errorf("malformed")
			}
			return nil
		})
	}
	return openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
		// kin-openapi accepts days and zones that do not exist, such as February 30,
		// which the decoder of a handler would reject.
		"date-time": check(func(s string) bool { return new(time.Time).UnmarshalText([]byte(s)) == nil }),
		"ipv4":      check(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }),
		"ipv6":      check(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() }),
	})
}

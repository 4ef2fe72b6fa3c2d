package skystack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v4"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

const rootContract = "../../../openapi.yaml"

func TestContractCopiesAreThoseOfTheRoot(t *testing.T) {
	root, err := os.ReadFile(rootContract)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, decompressed(t, contractYAML)) {
		t.Error("the embedded openapi.yaml is not the root's; run go generate ./emulator/internal/skystack")
	}
	var written any
	if err := yaml.Unmarshal(root, &written); err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	want, err := json.Marshal(written)
	if err != nil {
		t.Fatalf("openapi.yaml says what JSON cannot: %v", err)
	}
	if !bytes.Equal(want, sortedJSON(t, decompressed(t, contractJSON))) {
		t.Error("the embedded openapi.json does not say what openapi.yaml says; run go generate ./emulator/internal/skystack")
	}
}

func TestContractIsValidOpenAPI(t *testing.T) {
	for name, text := range map[string][]byte{"openapi.json": decompressed(t, contractJSON), "openapi.yaml": decompressed(t, contractYAML)} {
		err := loadContract(t, text).Validate(t.Context(),
			openapi3.EnableExamplesValidation(), openapi3.EnableSchemaDefaultsValidation(),
			openapi3.EnableSchemaPatternValidation(), openapi3.EnableSchemaFormatValidation(),
			openapi3.EnableMultiError())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The server registers these formats and no others: one it does not know would
// be let pass silently. A closed object would refuse the unknown members that
// the default version accepts.
func TestContractSchemasUseOnlyWhatIsChecked(t *testing.T) {
	var document map[string]any
	if err := json.Unmarshal(decompressed(t, contractJSON), &document); err != nil {
		t.Fatal(err)
	}
	known := []string{"binary", "date-time", "int32", "ipv4"} // binary says nothing about a value
	walkJSON("#", document, func(at string, v any) {
		object, ok := v.(map[string]any)
		if !ok {
			return
		}
		if format, ok := object["format"].(string); ok && !slices.Contains(known, format) {
			t.Errorf("%s: format %q is none of %v", at, format, known)
		}
		if open, ok := object["additionalProperties"].(bool); ok && !open {
			t.Errorf("%s: additionalProperties is false; unknown members are accepted or refused by version, not by schema", at)
		}
	})
}

func TestContractFollowsTheRules(t *testing.T) {
	for _, problem := range contractProblems(loadContract(t, decompressed(t, contractJSON))) {
		t.Error(problem)
	}
}

// contractProblems names every operation that breaks a rule of the house, and what
// it lacks.
func contractProblems(doc *openapi3.T) []string {
	operations := map[string]contractOperation{}
	var problems []string
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(item)) {
			op := item[method]
			c := contractOperation{doc: doc, all: operations, path: path, method: method, Operation: op}
			if other, taken := operations[op.OperationID]; taken {
				problems = append(problems, fmt.Sprintf("%s: its operationId is also that of %s", c, other))
			}
			operations[op.OperationID] = c
		}
	}
	for _, id := range slices.Sorted(maps.Keys(operations)) {
		for _, rule := range houseRules {
			for _, problem := range rule(operations[id]) {
				problems = append(problems, fmt.Sprintf("%s: %s", operations[id], problem))
			}
		}
	}
	return problems
}

// houseRules each return what an operation lacks.
var houseRules = []func(contractOperation) []string{
	contractOperation.isDescribed, contractOperation.namesItsOrigin, contractOperation.isProtected,
	contractOperation.declaresItsPath, contractOperation.refusesWithErrors, contractOperation.showsItsBodies,
	contractOperation.pagesItsList, contractOperation.matchesItsAlias,
}

type contractOperation struct {
	doc          *openapi3.T
	all          map[string]contractOperation
	path, method string
	*openapi3.Operation
}

func (c contractOperation) String() string {
	return fmt.Sprintf("%s (%s %s)", c.OperationID, c.method, c.path)
}

func (c contractOperation) isDescribed() (lacks []string) {
	for _, text := range [][2]string{{"operationId", c.OperationID}, {"summary", c.Summary}, {"description", c.Description}} {
		if text[1] == "" {
			lacks = append(lacks, "it has no "+text[0])
		}
	}
	if len(c.Tags) != 1 || c.doc.Tags.Get(c.Tags[0]) == nil {
		lacks = append(lacks, fmt.Sprintf("its tags are %v; it must have one, which the document declares", c.Tags))
	}
	return lacks
}

var ruleNumber = regexp.MustCompile(`^S[1-9][0-9]*$`)

func (c contractOperation) namesItsOrigin() (lacks []string) {
	if source := c.Extensions["x-source"]; source != "documented" && source != "inferred" {
		lacks = append(lacks, fmt.Sprintf("x-source is %v; it must be documented or inferred", source))
	}
	rules, _ := c.Extensions["x-rules"].([]any)
	if len(rules) == 0 {
		lacks = append(lacks, "x-rules is missing or empty")
	}
	for _, rule := range rules {
		if text, ok := rule.(string); !ok || !ruleNumber.MatchString(text) {
			lacks = append(lacks, fmt.Sprintf("x-rules has %v, which is not the number of a rule", rule))
		}
	}
	return lacks
}

var scopeName = regexp.MustCompile(`^[a-z]+:(read|write|delete)$`)

func (c contractOperation) isProtected() (lacks []string) {
	scope, scoped := c.Extensions["x-scope"].(string)
	switch {
	case c.Security == nil:
		return []string{"it does not say whether it needs a token; security must be there, empty if it needs none"}
	case len(*c.Security) == 0 && scoped:
		return []string{"it needs no token and yet has x-scope " + scope}
	case len(*c.Security) == 0:
		return nil
	case !scopeName.MatchString(scope):
		lacks = append(lacks, fmt.Sprintf("x-scope is %q; it must be like instances:read", scope))
	}
	return lacks
}

// Parameters of a path item would apply too, but the server reads those of the
// operation alone.
func (c contractOperation) declaresItsPath() (lacks []string) {
	for _, match := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(c.path, -1) {
		if c.Parameters.GetByInAndName("path", match[1]) == nil {
			lacks = append(lacks, "it does not declare the path parameter "+match[1])
		}
	}
	return lacks
}

const errorResponse = "#/components/responses/Error"

// All errors are the one default response: clients made of the document then
// return them as errors. x-errors names the codes that are the operation's own.
func (c contractOperation) refusesWithErrors() (lacks []string) {
	if d := c.Responses.Map()["default"]; d == nil || d.Ref != errorResponse {
		lacks = append(lacks, "its default answer is not "+errorResponse)
	}
	for _, status := range slices.Sorted(maps.Keys(c.Responses.Map())) {
		response := c.Responses.Value(status).Value
		if response.Headers["X-Request-Id"] == nil {
			lacks = append(lacks, fmt.Sprintf("its answer %s does not document X-Request-Id", status))
		}
		for name, header := range response.Headers {
			if header.Value.Required {
				lacks = append(lacks, fmt.Sprintf("its answer %s requires the header %s", status, name))
			}
		}
		if status >= "400" && status != "default" {
			lacks = append(lacks, fmt.Sprintf("it lists its answer %s, which default covers; name its codes in x-errors", status))
		}
	}
	return lacks
}

func (c contractOperation) showsItsBodies() (lacks []string) {
	if c.RequestBody != nil {
		lacks = append(lacks, exampleProblems("its request", c.RequestBody.Value.Content, openapi3.VisitAsRequest())...)
	}
	for _, status := range slices.Sorted(maps.Keys(c.Responses.Map())) {
		content := c.Responses.Value(status).Value.Content
		if bare := status == "204" || status == "304"; bare == (len(content) > 0) {
			lacks = append(lacks, fmt.Sprintf("its answer %s must have a body unless it is 204 or 304", status))
		}
		lacks = append(lacks, exampleProblems("its answer "+status, content, openapi3.VisitAsResponse())...)
	}
	return lacks
}

// exampleProblems checks the formats too, which the document's own Validate
// leaves out unless they are registered for the whole process.
func exampleProblems(what string, content openapi3.Content, direction openapi3.SchemaValidationOption) (problems []string) {
	formats := openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{"ipv4": openapi3.NewIPValidator(true)})
	for _, mediaType := range slices.Sorted(maps.Keys(content)) {
		body := content[mediaType]
		if body.Schema == nil || len(body.Examples) == 0 {
			problems = append(problems, fmt.Sprintf("%s has no schema or no example of %s", what, mediaType))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(body.Examples)) {
			if err := body.Schema.Value.VisitJSON(body.Examples[name].Value.Value, formats, direction, openapi3.MultiErrors()); err != nil {
				problems = append(problems, fmt.Sprintf("%s: the example %s breaks its schema: %v", what, name, err))
			}
		}
	}
	return problems
}

func (c contractOperation) pagesItsList() (lacks []string) {
	ok := c.Responses.Value("200")
	if ok == nil || ok.Value.Content["application/json"] == nil {
		return nil
	}
	if data := ok.Value.Content["application/json"].Schema.Value.Properties["data"]; data == nil || !data.Value.Type.Is("array") {
		return nil
	}
	for _, name := range []string{"page", "limit", "cursor"} {
		if c.Parameters.GetByInAndName("query", name) == nil {
			lacks = append(lacks, "it returns a list and does not take "+name)
		}
	}
	return lacks
}

func (c contractOperation) matchesItsAlias() []string {
	id, isAlias := c.Extensions["x-alias-of"]
	if !isAlias {
		return nil
	}
	original, ok := c.all[fmt.Sprint(id)]
	switch {
	case !ok:
		return []string{fmt.Sprintf("x-alias-of names %v, which does not exist", id)}
	case original.Extensions["x-alias-of"] != nil:
		return []string{fmt.Sprintf("x-alias-of names %v, which is itself an alias", id)}
	case !bytes.Equal(c.shape(), original.shape()):
		return []string{fmt.Sprintf("it differs from %s:\n%s\n%s", original, c.shape(), original.shape())}
	}
	return nil
}

// shape is what an operation and its alias must have in common: everything but
// names and texts, their origin and their rules. Which project is meant may stand
// in the path of one and in the query or a header of the other.
func (c contractOperation) shape() []byte {
	parameters := slices.DeleteFunc(slices.Clone(c.Parameters), func(p *openapi3.ParameterRef) bool {
		return slices.Contains([]string{"ProjectID", "ProjectFilter", "SkyStackProject"}, path.Base(p.Ref))
	})
	shared := struct {
		Method, Scope any
		Tags          []string
		Security      *openapi3.SecurityRequirements
		Parameters    openapi3.Parameters
		RequestBody   *openapi3.RequestBodyRef
		Responses     *openapi3.Responses
	}{c.method, c.Extensions["x-scope"], c.Tags, c.Security, parameters, c.RequestBody, c.Responses}
	text, err := json.Marshal(shared)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

func TestContractRulesFindGaps(t *testing.T) {
	get := func(doc *openapi3.T) *openapi3.Operation { return doc.Paths.Value("/v1/instances").Get }
	for want, damage := range map[string]func(*openapi3.T){
		"getInstance (GET /v1/instances/{id}): its operationId": func(d *openapi3.T) { get(d).OperationID = "getInstance" },
		"listInstances (GET /v1/instances): it has no summary":  func(d *openapi3.T) { get(d).Summary = "" },
		"its tags are [Instance]":                               func(d *openapi3.T) { get(d).Tags = []string{"Instance"} },
		"x-source is guessed":                                   func(d *openapi3.T) { get(d).Extensions["x-source"] = "guessed" },
		"x-rules is missing":                                    func(d *openapi3.T) { delete(get(d).Extensions, "x-rules") },
		"x-rules has T4":                                        func(d *openapi3.T) { get(d).Extensions["x-rules"] = []any{"T4"} },
		"security must be there":                                func(d *openapi3.T) { get(d).Security = nil },
		`x-scope is "everything"`:                               func(d *openapi3.T) { get(d).Extensions["x-scope"] = "everything" },
		"yet has x-scope instances:read":                        func(d *openapi3.T) { get(d).Security = openapi3.NewSecurityRequirements() },
		"its default answer is not":                             func(d *openapi3.T) { get(d).Responses.Delete("default") },
		"200 does not document X-Request-Id":                    func(d *openapi3.T) { delete(get(d).Responses.Value("200").Value.Headers, "X-Request-Id") },
		"it lists its answer 400":                               func(d *openapi3.T) { get(d).Responses.Set("400", get(d).Responses.Value("200")) },
		"200 must have a body":                                  func(d *openapi3.T) { get(d).Responses.Value("200").Value.Content = nil },
		"200 has no schema or no example":                       func(d *openapi3.T) { get(d).Responses.Value("200").Value.Content["application/json"].Examples = nil },
		"the example WorkerA breaks":                            func(d *openapi3.T) { damageExample(d) },
		"a list and does not take page":                         func(d *openapi3.T) { get(d).Parameters = get(d).Parameters[1:] },
		"declare the path parameter id":                         func(d *openapi3.T) { d.Paths.Value("/v1/actions/{id}").Get.Parameters = nil },
		"listComputeInstances (GET /v1/compute/instances): it differs from listInstances": func(d *openapi3.T) {
			get(d).Parameters = get(d).Parameters[:3]
		},
		"x-alias-of names nothing, which does not exist": func(d *openapi3.T) { get(d).Extensions["x-alias-of"] = "nothing" },
		"x-alias-of names listSizes, which is itself":    func(d *openapi3.T) { get(d).Extensions["x-alias-of"] = "listSizes" },
	} {
		doc := loadContract(t, decompressed(t, contractJSON))
		damage(doc)
		problems := contractProblems(doc)
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("no problem says %q; they are %q", want, problems)
		}
	}
}

// damageExample gives the list of instances an example whose ip is no address.
func damageExample(doc *openapi3.T) {
	instance := maps.Clone(doc.Components.Examples["RunningInstance"].Value.Value.(map[string]any))
	instance["ip"] = "10.24.8.1200"
	body := doc.Components.Responses["InstancesListed"].Value.Content["application/json"]
	body.Examples["WorkerA"] = &openapi3.ExampleRef{Value: openapi3.NewExample(map[string]any{"data": []any{instance}})}
}

func loadContract(t *testing.T, text []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// sortedJSON returns text as json.Marshal would write it.
func sortedJSON(t *testing.T, text []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return sorted
}

// walkJSON visits v and all values inside it with their JSON pointers. Examples
// are data and not part of the contract, so it leaves them out.
func walkJSON(at string, v any, visit func(at string, v any)) {
	visit(at, v)
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if name != "examples" && name != "example" {
				walkJSON(at+"/"+name, member, visit)
			}
		}
	case []any:
		for i, item := range v {
			walkJSON(fmt.Sprintf("%s/%d", at, i), item, visit)
		}
	}
}

func decompressed(t *testing.T, document httpapi.Packed) []byte {
	t.Helper()
	text, err := document.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

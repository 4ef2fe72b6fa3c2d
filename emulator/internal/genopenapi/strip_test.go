package main

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// stripped is what becomes of a document, without white space.
func stripped(t *testing.T, text string) string {
	t.Helper()
	document, err := read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	strip(document, false)
	prune(document)
	return compact(t, document)
}

// compact is a document without white space.
func compact(t *testing.T, document *yaml.Node) string {
	t.Helper()
	got, err := toJSON(document)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(got)), "")
}

func TestStrip(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"texts, examples and headers": {
			`{info: {description: x, title: y}, paths: {/a: {get: {summary: s, tags: [t], x-rules: [r], responses: {'200': {description: d, headers: {H: {}}, content: {c: {schema: {type: object, example: e}, example: 1}}}}}}}}`,
			`{"info":{"title":"y"},"paths":{"/a":{"get":{"responses":{"200":{"content":{"c":{"schema":{"type":"object"}}}}}}}}}`,
		},
		"what the document names itself stays": {
			`{schema: {properties: {description: {type: string, example: e}, responses: {properties: {'400': {type: string}, default: {}}}, additionalProperties: {type: object}}}}`,
			`{"schema":{"properties":{"description":{"type":"string"},"responses":{"properties":{"400":{"type":"string"},"default":{}}},"additionalProperties":{"type":"object"}}}}`,
		},
		"lists of names and requests of the server's own": {
			`{paths: {/a: {post: {callbacks: {c: {u: {post: {responses: {'200': {}}}}}}, responses: {'200': {}}}}}, schema: {enum: [a], x-codes: {a: {means: m}}, x-events: {a: {when: w}}, discriminator: {propertyName: type, mapping: {a.b: c}}}}`,
			`{"paths":{"/a":{"post":{"responses":{"200":{}}}}},"schema":{"enum":["a"],"discriminator":{"propertyName":"type","mapping":{"a.b":"c"}}}}`,
		},
		"further members": {
			`{a: {additionalProperties: false}, b: {additionalProperties: true}, c: {additionalProperties: {type: string, additionalProperties: false}}}`,
			`{"a":{},"b":{"additionalProperties":true},"c":{"additionalProperties":{"type":"string"}}}`,
		},
		"errors": {
			`{get: {responses: {'200': {x: 1}, '204': {}, 2XX: {}, '304': {}, '400': {}, '503': {}, 5XX: {}, default: {}}}}`,
			`{"get":{"responses":{"200":{"x":1},"204":{},"2XX":{}}}}`,
		},
		"components that nothing refers to": {
			`{paths: {/a: {get: {parameters: [{$ref: '#/components/parameters/P'}], responses: {'200': {$ref: '#/components/responses/R'}, '400': {$ref: '#/components/responses/E'}}}}},
			  components: {parameters: {P: {in: query}, Q: {in: query}}, responses: {R: {content: {c: {schema: {$ref: '#/components/schemas/S'}}}}, E: {content: {c: {schema: {$ref: '#/components/schemas/Error'}}}}},
			    schemas: {S: {items: {$ref: '#/components/schemas/S'}, oneOf: [{$ref: '#/components/schemas/T'}]}, T: {}, Error: {}, Alone: {$ref: '#/components/schemas/Lonely'}, Lonely: {}},
			    headers: {H: {}}, requestBodies: {B: {}}, securitySchemes: {key: {type: http}}}}`,
			`{"paths":{"/a":{"get":{"parameters":[{"$ref":"#/components/parameters/P"}],"responses":{"200":{"$ref":"#/components/responses/R"}}}}},` +
				`"components":{"parameters":{"P":{"in":"query"}},"responses":{"R":{"content":{"c":{"schema":{"$ref":"#/components/schemas/S"}}}}},` +
				`"schemas":{"S":{"items":{"$ref":"#/components/schemas/S"},"oneOf":[{"$ref":"#/components/schemas/T"}]},"T":{}},"securitySchemes":{"key":{"type":"http"}}}}`,
		},
	} {
		if got := stripped(t, tc.text); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

// Of answers the statuses and the types of media are left; what requests and
// answers have in common stays for the requests.
func TestHush(t *testing.T) {
	document, err := read([]byte(`{paths: {/a: {parameters: [{schema: {type: string}}], post: {requestBody: {content: {c: {schema: {$ref: '#/components/schemas/S'}}}},
		responses: {'200': {content: {c: {schema: {$ref: '#/components/schemas/S'}}, d: {schema: {$ref: '#/components/schemas/T'}}}}, '201': {$ref: '#/components/responses/R'}, '204': {}}}}},
	  components: {responses: {R: {content: {c: {schema: {$ref: '#/components/schemas/T'}}}}}, schemas: {S: {properties: {responses: {type: object}}}, T: {}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	hush(document)
	prune(document)
	want := `{"paths":{"/a":{"parameters":[{"schema":{"type":"string"}}],"post":{"requestBody":{"content":{"c":{"schema":{"$ref":"#/components/schemas/S"}}}},` +
		`"responses":{"200":{"content":{"c":{},"d":{}}},"201":{"$ref":"#/components/responses/R"},"204":{}}}}},` +
		`"components":{"responses":{"R":{"content":{"c":{}}}},"schemas":{"S":{"properties":{"responses":{"type":"object"}}}}}}`
	if got := compact(t, document); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

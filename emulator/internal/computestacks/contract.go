package computestacks

import (
	_ "embed"
	"sync"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

//go:generate go run ../genopenapi openapi.yaml openapi.yaml.gz openapi.json.gz answers.json.gz contract.json

// checkedJSON validates requests: openapi.yaml without texts, examples and response
// schemas.
//
//go:embed contract.json
var checkedJSON []byte

// answersJSON validates responses: checkedJSON and the schemas of responses.
//
//go:embed answers.json.gz
var answersJSON httpapi.Packed

// contractJSON is openapi.yaml as JSON.
//
//go:embed openapi.json.gz
var contractJSON httpapi.Packed

// contractYAML is openapi.yaml, byte for byte.
//
//go:embed openapi.yaml.gz
var contractYAML httpapi.Packed

// contract is the parsed document, which all emulators of a process share.
//
//nolint:gochecknoglobals // set once, read-only
var contract = sync.OnceValues(func() (*httpapi.Contract, error) { return httpapi.LoadContract(checkedJSON, answersJSON.Text) })

// getOpenAPIJSON returns the document as JSON.
//
//	GET /api/openapi.json
func (a *API) getOpenAPIJSON(*httpapi.Call, struct{}) (httpapi.Raw, error) {
	return document(contractJSON, httpapi.JSONType)
}

// getOpenAPIYAML returns the document as it was written.
//
//	GET /api/openapi.yaml
func (a *API) getOpenAPIYAML(*httpapi.Call, struct{}) (httpapi.Raw, error) {
	return document(contractYAML, "application/yaml")
}

func document(text httpapi.Packed, media string) (httpapi.Raw, error) {
	body, err := text.Text()
	return httpapi.Raw{Type: media, Body: body}, err
}

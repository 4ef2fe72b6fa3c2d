package control

import (
	_ "embed"
	"sync"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// openapi.yaml of this package is written by hand. The copies below are generated from
// it, and a test fails when they differ.
//
//go:generate go run ../genopenapi openapi.yaml openapi.json.gz answers.json.gz contract.json

// checkedJSON validates requests: the document without texts, examples and response
// schemas.
//
//go:embed contract.json
var checkedJSON []byte

// answersJSON validates responses: checkedJSON with response schemas.
//
//go:embed answers.json.gz
var answersJSON httpapi.Packed

// documentJSON is the document. It is served under both names: JSON is YAML, and
// a second copy would only make the binary larger.
//
//go:embed openapi.json.gz
var documentJSON httpapi.Packed

// contract is the parsed document, which all emulators of a process share.
//
//nolint:gochecknoglobals // set once, read-only
var contract = sync.OnceValues(func() (*httpapi.Contract, error) { return httpapi.LoadContract(checkedJSON, answersJSON.Text) })

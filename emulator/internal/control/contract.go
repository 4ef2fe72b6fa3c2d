package control

import (
	_ "embed"
	"sync"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// openapi.yaml of this room is written by hand; the copies below are made of it,
// and a test fails when they are not.
//
//go:generate go run ../genopenapi openapi.yaml openapi.json.gz answers.json.gz contract.json

// checkedJSON is what requests are checked against: the document without texts,
// examples and what answers look like.
//
//go:embed contract.json
var checkedJSON []byte

// answersJSON is what answers are checked against: checkedJSON and what answers
// look like.
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

package skystack

import (
	_ "embed"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// A package can embed neither a file of a parent folder nor a link to one, so
// the contract in the root is copied here, and made JSON, which loads faster.
// What is needed only when it is asked for is compressed. A test fails when the
// copies are not those of the root's document.
//
//go:generate go run ../genopenapi ../../../openapi.yaml openapi.yaml.gz openapi.json.gz answers.json.gz contract.json
//go:generate go run ../gennames ../../../openapi.yaml ../../EVENTS-AND-ERRORS.md names.gen.go

// checkedJSON validates requests: openapi.yaml of the
// repository's root without texts, examples and response schemas.
//
//go:embed contract.json
var checkedJSON []byte

// answersJSON validates responses: checkedJSON and what answers
// look like.
//
//go:embed answers.json.gz
var answersJSON httpapi.Packed

// contractJSON is openapi.yaml of the repository's root as JSON.
//
//go:embed openapi.json.gz
var contractJSON httpapi.Packed

// contractYAML is openapi.yaml of the repository's root, byte for byte.
//
//go:embed openapi.yaml.gz
var contractYAML httpapi.Packed

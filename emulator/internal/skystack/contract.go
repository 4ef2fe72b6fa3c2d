package skystack

import _ "embed"

// A package can embed neither a file of a parent folder nor a link to one, so
// the contract in the root is copied here, and made JSON, which loads faster.
// A test fails when the copies are not those of the root's document.
//
//go:generate go run ../genopenapi ../../../openapi.yaml openapi.yaml openapi.json answers.json contract.json
//go:generate go run ../gennames ../../../openapi.yaml ../../EVENTS-AND-ERRORS.md names.gen.go

// checkedJSON is what requests are checked against: openapi.yaml of the
// repository's root without texts, examples and what answers look like.
//
//go:embed contract.json
var checkedJSON []byte

// answersJSON is what answers are checked against: checkedJSON and what answers
// look like.
//
//go:embed answers.json
var answersJSON []byte

// contractJSON is openapi.yaml of the repository's root as JSON.
//
//go:embed openapi.json
var contractJSON []byte

// contractYAML is openapi.yaml of the repository's root, byte for byte.
//
//go:embed openapi.yaml
var contractYAML []byte

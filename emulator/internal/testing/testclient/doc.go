// Package testclient is the client that oapi-codegen makes of openapi.yaml, for
// the operations a program needs to run a machine. It shows that the contract is
// one that tools can read; only its own test uses it.
package testclient

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config config.yaml ../../../../openapi.yaml

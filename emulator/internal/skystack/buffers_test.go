package skystack_test

import (
	"fmt"
	"testing"

	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// What an instance keeps of a body outlives the buffer the body was read into.
func TestBodiesAreNotShared(t *testing.T) {
	s := wire.Start(t)
	var ids []string
	for n := range 50 {
		r := s.Post("/v1/instances", fmt.Sprintf(`{"name":"web-%02d","region":"eu-central","size":"standard-2","labels":{"n":"label-%02d"},"metadata":{"n":"meta-%02d"},"network":{"subnet":"net-%02d"}}`, n, n, n, n))
		ids = append(ids, r.Wants(201).Text("id"))
	}
	for n, id := range ids {
		s.Get("/v1/instances/"+id).Wants(200).Has("name", fmt.Sprintf("web-%02d", n)).Has("labels.n", fmt.Sprintf("label-%02d", n)).
			Has("metadata.n", fmt.Sprintf("meta-%02d", n)).Has("network.subnet", fmt.Sprintf("net-%02d", n))
	}
}

package computestacks

import "encoding/json"

// nullable is a member that a client may send as null, which clears it.
type nullable[T any] struct {
	sent  bool
	value T
}

// UnmarshalJSON reads a value or null.
func (n *nullable[T]) UnmarshalJSON(text []byte) error {
	var zero T
	n.sent, n.value = true, zero
	return json.Unmarshal(text, &n.value)
}

// setNullable replaces a value by one that was sent, and clears it for null.
func setNullable[T any](to *T, n nullable[T]) {
	if n.sent {
		*to = n.value
	}
}

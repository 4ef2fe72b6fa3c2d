package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// The methods of RFC 7636 by which a challenge follows from a verifier.
const (
	MethodS256  = "S256"
	MethodPlain = "plain"
)

// Challenge is what an authorization request says about the verifier that the client
// keeps. The zero Challenge is that of a client that does not use PKCE.
type Challenge struct {
	Value  string
	Method string
}

// Valid reports whether an authorization request may carry the challenge. A challenge needs
// its method: RFC 7636 would take a missing one for plain, and a client that forgot it would
// be less safe than it believes. A method without a challenge has nothing to apply to and
// is ignored.
func (c Challenge) Valid() bool {
	return c.Value == "" || c.Method == MethodS256 || c.Method == MethodPlain
}

// Verify reports whether the verifier of an exchange belongs to the challenge. A verifier
// for a code that was requested without a challenge is refused: such a code may have been
// injected into the client's session.
func (c Challenge) Verify(verifier string) bool {
	if c.Value == "" || verifier == "" {
		return c.Value == "" && verifier == ""
	}
	switch c.Method {
	case MethodS256:
		return equal(c.Value, S256(verifier))
	case MethodPlain:
		return equal(c.Value, verifier)
	default:
		return false
	}
}

// S256 returns the challenge of a verifier by the method S256.
func S256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// equal compares two secrets in a time that does not depend on where they differ.
func equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

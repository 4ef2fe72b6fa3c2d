package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// The names of the APIs.
const (
	SkyStack      = "skystack"
	ComputeStacks = "computestacks"
)

// ComputeStacksCredentials are what a client of the ComputeStacks API needs.
type ComputeStacksCredentials = computestacks.Credentials

// ComputeStacksCredentialsOf derives the credentials of a workspace from its first key and
// its seed, so that they are known wherever the key is.
func ComputeStacksCredentialsOf(key string, seed uint64) ComputeStacksCredentials {
	text := func(purpose string, n int) string {
		mac := hmac.New(sha256.New, []byte(key))
		fmt.Fprintf(mac, "computestacks/%s/%d", purpose, seed)
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))[:n]
	}
	return ComputeStacksCredentials{
		Username: text("username", 22), Password: text("password", 40), ClientID: text("client id", 43), ClientSecret: text("client secret", 43),
		RedirectURI: "http://127.0.0.1/callback",
	}
}

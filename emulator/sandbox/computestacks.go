package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"

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
		mac.Write([]byte("computestacks/" + purpose + "/" + strconv.FormatUint(seed, 10))) // never fails
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))[:n]
	}
	return ComputeStacksCredentials{
		Username: text("username", 22), Password: text("password", 40), ClientID: text("client id", 43), ClientSecret: text("client secret", 43),
		RedirectURI: "http://127.0.0.1/callback",
	}
}

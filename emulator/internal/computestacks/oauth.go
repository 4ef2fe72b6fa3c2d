package computestacks

import (
	"fmt"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// oauthPrefix begins the paths of the OAuth endpoints.
const oauthPrefix = "/api/oauth/"

// oauthTables are the tables of OAuth: codes, and what an access token was issued for.
type oauthTables struct{}

func (a *API) addOAuthTables(*engine.Schema) {}

func (a *API) oauthOperations() []operation { return nil }

// oauthCodes lists the error codes of RFC 6749 that the endpoints respond with.
func oauthCodes() []string { return nil }

// renderOAuthError renders an error in the form of RFC 6749.
func renderOAuthError(_ *httpapi.RequestContext, err *fail.Error) httpapi.Response {
	body, _ := httpapi.EncodeJSON(map[string]string{"error": err.Code, "error_description": err.Message})
	return httpapi.Response{Status: status(err), Body: body}
}

// endRefreshTokens revokes the refresh tokens of a user.
func (a *API) endRefreshTokens(*engine.Tx, int) {}

// checkApplication refuses redirect URIs and scopes that no application can have.
func checkApplication(redirectURIs, scopes []string) error {
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return fmt.Errorf("scopes: %q is unknown; use some of %s", fail.Clip(s), strings.Join(Scopes(), ", "))
		}
	}
	_ = redirectURIs
	return nil
}

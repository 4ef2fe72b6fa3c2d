// Package oauth has the parts of an OAuth 2.0 authorization server that need no state:
// scopes, redirect URIs, PKCE, client credentials, error codes and the consent page.
//
// Every function is pure. The caller keeps applications, codes and tokens, and decides in
// which order it checks a request.
package oauth

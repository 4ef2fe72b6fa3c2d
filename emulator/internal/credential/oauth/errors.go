package oauth

import (
	"fmt"
	"net/http"
)

// Code is an error code of RFC 6749 or RFC 6750.
type Code string

// The codes that the endpoints respond with.
const (
	InvalidRequest          Code = "invalid_request"
	InvalidClient           Code = "invalid_client"
	InvalidGrant            Code = "invalid_grant"
	InvalidScope            Code = "invalid_scope"
	InvalidToken            Code = "invalid_token"
	UnauthorizedClient      Code = "unauthorized_client"
	UnsupportedGrantType    Code = "unsupported_grant_type"
	UnsupportedResponseType Code = "unsupported_response_type"
	AccessDenied            Code = "access_denied"
)

// Error is an error response of an OAuth endpoint.
type Error struct {
	Code        Code
	Description string
}

// Error implements error.
func (e Error) Error() string { return string(e.Code) + ": " + e.Description }

// Status returns the status of the response.
func (e Error) Status() int {
	switch e.Code {
	case InvalidClient, InvalidToken:
		return http.StatusUnauthorized
	case UnauthorizedClient:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}

// Challenge returns the WWW-Authenticate header of the response.
func (e Error) Challenge(realm string) string {
	return fmt.Sprintf(`Bearer realm="%s", error="%s", error_description="%s"`, realm, e.Code, e.Description)
}

// Refuse returns the error of a code with its usual description.
func Refuse(code Code) Error { return Error{Code: code, Description: code.description()} }

// Missing returns the error of a request that lacks a parameter.
func Missing(parameter string) Error {
	return Error{Code: InvalidRequest, Description: "Missing required parameter: " + parameter + "."}
}

// description returns the sentence that belongs to a code.
func (c Code) description() string {
	switch c {
	case InvalidClient:
		return "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method."
	case InvalidGrant:
		return "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."
	case InvalidScope, UnauthorizedClient:
		return "The requested scope is invalid, unknown, or malformed."
	case InvalidToken:
		return "The access token is invalid"
	case UnsupportedGrantType:
		return "The authorization grant type is not supported by the authorization server."
	case UnsupportedResponseType:
		return "The authorization server does not support this response type."
	case AccessDenied:
		return "The resource owner or authorization server denied the request."
	default:
		return "The request is missing a required parameter, includes an unsupported parameter value, or is otherwise malformed."
	}
}

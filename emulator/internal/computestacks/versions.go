package computestacks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// release is the release of the product whose behavior the sandbox shows.
const release = "6.0.0"

// currentVersion is the version of requests that name none.
const currentVersion = 60

// deprecatedVersions lists the versions that are still served, with a header.
func deprecatedVersions() []int { return []int{51, 52, 53, 54} }

// checkVersion is the stage that reads the version from the Accept header (C2). It runs
// before authentication.
func (a *API) checkVersion(x *httpapi.RequestContext) error {
	accept := strings.Join(x.Request.Header["Accept"], ",")
	_, after, found := strings.Cut(accept, "api_version=")
	digits := after[:len(after)-len(strings.TrimLeft(after, "0123456789"))]
	if !found || digits == "" {
		return nil
	}
	version, err := strconv.Atoi(digits)
	switch {
	case err == nil && version == currentVersion:
		return nil
	case err == nil && slices.Contains(deprecatedVersions(), version):
		x.Version = digits
		return nil
	}
	x.Set("Api-Version-Supported", "false")
	return &fail.Error{
		Kind: fail.Invalid, Code: codeVersion, Message: fmt.Sprintf("You requested an unsupported version (%s)", fail.ClipAt(digits, 20)),
	}
}

type versionBody struct {
	Version   string `json:"version"`
	Latest    string `json:"api_latest_version"`
	Available []int  `json:"api_available_versions"`
}

// getVersion returns the versions of the API.
//
//	GET /api/version
func (a *API) getVersion(*httpapi.Call) (any, error) {
	return versionBody{Version: release, Latest: strconv.Itoa(currentVersion), Available: append(deprecatedVersions(), currentVersion)}, nil
}

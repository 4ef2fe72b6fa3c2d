package skystack

import (
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

type none struct{}

type healthBody struct {
	Status string `json:"status"`
}

// getHealth reports that the process responds (S8, S20).
//
//	GET /healthz
func (a *API) getHealth(*httpapi.Call, none) (healthBody, error) { return healthBody{"ok"}, nil }

type readyBody struct {
	Status  string `json:"status"`
	Fixture string `json:"fixture"`
}

// getReady says that the fixture is loaded. Nothing is served before it is, so
// there is no other response.
//
//	GET /readyz
func (a *API) getReady(*httpapi.Call, none) (readyBody, error) {
	return readyBody{"ready", a.Fixture}, nil
}

type versionBody struct {
	API         string   `json:"api"`
	Version     string   `json:"version"`
	Default     string   `json:"default"`
	Supported   []string `json:"supported"`
	Deprecated  []string `json:"deprecated"`
	Preview     []string `json:"preview"`
	NextResetAt *string  `json:"next_reset_at"`
}

// getVersion lists the versions and says when the data goes (S2, S69, S72).
//
//	GET /v1/version and GET /version
func (a *API) getVersion(c *httpapi.Call, _ none) (versionBody, error) {
	all := supported()
	b := versionBody{API: "v1", Version: a.Build, Default: defaultVersion, Supported: versionNames(all), Deprecated: []string{}, Preview: []string{}}
	for _, v := range all {
		if !v.deprecated.IsZero() {
			b.Deprecated = append(b.Deprecated, v.name)
		}
		if v.preview {
			b.Preview = append(b.Preview, v.name)
		}
	}
	if at := c.Workspace().PeekReset(); !at.IsZero() {
		b.NextResetAt = text(resource.Stamp(at))
	}
	return b, nil
}

// getOpenAPIJSON serves the contract.
//
//	GET /openapi.json
func (a *API) getOpenAPIJSON(*httpapi.Call, none) (httpapi.Raw, error) {
	text, err := contractJSON.Text()
	return httpapi.Raw{Type: httpapi.JSONType, Body: text}, err
}

// getOpenAPIYAML serves the contract as it is written.
//
//	GET /openapi.yaml
func (a *API) getOpenAPIYAML(*httpapi.Call, none) (httpapi.Raw, error) {
	text, err := contractYAML.Text()
	return httpapi.Raw{Type: "application/yaml", Body: text}, err
}

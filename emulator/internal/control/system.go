package control

import (
	"bytes"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// systemHandlers lists the operations of this file.
func (a *API) systemHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("getMetrics", a.getMetrics),
		handle("getCA", a.getCA),
		handle("getOpenAPIJSON", a.getOpenAPIJSON),
		handle("getOpenAPIYAML", a.getOpenAPIYAML),
	}
}

// getMetrics writes all metrics.
//
//	GET /_sandbox/metrics
func (a *API) getMetrics(*call, noInput) (httpapi.Raw, error) {
	var b bytes.Buffer
	if err := a.Server.Metrics(&b); err != nil {
		return httpapi.Raw{}, &fail.Error{Kind: fail.Unavailable, Code: "unavailable", Message: "The metrics cannot be collected now.", Cause: err}
	}
	return httpapi.Raw{Type: "text/plain; version=0.0.4; charset=utf-8", Body: b.Bytes()}, nil
}

// getCA serves the certificate that clients of the HTTPS listener must trust.
//
//	GET /_sandbox/ca.pem
func (a *API) getCA(*call, noInput) (httpapi.Raw, error) {
	pem := a.Server.CA()
	if len(pem) == 0 {
		return httpapi.Raw{}, fail.New(fail.NotFound, "no_https", "The sandbox has no certificate of its own making to trust: it serves no HTTPS, or with a certificate it was given.")
	}
	return httpapi.Raw{Type: "application/x-pem-file", Body: pem}, nil
}

// getOpenAPIJSON serves the contract of this API.
//
//	GET /_sandbox/openapi.json
func (a *API) getOpenAPIJSON(*call, noInput) (httpapi.Raw, error) {
	text, err := documentJSON.Text()
	return httpapi.Raw{Type: httpapi.JSONType, Body: text}, err
}

// getOpenAPIYAML serves the contract as YAML, which JSON is.
//
//	GET /_sandbox/openapi.yaml
func (a *API) getOpenAPIYAML(*call, noInput) (httpapi.Raw, error) {
	text, err := documentJSON.Text()
	return httpapi.Raw{Type: "application/yaml", Body: text}, err
}

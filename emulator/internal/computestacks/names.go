package computestacks

import (
	"net/http"
	"slices"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// RequestNames returns the names that requests to the API can have.
func (a *API) RequestNames() (resource.RequestNames, error) {
	c, err := contract()
	if err != nil {
		return resource.RequestNames{}, err
	}
	n := resource.RequestNames{Codes: ErrorCodes(), Statuses: append(c.Statuses(), errorStatuses()...)}
	n.Methods = []string{http.MethodPut} // which reaches operations of PATCH
	for _, op := range c.Operations {
		n.Operations, n.Methods = append(n.Operations, op.ID), append(n.Methods, op.Method)
	}
	return n, nil
}

// errorStatuses lists the statuses of errors.
func errorStatuses() []int {
	out := []int{http.StatusBadRequest}
	for _, kind := range fail.Kinds() {
		out = append(out, status(&fail.Error{Kind: kind}))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

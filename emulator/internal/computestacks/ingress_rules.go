package computestacks

import (
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// findRule returns the ingress rule with an id, of a project that the caller uses.
func (a *API) findRule(c *httpapi.Call, id string) (IngressRule, error) {
	r, ok := get(c.Tx, a.rules, idOf(id))
	if !ok || !a.usesProject(c, r.ProjectID, r.UserID) {
		return r, notFound("Your account does not have the required permissions to access this resource.")
	}
	return r, nil
}

// getRule returns an ingress rule.
//
//	GET /api/networks/ingress_rules/{id}
func (a *API) getRule(c *httpapi.Call) (any, error) {
	r, err := a.findRule(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return one("ingress_rule", a.ruleBody(c.Tx, r)), nil
}

// ruleInput are the members of an ingress rule that a client may set.
type ruleInput struct {
	ServiceID      int     `json:"container_service_id"`
	Port           *int    `json:"port"`
	Proto          *string `json:"proto"`
	ExternalAccess *bool   `json:"external_access"`
	TCPProxyOpt    *string `json:"tcp_proxy_opt"`
	BackendSSL     *bool   `json:"backend_ssl"`
	RestrictCF     *bool   `json:"restrict_cf"`
	TCPLB          *bool   `json:"tcp_lb"`
}

// setRule sets the members that were sent, and returns what is wrong with the rule.
func (a *API) setRule(c *httpapi.Call, s Service, r *IngressRule, in ruleInput) error {
	before := r.Proto
	set(&r.Port, in.Port)
	set(&r.Proto, in.Proto)
	set(&r.ExternalAccess, in.ExternalAccess)
	set(&r.TCPProxyOpt, in.TCPProxyOpt)
	set(&r.BackendSSL, in.BackendSSL)
	set(&r.RestrictCF, in.RestrictCF)
	set(&r.TCPLB, in.TCPLB)
	if r.Proto != before {
		r.PortNAT = 0
	}
	for _, other := range byIDs(c.Tx, a.rules, s.IngressRules) {
		if other.ID != r.ID && other.Port == r.Port && other.Proto == r.Proto {
			return unprocessable("Port has already been taken")
		}
	}
	return nil
}

// createRule opens a port of a service.
//
//	POST /api/networks/ingress_rules
func (a *API) createRule(c *httpapi.Call) (any, error) {
	var in ruleInput
	if err := c.DecodeMember("ingress_rule", &in); err != nil {
		return nil, err
	}
	s, ok := get(c.Tx, a.services, in.ServiceID)
	if !ok || !a.usesProject(c, s.ProjectID, s.UserID) {
		return nil, notFound("Unknown container service")
	}
	r := IngressRule{ServiceID: s.ID, Proto: "http", TCPProxyOpt: "none", TCPLB: true}
	if err := a.setRule(c, s, &r, in); err != nil {
		return nil, err
	}
	return one("ingress_rule", a.ruleBody(c.Tx, a.newRule(c.Tx, r))), nil
}

// updateRule changes an ingress rule.
//
//	PATCH /api/networks/ingress_rules/{id}
func (a *API) updateRule(c *httpapi.Call) (any, error) {
	r, err := a.findRule(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in ruleInput
	if err := c.DecodeMember("ingress_rule", &in); err != nil {
		return nil, err
	}
	if err := a.setRule(c, row(c.Tx, a.services, r.ServiceID), &r, in); err != nil {
		return nil, err
	}
	r.UpdatedAt = c.Now()
	return one("ingress_rule", a.ruleBody(c.Tx, a.openRule(c.Tx, r))), nil
}

// deleteRule deletes an ingress rule with its domains.
//
//	DELETE /api/networks/ingress_rules/{id}
func (a *API) deleteRule(c *httpapi.Call) (any, error) {
	r, err := a.findRule(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	a.removeRule(c.Tx, r.ID)
	return empty{}, nil
}

// listRuleDomains returns the domains that lead to an ingress rule.
//
//	GET /api/networks/ingress_rules/{id}/domains
func (a *API) listRuleDomains(c *httpapi.Call) (any, error) {
	r, err := a.findRule(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return listOf(c, "domains", byIDs(c.Tx, a.domains, r.Domains), showDomain), nil
}

// toggleNAT turns the access from outside on or off, by the port that the rule has there.
//
//	POST /api/networks/ingress_rules/{id}/toggle_nat
func (a *API) toggleNAT(c *httpapi.Call) (any, error) {
	r, err := a.findRule(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if r.Proto == "http" || r.Proto == "https" {
		return nil, unprocessable()
	}
	r.ExternalAccess, r.UpdatedAt = r.PortNAT == 0, c.Now()
	return one("ingress_rule", a.ruleBody(c.Tx, a.openRule(c.Tx, r))), nil
}

package computestacks

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// findDomain returns the domain with an id, of the user or of a project that the user
// shares.
func (a *API) findDomain(c *httpapi.Call, id string) (Domain, error) {
	d, ok := get(c.Tx, a.domains, idOf(id))
	if !ok || !a.usesProject(c, d.ProjectID, d.UserID) {
		return d, notFound("Unknown Domain")
	}
	return d, nil
}

// listDomains returns the domains of the user.
//
//	GET /api/domains
func (a *API) listDomains(c *httpapi.Call) (any, error) {
	sees := a.sight(c)
	l := resource.List[Domain]{Table: a.domains, Keep: func(d Domain) bool { return d.UserID == sees.user && sees.project(d.ProjectID, d.UserID) }}
	return pageOfTable(c, "domains", l, showDomain)
}

// getDomain returns a domain.
//
//	GET /api/domains/{id}
func (a *API) getDomain(c *httpapi.Call) (any, error) {
	d, err := a.findDomain(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return one("domain", a.domainBody(c.Tx, d)), nil
}

var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// wrongDomain says what is wrong with a domain; "" if nothing is. Names below the domain
// of a load balancer belong to the system.
func wrongDomain(name string) string {
	switch {
	case len(name) > 253 || !domainName.MatchString(name):
		return "Domain is an invalid domain."
	case strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".internal"):
		return "Domain is a reserved domain name."
	}
	return ""
}

// reserved reports whether a domain lies below that of a load balancer.
func (a *API) reserved(tx *engine.Tx, name string) bool {
	for r := range a.balancers.After(tx, 0) {
		if name == r.Value.Domain || strings.HasSuffix(name, "."+r.Value.Domain) {
			return true
		}
	}
	return false
}

// domainTaken reports whether another domain than the one with the id has a name.
func (a *API) domainTaken(tx *engine.Tx, name string, id int) bool {
	for r := range a.domains.After(tx, 0) {
		if r.Value.Name == name && r.Value.ID != id {
			return true
		}
	}
	return a.reserved(tx, name)
}

// domainInput are the members of a domain that a client may set.
type domainInput struct {
	Name      *string `json:"domain"`
	RuleID    *int    `json:"ingress_rule_id"`
	LEEnabled *bool   `json:"le_enabled"`
	HSTS      *bool   `json:"header_hsts"`
}

// setDomain sets the members that were sent, and returns what is wrong with the domain.
func (a *API) setDomain(c *httpapi.Call, d *Domain, in domainInput) error {
	if in.Name != nil {
		d.Name = strings.ToLower(strings.TrimSpace(*in.Name))
	}
	set(&d.RuleID, in.RuleID)
	set(&d.LEEnabled, in.LEEnabled)
	set(&d.HSTS, in.HSTS)
	r, ok := get(c.Tx, a.rules, d.RuleID)
	if !ok || !a.usesProject(c, r.ProjectID, r.UserID) {
		return unprocessable("missing domain route")
	}
	switch wrong := wrongDomain(d.Name); {
	case wrong != "":
		return unprocessable(wrong)
	case a.reserved(c.Tx, d.Name):
		return unprocessable("Domain is a reserved domain name.")
	case a.domainTaken(c.Tx, d.Name, d.ID):
		return unprocessable("Domain has already been taken")
	}
	return nil
}

// createDomain lets a domain lead to an ingress rule.
//
//	POST /api/domains
func (a *API) createDomain(c *httpapi.Call) (any, error) {
	var in domainInput
	if err := c.DecodeMember("domain", &in); err != nil {
		return nil, err
	}
	d := Domain{LetsEncrypt: "inactive"}
	if err := a.setDomain(c, &d, in); err != nil {
		return nil, err
	}
	d = a.issue(c.Tx, a.newDomain(c.Tx, d), a.userID(c), c.Address())
	return one("domain", a.domainBody(c.Tx, d)), nil
}

// updateDomain changes a domain.
//
//	PATCH /api/domains/{id}
func (a *API) updateDomain(c *httpapi.Call) (any, error) {
	d, err := a.findDomain(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in domainInput
	if err := c.DecodeMember("domain", &in); err != nil {
		return nil, err
	}
	if d.System {
		return nil, unprocessable("Can't update system domains.")
	}
	before := d
	if err := a.setDomain(c, &d, in); err != nil {
		return nil, err
	}
	d.UpdatedAt = c.Now()
	if d.RuleID != before.RuleID {
		a.moveDomain(c.Tx, &d, before)
	}
	if d.Name != before.Name { // a certificate names the other one
		a.endValidation(c.Tx, before)
		d.LetsEncrypt = "inactive"
	}
	put(c.Tx, a.domains, d.ID, d)
	d = a.issue(c.Tx, d, a.userID(c), c.Address())
	return one("domain", a.domainBody(c.Tx, d)), nil
}

// moveDomain makes a domain lead to another ingress rule.
func (a *API) moveDomain(tx *engine.Tx, d *Domain, before Domain) {
	old, next := row(tx, a.rules, before.RuleID), row(tx, a.rules, d.RuleID)
	old.Domains = without(old.Domains, d.ID)
	put(tx, a.rules, old.ID, old)
	next.Domains = append(slices.Clip(next.Domains), d.ID)
	put(tx, a.rules, next.ID, next)
	if next.ServiceID == before.ServiceID {
		return
	}
	from, to := row(tx, a.services, before.ServiceID), row(tx, a.services, next.ServiceID)
	from.Domains = without(from.Domains, d.ID)
	if from.MasterDomain == d.ID {
		from.MasterDomain = 0
	}
	put(tx, a.services, from.ID, from)
	to.Domains = append(slices.Clip(to.Domains), d.ID)
	put(tx, a.services, to.ID, to)
	d.ServiceID, d.ProjectID, d.UserID = to.ID, to.ProjectID, to.UserID
}

// validateCode is the event code of the validation of a domain by Let's Encrypt.
const validateCode = "971c02e9e85ad118"

// issue begins to get a certificate for a domain that wants one, or takes it away from one
// that does not, and returns the domain.
func (a *API) issue(tx *engine.Tx, d Domain, user int, ip string) Domain {
	switch {
	case !d.LEEnabled:
		a.endValidation(tx, d)
		d.LetsEncrypt = "inactive"
	case d.LetsEncrypt == "inactive":
		d.LetsEncrypt = pending
		s := row(tx, a.services, d.ServiceID)
		a.begin(tx, work{
			locale: "lets_encrypt.validate", description: "[" + s.Label + "] Validating Domain " + d.Name + ".", payload: strconv.Itoa(d.ID), user: user, ip: ip,
			projects: []int{d.ProjectID}, services: []int{d.ServiceID},
		})
	}
	put(tx, a.domains, d.ID, d)
	return d
}

// endValidation cancels the validation of a domain that is under way.
func (a *API) endValidation(tx *engine.Tx, d Domain) {
	for _, e := range a.activeEvents(tx, "service", d.ServiceID) {
		if e.Code == validateCode && e.Payload == strconv.Itoa(d.ID) {
			a.end(tx, e, cancelled, "The domain was changed.")
		}
	}
}

// domainEffect gives a domain its certificate.
func (a *API) domainEffect() effect {
	return effect{code: validateCode, fast: 6 * time.Second, realistic: 60 * time.Second, finish: func(tx *engine.Tx, e EventLog) error {
		d, ok := get(tx, a.domains, idOf(e.Payload))
		if !ok || !d.LEEnabled {
			return cancels("The domain needs no certificate any more.")
		}
		d.LetsEncrypt, d.UpdatedAt = "active", tx.Now()
		put(tx, a.domains, d.ID, d)
		return nil
	}}
}

// deleteDomain deletes a domain.
//
//	DELETE /api/domains/{id}
func (a *API) deleteDomain(c *httpapi.Call) (any, error) {
	d, err := a.findDomain(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if d.System {
		return nil, unprocessable("Can't remove system domains.")
	}
	a.removeDomain(c.Tx, d.ID)
	return empty{}, nil
}

// verifyDomain checks that a domain leads to the load balancer of its service. The sandbox
// asks no name server: a domain below a zone of the workspace with an address record for
// the balancer does, and no other.
//
//	POST /api/domains/{id}/verify_dns
func (a *API) verifyDomain(c *httpapi.Call) (any, error) {
	d, err := a.findDomain(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	r := row(c.Tx, a.rules, d.RuleID)
	lb, _ := a.balancerOf(c.Tx, r.RegionID)
	if d.System || a.resolves(c.Tx, d.Name, lb.PublicIP) {
		return empty{}, nil
	}
	return nil, unprocessable("Error! Ensure " + fail.Clip(d.Name) + " points to: " + lb.PublicIP + ".")
}

// resolves reports whether a zone of the workspace gives a name an address.
func (a *API) resolves(tx *engine.Tx, name, ip string) bool {
	for z := range a.zones.After(tx, 0) {
		if name != z.Value.Name && !strings.HasSuffix(name, "."+z.Value.Name) {
			continue
		}
		for _, r := range z.Value.Records {
			if r.Type == "A" && r.Data["ip"] == ip {
				return true
			}
		}
	}
	return false
}

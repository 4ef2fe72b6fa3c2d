package computestacks

import (
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// networkOperations lists the operations of registries, domains, ingress rules, volumes,
// zones and load balancers.
func (a *API) networkOperations() []operation {
	return []operation{
		{"listContainerRegistries", a.listRegistries},
		{"createContainerRegistry", a.createRegistry},
		{"getContainerRegistry", a.getRegistry},
		{"updateContainerRegistry", a.updateRegistry},
		{"deleteContainerRegistry", a.deleteRegistry},
		{"listDomains", a.listDomains},
		{"createDomain", a.createDomain},
		{"getDomain", a.getDomain},
		{"updateDomain", a.updateDomain},
		{"deleteDomain", a.deleteDomain},
		{"verifyDomain", a.verifyDomain},
		{"createIngressRule", a.createRule},
		{"getIngressRule", a.getRule},
		{"updateIngressRule", a.updateRule},
		{"deleteIngressRule", a.deleteRule},
		{"listIngressRuleDomains", a.listRuleDomains},
		{"toggleNAT", a.toggleNAT},
		{"listVolumes", a.listVolumes},
		{"getVolume", a.getVolume},
		{"listBackups", a.listBackups},
		{"createBackup", a.createBackup},
		{"restoreBackup", a.restoreBackup},
		{"listZones", a.listZones},
		{"getZone", a.getZone},
		{"listLoadBalancers", a.listBalancers},
		{"getLoadBalancer", a.getBalancer},
	}
}

// networkEffects lists the work of domains and volumes.
func (a *API) networkEffects() map[string]effect {
	return map[string]effect{"lets_encrypt.validate": a.domainEffect(), "volume.backup": a.backupEffect(), "volume.restore": a.restoreEffect()}
}

type zoneSummary struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func showZone(z Zone) zoneSummary {
	return zoneSummary{z.ID, z.Name, stamp(z.CreatedAt), stamp(z.UpdatedAt)}
}

type zoneBody struct {
	zoneSummary
	Records map[string][]map[string]any `json:"records"`
}

// recordTypes lists the types of records that a zone shows.
func recordTypes() []string {
	return []string{"A", "AAAA", "CAA", "CNAME", "DS", "HINFO", "MX", "NAPTR", "NS", "PTR", "SRV", "SOA", "SSHFP", "TLSA", "TXT"}
}

// zoneBody renders a zone with its records (C106).
func (a *API) zoneBody(z Zone) zoneBody {
	b := zoneBody{showZone(z), map[string][]map[string]any{}}
	for _, t := range recordTypes() {
		b.Records[t] = []map[string]any{}
	}
	for _, r := range z.Records {
		item := map[string]any{"ttl": r.TTL, "zone_id": z.Name, "type": r.Type, "name": r.Name}
		for name, value := range r.Data {
			item[name] = value
		}
		b.Records[r.Type] = append(b.Records[r.Type], item)
	}
	return b
}

// listZones returns the zones that the caller uses.
//
//	GET /api/zones
func (a *API) listZones(c *httpapi.Call) (any, error) {
	rows := rowsOf(c.Tx, a.zones, func(z Zone) bool { return a.uses(c, ofZone, z.ID, z.UserID) })
	return listOf(c, "zones", rows, showZone), nil
}

// getZone returns a zone.
//
//	GET /api/zones/{id}
func (a *API) getZone(c *httpapi.Call) (any, error) {
	z, ok := get(c.Tx, a.zones, idOf(c.Param("id")))
	if !ok || !a.uses(c, ofZone, z.ID, z.UserID) {
		return nil, notFound("Unknown zone")
	}
	return one("zone", a.zoneBody(z)), nil
}

// ownBalancers returns the load balancers of the services of the caller.
func (a *API) ownBalancers(c *httpapi.Call) []LoadBalancer {
	regions := map[int]bool{}
	for s := range a.services.After(c.Tx, 0) {
		if !regions[s.Value.RegionID] && a.usesProject(c, s.Value.ProjectID, s.Value.UserID) {
			regions[s.Value.RegionID] = true
		}
	}
	return rowsOf(c.Tx, a.balancers, func(lb LoadBalancer) bool { return regions[lb.RegionID] })
}

// listBalancers returns the load balancers of the services of the caller.
//
//	GET /api/load_balancers
func (a *API) listBalancers(c *httpapi.Call) (any, error) {
	return listOf(c, "load_balancers", a.ownBalancers(c), a.balancerBody), nil
}

// getBalancer returns a load balancer of the services of the caller.
//
//	GET /api/load_balancers/{id}
func (a *API) getBalancer(c *httpapi.Call) (any, error) {
	for _, lb := range a.ownBalancers(c) {
		if lb.ID == idOf(c.Param("id")) {
			return one("load_balancer", a.balancerBody(lb)), nil
		}
	}
	return nil, notFound("Unknown load balancer")
}

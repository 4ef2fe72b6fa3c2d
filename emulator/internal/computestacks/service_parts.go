package computestacks

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// getServiceLogs returns lines of the containers of a service.
//
//	GET /api/container_services/{id}/logs
func (a *API) getServiceLogs(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return logsOf(c, byIDs(c.Tx, a.containers, s.Containers)), nil
}

// listSettings returns the settings of a service.
//
//	GET /api/container_services/{id}/metadata
func (a *API) listSettings(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return listOf(c, "metadata", byName(slices.Clone(s.Settings), func(s Setting) string { return s.Name }), showSetting), nil
}

// getSetting returns a setting of a service.
//
//	GET /api/container_services/{id}/metadata/{metadatum_id}
func (a *API) getSetting(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	for _, of := range s.Settings {
		if of.ID == idOf(c.Param("metadatum_id")) {
			return one("metadatum", showSetting(of)), nil
		}
	}
	return nil, notFound("Unknown setting")
}

// listServiceRules returns the ingress rules of a service.
//
//	GET /api/container_services/{id}/ingress_rules
func (a *API) listServiceRules(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return listOf(c, "ingress_rules", byIDs(c.Tx, a.rules, s.IngressRules), func(r IngressRule) ruleBody { return a.ruleBody(c.Tx, r) }), nil
}

// serviceBastions returns the bastions of a service: those of its project, if it has a
// volume that they give access to.
func (a *API) serviceBastions(c *httpapi.Call, s Service) []Bastion {
	if !a.hasSFTP(c.Tx, s) {
		return nil
	}
	return byIDs(c.Tx, a.bastions, row(c.Tx, a.projects, s.ProjectID).Bastions)
}

// listServiceBastions returns the bastions of a service.
//
//	GET /api/container_services/{id}/bastions
func (a *API) listServiceBastions(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return listOf(c, "bastions", a.serviceBastions(c, s), a.bastionBody), nil
}

// getServiceBastion returns a bastion of a service.
//
//	GET /api/container_services/{id}/bastions/{bastion_id}
func (a *API) getServiceBastion(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	for _, b := range a.serviceBastions(c, s) {
		if b.ID == idOf(c.Param("bastion_id")) {
			return a.bastionDetail(c.Tx, b), nil
		}
	}
	return nil, notFound("Unknown sftp container")
}

// listServiceContainers returns the containers of a service.
//
//	GET /api/container_services/{id}/containers
func (a *API) listServiceContainers(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return listOf(c, "containers", byIDs(c.Tx, a.containers, s.Containers), func(k Container) containerBody { return a.containerBody(c.Tx, k) }), nil
}

// listServiceEvents returns the events of a service, newest first.
//
//	GET /api/container_services/{id}/events
func (a *API) listServiceEvents(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return listOf(c, "events", newestFirst(a.eventsOf(c.Tx, "service", s.ID)), func(e EventLog) eventBody { return a.eventBody(c.Tx, e) }), nil
}

// getServiceEvent returns an event of a service.
//
//	GET /api/container_services/{id}/events/{event_id}
func (a *API) getServiceEvent(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	e, ok := get(c.Tx, a.events, idOf(c.Param("event_id")))
	if !ok || !slices.Contains(e.Services, s.ID) {
		return nil, notFound("Unknown event log")
	}
	return one("event_log", a.eventDetailBody(c.Tx, e)), nil
}

// listServiceBalancers returns the load balancer of a service.
//
//	GET /api/container_services/{id}/load_balancers
func (a *API) listServiceBalancers(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var all []LoadBalancer
	if lb, ok := a.balancerOf(c.Tx, s.RegionID); ok {
		all = append(all, lb)
	}
	return listOf(c, "load_balancers", all, a.balancerBody), nil
}

// getServiceBalancer returns the load balancer of a service, whatever the id says.
//
//	GET /api/container_services/{id}/load_balancers/{balancer_id}
func (a *API) getServiceBalancer(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	lb, ok := a.balancerOf(c.Tx, s.RegionID)
	if !ok {
		return nil, notFound("Unknown load balancer")
	}
	return one("load_balancer", a.balancerBody(lb)), nil
}

type certificateBody struct {
	ID        int    `json:"id"`
	Serial    string `json:"cert_serial"`
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject"`
	NotBefore string `json:"not_before"`
	NotAfter  string `json:"not_after"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func showCertificate(c Certificate) certificateBody {
	return certificateBody{c.ID, c.Serial, c.Issuer, c.Subject, stamp(c.NotBefore), stamp(c.NotAfter), stamp(c.CreatedAt), stamp(c.UpdatedAt)}
}

// listCertificates returns the certificates of a service.
//
//	GET /api/container_services/{id}/ssl
func (a *API) listCertificates(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return listOf(c, "certificates", s.Certificates, showCertificate), nil
}

// getCertificate returns a certificate of a service.
//
//	GET /api/container_services/{id}/ssl/{certificate_id}
func (a *API) getCertificate(c *httpapi.Call) (any, error) {
	s, n, err := a.certificate(c)
	if err != nil {
		return nil, err
	}
	return one("certificate", showCertificate(s.Certificates[n])), nil
}

// certificate returns the service and the place of the certificate that a request names.
func (a *API) certificate(c *httpapi.Call) (s Service, n int, err error) {
	if s, err = a.findService(c, c.Param("id")); err != nil {
		return s, 0, err
	}
	n = slices.IndexFunc(s.Certificates, func(of Certificate) bool { return of.ID == idOf(c.Param("certificate_id")) })
	if n < 0 {
		return s, 0, notFound("Unknown certificate")
	}
	return s, n, nil
}

// createCertificate adds a certificate to a service.
//
//	POST /api/container_services/{id}/ssl
func (a *API) createCertificate(c *httpapi.Call) (any, error) {
	s, err := a.findService(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Certificate string `json:"crt"`
		Key         string `json:"pkey"`
		CA          string `json:"ca"`
	}
	if err := c.DecodeMember("certificate", &in); err != nil {
		return nil, err
	}
	made, err := readCertificate(in.Certificate, in.Key, in.CA)
	if err != nil {
		return nil, err
	}
	serial := made.SerialNumber.Text(16)
	for r := range a.services.After(c.Tx, 0) {
		if slices.ContainsFunc(r.Value.Certificates, func(of Certificate) bool { return of.Serial == serial }) {
			return nil, badRequest("Cert serial has already been taken")
		}
	}
	s.Certificates = append(slices.Clip(s.Certificates), Certificate{
		ID: newID(c.Tx, "certificate"), Serial: serial, Issuer: made.Issuer.String(), Subject: made.Subject.String(), NotBefore: made.NotBefore, NotAfter: made.NotAfter,
		CreatedAt: c.Now(), UpdatedAt: c.Now(),
	})
	put(c.Tx, a.services, s.ID, s)
	return empty{}, nil
}

// readCertificate reads a certificate and checks its key and its authority.
func readCertificate(crt, key, ca string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(crt))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, badRequest("Not a valid certificate")
	}
	made, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, badRequest("Not a valid certificate")
	}
	if _, err := tls.X509KeyPair([]byte(crt), []byte(key)); err != nil {
		return nil, badRequest("Private key does not match supplied certificate.")
	}
	if strings.TrimSpace(ca) == "" {
		return made, nil
	}
	for rest := []byte(ca); ; {
		if block, rest = pem.Decode(rest); block == nil {
			return nil, badRequest("Certificate is not signed by the supplied CA certificate")
		}
		if authority, err := x509.ParseCertificate(block.Bytes); err == nil && made.CheckSignatureFrom(authority) == nil {
			return made, nil
		}
	}
}

// deleteCertificate removes a certificate of a service.
//
//	DELETE /api/container_services/{id}/ssl/{certificate_id}
func (a *API) deleteCertificate(c *httpapi.Call) (any, error) {
	s, n, err := a.certificate(c)
	if err != nil {
		return nil, err
	}
	s.Certificates = slices.Delete(slices.Clone(s.Certificates), n, n+1)
	put(c.Tx, a.services, s.ID, s)
	return empty{}, nil
}

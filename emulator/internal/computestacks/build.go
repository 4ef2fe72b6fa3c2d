package computestacks

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Constructors and removers of what orders make. They give ids, names, addresses and
// times, and keep the lists of the rows that an object belongs to. Callers have checked
// what they are given.

// newProject adds a project.
func (a *API) newProject(tx *engine.Tx, p Project) Project {
	p.ID, p.Status, p.CreatedAt, p.UpdatedAt = newID(tx, "project"), "ok", tx.Now(), tx.Now()
	put(tx, a.projects, p.ID, p)
	return p
}

// newService adds a service to its project.
func (a *API) newService(tx *engine.Tx, s Service) Service {
	p := row(tx, a.projects, s.ProjectID)
	s.ID, s.CreatedAt, s.UpdatedAt = newID(tx, "service"), tx.Now(), tx.Now()
	s.UserID, s.RegionID = p.UserID, p.RegionID
	s.Name = inventName(tx) + strconv.Itoa(p.ID)
	for i := range s.Settings {
		s.Settings[i].ID, s.Settings[i].CreatedAt, s.Settings[i].UpdatedAt = newID(tx, "setting"), tx.Now(), tx.Now()
	}
	put(tx, a.services, s.ID, s)
	p.Services = append(slices.Clip(p.Services), s.ID)
	put(tx, a.projects, p.ID, p)
	return s
}

// newContainer adds a container that is not built yet to a service, with its
// subscription.
func (a *API) newContainer(tx *engine.Tx, service int) Container {
	s := row(tx, a.services, service)
	product := row(tx, a.products, s.ProductID)
	k := Container{
		ID: newID(tx, "container"), ServiceID: s.ID, ProjectID: s.ProjectID, UserID: s.UserID, ReqState: running, Status: pending,
		CPU: product.CPU, Memory: product.Memory, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	if product.ID == 0 { // a free image
		image := row(tx, a.images, s.ImageID)
		k.CPU, k.Memory = max(image.MinCPU, 0.5), max(image.MinMemory, 256)
	}
	k.Name = s.Name + "-" + strconv.Itoa(k.ID)
	k.LocalIP = fmt.Sprintf("10.100.%d.%d", k.ID/250%250, 2+k.ID%250)
	if lb, ok := a.balancerOf(tx, s.RegionID); ok {
		k.PublicIP = lb.PublicIP
	}
	if region, _, ok := a.region(tx, s.RegionID); ok && len(region.Nodes) > 0 {
		k.NodeID = region.Nodes[k.ID%len(region.Nodes)].ID
	}
	k.SubscriptionID = a.newSubscription(tx, k, s).ID
	a.countContainers(tx, k.UserID, 1)
	put(tx, a.containers, k.ID, k)
	s.Containers = append(slices.Clip(s.Containers), k.ID)
	put(tx, a.services, s.ID, s)
	return k
}

// newSubscription adds the active subscription of a new container.
func (a *API) newSubscription(tx *engine.Tx, k Container, s Service) Subscription {
	sub := Subscription{
		ID: newID(tx, "subscription"), UserID: s.UserID, Label: k.Name, Active: true, ContainerID: k.ID, ServiceID: s.ID, ProductID: s.ProductID,
		PhaseID: newID(tx, "subscription_product"), CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	sub.Events = []BillingEvent{{ID: newID(tx, "billing_event"), ToStatus: "active", ToPhase: "final", ToQuantity: 1, DestProduct: s.ProductID, CreatedAt: tx.Now()}}
	put(tx, a.subscriptions, sub.ID, sub)
	return sub
}

// endSubscription ends a subscription.
func (a *API) endSubscription(tx *engine.Tx, id int) {
	sub, ok := get(tx, a.subscriptions, id)
	if !ok || !sub.Active {
		return
	}
	sub.Active, sub.EndedAt, sub.UpdatedAt = false, tx.Now(), tx.Now()
	sub.Events = append(slices.Clip(sub.Events), BillingEvent{ID: newID(tx, "billing_event"), FromStatus: "active", ToStatus: "inactive", CreatedAt: tx.Now()})
	put(tx, a.subscriptions, id, sub)
}

// The ports that ingress rules get for access from outside.
const (
	firstNATPort = 10000
	lastNATPort  = 30000
)

// newRule adds an ingress rule to its service, with a port for access from outside, or a
// domain of the system, where it needs them.
func (a *API) newRule(tx *engine.Tx, r IngressRule) IngressRule {
	s := row(tx, a.services, r.ServiceID)
	r.ID, r.CreatedAt, r.UpdatedAt = newID(tx, "ingress_rule"), tx.Now(), tx.Now()
	r.ProjectID, r.UserID, r.RegionID = s.ProjectID, s.UserID, s.RegionID
	put(tx, a.rules, r.ID, r)
	s.IngressRules = append(slices.Clip(s.IngressRules), r.ID)
	put(tx, a.services, s.ID, s)
	return a.openRule(tx, r)
}

// openRule gives a rule with external access its port, or takes the port of one without,
// and adds the domain of the system. It stores the rule and returns it.
func (a *API) openRule(tx *engine.Tx, r IngressRule) IngressRule {
	switch {
	case !r.ExternalAccess:
		r.PortNAT = 0
	case r.PortNAT == 0 && (r.Proto == "tcp" || r.Proto == "tls" || r.Proto == "udp"):
		r.PortNAT = a.freePort(tx, r)
	}
	put(tx, a.rules, r.ID, r)
	if r.ExternalAccess && r.Proto != "udp" && !slices.ContainsFunc(byIDs(tx, a.domains, r.Domains), func(d Domain) bool { return d.System }) {
		if lb, ok := a.balancerOf(tx, r.RegionID); ok {
			s := row(tx, a.services, r.ServiceID)
			a.newDomain(tx, Domain{RuleID: r.ID, Name: s.Name + strconv.Itoa(r.ID) + "." + lb.Domain, System: true, LetsEncrypt: "inactive"})
		}
	}
	return row(tx, a.rules, r.ID)
}

// freePort draws a port that no other rule of the region and protocol has.
func (a *API) freePort(tx *engine.Tx, r IngressRule) int {
	used := map[int]bool{}
	for other := range a.rules.After(tx, 0) {
		if o := other.Value; o.RegionID == r.RegionID && o.Proto == r.Proto {
			used[o.PortNAT] = true
		}
	}
	random := tx.Rand(prefix + "port")
	port := firstNATPort + random.IntN(lastNATPort-firstNATPort+1)
	for range lastNATPort - firstNATPort {
		if !used[port] {
			break
		}
		if port++; port > lastNATPort {
			port = firstNATPort
		}
	}
	return port
}

// newDomain adds a domain to its ingress rule and service.
func (a *API) newDomain(tx *engine.Tx, d Domain) Domain {
	r := row(tx, a.rules, d.RuleID)
	s := row(tx, a.services, r.ServiceID)
	d.ID, d.CreatedAt, d.UpdatedAt = newID(tx, "domain"), tx.Now(), tx.Now()
	d.ServiceID, d.ProjectID, d.UserID = s.ID, s.ProjectID, s.UserID
	put(tx, a.domains, d.ID, d)
	r.Domains = append(slices.Clip(r.Domains), d.ID)
	put(tx, a.rules, r.ID, r)
	s.Domains = append(slices.Clip(s.Domains), d.ID)
	put(tx, a.services, s.ID, s)
	return d
}

// newVolume adds a volume to its service, as the image describes it.
func (a *API) newVolume(tx *engine.Tx, service int, p VolumeParam) Volume {
	s := row(tx, a.services, service)
	v := Volume{
		ID: newID(tx, "volume"), UserID: s.UserID, ServiceID: s.ID, ProjectID: s.ProjectID, RegionID: s.RegionID, Name: newUUID(tx.Rand(prefix + "volume")),
		Label: p.Label, MountPath: p.MountPath, EnableSFTP: p.EnableSFTP, BackupPlan: p.BackupPlan, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	put(tx, a.volumes, v.ID, v)
	s.Volumes = append(slices.Clip(s.Volumes), v.ID)
	put(tx, a.services, s.ID, s)
	project := row(tx, a.projects, s.ProjectID)
	project.Volumes = append(slices.Clip(project.Volumes), v.ID)
	put(tx, a.projects, project.ID, project)
	return v
}

// newBastion adds a bastion to a project.
func (a *API) newBastion(tx *engine.Tx, project int) Bastion {
	p := row(tx, a.projects, project)
	b := Bastion{
		ID: newID(tx, "bastion"), ProjectID: p.ID, UserID: p.UserID, Status: pending, IP: "", Password: newPassword(tx), CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	b.Name = "sftp-" + strconv.Itoa(p.ID) + "-" + strconv.Itoa(b.ID)
	if region, _, ok := a.region(tx, p.RegionID); ok && len(region.Nodes) > 0 {
		node := region.Nodes[b.ID%len(region.Nodes)]
		b.NodeID, b.IP = node.ID, node.PublicIP
	}
	b.Port = 2200 + b.ID%20000
	put(tx, a.bastions, b.ID, b)
	p.Bastions = append(slices.Clip(p.Bastions), b.ID)
	put(tx, a.projects, p.ID, p)
	return b
}

// without returns a list without a number.
func without(list []int, id int) []int {
	return slices.DeleteFunc(slices.Clone(list), func(n int) bool { return n == id })
}

// newUUID returns a random UUID of version 4.
func newUUID(random *rand.Rand) string {
	hi, lo := random.Uint64(), random.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0b11<<62) | 0b10<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

const passwordChars = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// newPassword returns a password that the sandbox makes for a service or a bastion.
func newPassword(tx *engine.Tx) string {
	return randomText(tx.SecretRand(prefix+"password"), passwordChars, 14)
}

// randomText returns n random characters of chars.
func randomText(random *rand.Rand, chars string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = chars[random.IntN(len(chars))]
	}
	return string(b)
}

// inventName returns a name as the product gives to services and registries.
func inventName(tx *engine.Tx) string {
	random := tx.Rand(prefix + "name")
	adjectives := [...]string{"brisk", "calm", "clever", "bold", "eager", "gentle", "keen", "lucid", "merry", "noble", "quiet", "rapid", "sharp", "steady", "vivid", "witty"}
	scientists := [...]string{"hopper", "turing", "curie", "noether", "lovelace", "euler", "gauss", "fermi", "bohr", "darwin", "kepler", "meitner", "planck", "franklin", "galois", "pascal"}
	return adjectives[random.IntN(len(adjectives))] + "-" + scientists[random.IntN(len(scientists))]
}

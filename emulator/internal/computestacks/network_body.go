package computestacks

import (
	"fmt"
	"math"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

type ruleBody struct {
	ID             int               `json:"id"`
	Port           int               `json:"port"`
	PortNAT        int               `json:"port_nat"`
	Proto          string            `json:"proto"`
	ExternalAccess bool              `json:"external_access"`
	BackendSSL     bool              `json:"backend_ssl"`
	TCPProxyOpt    string            `json:"tcp_proxy_opt"`
	RestrictCF     bool              `json:"restrict_cf"`
	TCPLB          bool              `json:"tcp_lb"`
	CreatedAt      string            `json:"created_at"`
	ServiceID      int               `json:"container_service_id"`
	UpdatedAt      string            `json:"updated_at"`
	BalancerRule   *int              `json:"load_balancer_rule_id"`
	Balancer       *int              `json:"internal_load_balancer_id"`
	Balanced       []int             `json:"load_balanced_rules"`
	Links          map[string]string `json:"links"`
}

// ruleBody renders an ingress rule (C98).
func (a *API) ruleBody(_ *engine.Tx, r IngressRule) ruleBody {
	return ruleBody{
		ID: r.ID, Port: r.Port, PortNAT: r.PortNAT, Proto: r.Proto, ExternalAccess: r.ExternalAccess, BackendSSL: r.BackendSSL, TCPProxyOpt: r.TCPProxyOpt,
		RestrictCF: r.RestrictCF, TCPLB: r.TCPLB, CreatedAt: stamp(r.CreatedAt), ServiceID: r.ServiceID, UpdatedAt: stamp(r.UpdatedAt), Balanced: []int{},
		// The path is that of the product, which does not lead anywhere.
		Links: map[string]string{"domains": link("network", "ingress_rules", r.ID, "domains")},
	}
}

// domainSummary is a domain in lists.
type domainSummary struct {
	ID          int               `json:"id"`
	Domain      string            `json:"domain"`
	System      bool              `json:"system_domain"`
	HSTS        bool              `json:"header_hsts"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
	ServiceID   *int              `json:"container_service"`
	LetsEncrypt string            `json:"lets_encrypt"`
	Links       map[string]string `json:"links"`
}

func showDomain(d Domain) domainSummary {
	b := domainSummary{
		ID: d.ID, Domain: d.Name, System: d.System, HSTS: d.HSTS, CreatedAt: stamp(d.CreatedAt), UpdatedAt: stamp(d.UpdatedAt), ServiceID: numberOrNil(d.ServiceID),
		LetsEncrypt: d.LetsEncrypt,
	}
	if d.ServiceID != 0 {
		b.Links = map[string]string{"container_service": link("container_services", d.ServiceID)}
	}
	return b
}

type domainBody struct {
	ID          int               `json:"id"`
	Domain      string            `json:"domain"`
	System      bool              `json:"system_domain"`
	LEEnabled   bool              `json:"le_enabled"`
	RuleID      *int              `json:"ingress_rule_id"`
	HSTS        bool              `json:"header_hsts"`
	ForceHTTPS  bool              `json:"force_https"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
	ServiceID   *int              `json:"container_service"`
	LetsEncrypt string            `json:"lets_encrypt"`
	Links       map[string]string `json:"links"`
}

// domainBody renders a domain (C94).
func (a *API) domainBody(_ *engine.Tx, d Domain) domainBody {
	s := showDomain(d)
	return domainBody{
		ID: s.ID, Domain: s.Domain, System: s.System, LEEnabled: d.LEEnabled, RuleID: numberOrNil(d.RuleID), HSTS: s.HSTS, ForceHTTPS: d.ForceHTTPS,
		CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, ServiceID: s.ServiceID, LetsEncrypt: s.LetsEncrypt, Links: s.Links,
	}
}

type volumeBody struct {
	ID             int      `json:"id"`
	Name           string   `json:"name"`
	Label          string   `json:"label"`
	MountPath      string   `json:"container_path"`
	UserID         int      `json:"user_id"`
	ServiceID      int      `json:"container_service_id"`
	RegionID       int      `json:"region_id"`
	Trash          bool     `json:"to_trash"`
	TrashAfter     *string  `json:"trash_after"`
	Usage          string   `json:"usage"`
	UsageChecked   *string  `json:"usage_checked"`
	TrashedBy      *int     `json:"trashed_by_id"`
	DetachedAt     *string  `json:"detached_at"`
	SubscriptionID *int     `json:"subscription_id"`
	EnableSFTP     bool     `json:"enable_sftp"`
	Enabled        bool     `json:"borg_enabled"`
	Freq           string   `json:"borg_freq"`
	Strategy       string   `json:"borg_strategy"`
	KeepAnnually   int      `json:"borg_keep_annually"`
	KeepDaily      int      `json:"borg_keep_daily"`
	KeepHourly     int      `json:"borg_keep_hourly"`
	KeepWeekly     int      `json:"borg_keep_weekly"`
	KeepMonthly    int      `json:"borg_keep_monthly"`
	PreBackup      []string `json:"borg_pre_backup"`
	PostBackup     []string `json:"borg_post_backup"`
	PreRestore     []string `json:"borg_pre_restore"`
	PostRestore    []string `json:"borg_post_restore"`
	Rollback       []string `json:"borg_rollback"`
	CreatedAt      string   `json:"created_at"`
	UpdatedAt      string   `json:"updated_at"`
}

// volumeBody renders a volume (C102).
func (a *API) volumeBody(tx *engine.Tx, v Volume) volumeBody {
	checked := tx.Now().Truncate(usageStep)
	if checked.Before(v.CreatedAt) {
		checked = v.CreatedAt
	}
	return volumeBody{
		ID: v.ID, Name: v.Name, Label: v.Label, MountPath: v.MountPath, UserID: v.UserID, ServiceID: v.ServiceID, RegionID: v.RegionID, Trash: v.Trash,
		TrashAfter: stampOrNil(v.TrashAfter), Usage: decimal(volumeUsage(tx, v)), UsageChecked: stampOrNil(checked), TrashedBy: numberOrNil(v.TrashedBy),
		DetachedAt: stampOrNil(v.DetachedAt), SubscriptionID: numberOrNil(v.SubscriptionID), EnableSFTP: v.EnableSFTP, Enabled: v.Enabled, Freq: v.Freq,
		Strategy: v.Strategy, KeepAnnually: v.KeepAnnually, KeepDaily: v.KeepDaily, KeepHourly: v.KeepHourly, KeepWeekly: v.KeepWeekly, KeepMonthly: v.KeepMonthly,
		PreBackup: nonNil(v.PreBackup), PostBackup: nonNil(v.PostBackup), PreRestore: nonNil(v.PreRestore), PostRestore: nonNil(v.PostRestore), Rollback: nonNil(v.Rollback),
		CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt),
	}
}

// usageStep is how often the usage of volumes is measured.
const usageStep = time.Hour

// volumeUsage returns how much of a volume is used, in GB: a pure function of the seed,
// the volume and the hour.
func volumeUsage(tx *engine.Tx, v Volume) float64 {
	at := tx.World().Noise(prefix + "usage/" + v.Name)
	hours := tx.Now().Sub(v.CreatedAt).Hours()
	base := float64(at.At(0)>>11) / (1 << 53)
	return math.Round((0.1+base+0.001*math.Floor(max(hours, 0)))*100) / 100
}

type balancerBody struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Label     string `json:"label"`
	PublicIP  string `json:"public_ip"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

// balancerBody renders a load balancer (C107).
func (a *API) balancerBody(lb LoadBalancer) balancerBody {
	return balancerBody{lb.ID, lb.Name, lb.Label, lb.PublicIP, stamp(lb.CreatedAt), stamp(lb.UpdatedAt)}
}

type registryBody struct {
	ID        int             `json:"id"`
	Name      string          `json:"name"`
	Label     string          `json:"label"`
	Status    string          `json:"status"`
	CreatedAt string          `json:"created_at"`
	UpdatedAt string          `json:"updated_at"`
	Endpoint  string          `json:"endpoint"`
	Username  string          `json:"username"`
	Password  string          `json:"password"`
	Images    []registryImage `json:"images"`
}

// registryImage is an image that was pushed to a registry: the sandbox runs none, so it is
// one that an image of the user names.
type registryImage struct {
	Image string        `json:"image"`
	Tags  []registryTag `json:"tags"`
}

type registryTag struct {
	Tag       string      `json:"tag"`
	Container *namedEntry `json:"container"`
}

// registryHost is the host of all registries.
const registryHost = "cr.example.test"

// registryEndpoint is the address of a registry.
func registryEndpoint(r Registry) string { return fmt.Sprintf("%s:%d", registryHost, r.Port) }

// registryBody renders a registry (C90).
func (a *API) registryBody(tx *engine.Tx, r Registry) registryBody {
	b := registryBody{
		ID: r.ID, Name: r.Name, Label: r.Label, Status: r.Status, CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt), Endpoint: registryEndpoint(r),
		Username: "admin", Password: r.Password, Images: []registryImage{},
	}
	for i := range a.images.After(tx, 0) {
		if i.Value.RegistryCustom == b.Endpoint && i.Value.UserID == r.UserID {
			b.Images = append(b.Images, registryImage{i.Value.RegistryPath, []registryTag{{i.Value.RegistryTag, &namedEntry{i.Value.ID, i.Value.Label}}}})
		}
	}
	return b
}

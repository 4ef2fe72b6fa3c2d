package computestacks

import (
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// imageBody is an image on the wire.
type imageBody struct {
	ID               int                `json:"id"`
	Active           bool               `json:"active"`
	CanScale         bool               `json:"can_scale"`
	Command          *string            `json:"command"`
	ProviderID       *int               `json:"container_image_provider_id"`
	Description      *string            `json:"description"`
	Icon             *string            `json:"icon_url"`
	IsFree           bool               `json:"is_free"`
	Label            string             `json:"label"`
	MinCPU           string             `json:"min_cpu"`
	MinMemory        int                `json:"min_memory"`
	RegistryCustom   *string            `json:"registry_custom"`
	RegistryPath     string             `json:"registry_image_path"`
	RegistryTag      string             `json:"registry_image_tag"`
	RegistryAuth     bool               `json:"registry_auth"`
	RegistryUsername *string            `json:"registry_username"`
	IsLoadBalancer   bool               `json:"is_load_balancer"`
	Role             string             `json:"role"`
	RoleClass        string             `json:"role_class"`
	Labels           map[string]string  `json:"labels"`
	ValidatedTag     bool               `json:"validated_tag"`
	ValidatedAt      *string            `json:"validated_tag_updated"`
	CreatedAt        string             `json:"created_at"`
	UpdatedAt        string             `json:"updated_at"`
	System           bool               `json:"system_image"`
	Variables        []string           `json:"available_vars"`
	EnvParams        []envParamBody     `json:"container_image_env_params"`
	SettingParams    []settingParamBody `json:"container_image_setting_params"`
	IngressParams    []ingressParamBody `json:"container_image_ingress_params"`
	VolumeParams     []volumeParamBody  `json:"container_image_volume_params"`
	Required         []int              `json:"required_containers"`
	RequiredBy       []int              `json:"required_by"`
	ImageURL         string             `json:"image_url"`
	Links            map[string]string  `json:"links"`
}

// imageBody renders an image (C41).
func (a *API) imageBody(tx *engine.Tx, i Image) imageBody {
	b := imageBody{
		ID: i.ID, Active: i.Active, CanScale: i.CanScale, Command: textOrNil(i.Command), ProviderID: numberOrNil(i.ProviderID), Description: textOrNil(i.Description),
		Icon: textOrNil(i.Icon), IsFree: i.IsFree, Label: i.Label, MinCPU: decimal(i.MinCPU), MinMemory: i.MinMemory, RegistryCustom: textOrNil(i.RegistryCustom),
		RegistryPath: i.RegistryPath, RegistryTag: i.RegistryTag, RegistryAuth: i.RegistryAuth, RegistryUsername: textOrNil(i.RegistryUsername),
		IsLoadBalancer: i.IsLoadBalancer, Role: i.Role, RoleClass: i.RoleClass, Labels: i.Labels, ValidatedTag: !i.ValidatedAt.After(tx.Now()),
		CreatedAt: stamp(i.CreatedAt), UpdatedAt: stamp(i.UpdatedAt), System: i.UserID == 0, Variables: a.variables(tx, i),
		EnvParams: []envParamBody{}, SettingParams: []settingParamBody{}, IngressParams: []ingressParamBody{}, VolumeParams: []volumeParamBody{},
		Required: []int{}, RequiredBy: []int{}, ImageURL: a.imageURL(tx, i), Links: map[string]string{"container_image_provider": link("container_image_providers", i.ProviderID)},
	}
	if b.ValidatedTag {
		b.ValidatedAt = stampOrNil(i.ValidatedAt)
	}
	if b.Labels == nil {
		b.Labels = map[string]string{}
	}
	for _, p := range i.EnvParams {
		b.EnvParams = append(b.EnvParams, showEnvParam(i, p))
	}
	for _, p := range i.SettingParams {
		b.SettingParams = append(b.SettingParams, showSettingParam(i, p))
	}
	for _, p := range i.IngressParams {
		b.IngressParams = append(b.IngressParams, showIngressParam(i, p))
	}
	for _, p := range i.VolumeParams {
		b.VolumeParams = append(b.VolumeParams, showVolumeParam(i, p))
	}
	for _, r := range i.Requires {
		b.Required = append(b.Required, r.Requires)
	}
	for r := range a.images.After(tx, 0) {
		if slices.ContainsFunc(r.Value.Requires, func(to Relationship) bool { return to.Requires == i.ID }) {
			b.RequiredBy = append(b.RequiredBy, r.Value.ID)
		}
	}
	return b
}

// imageURL is the path from which an image is pulled, with its tag.
func (a *API) imageURL(tx *engine.Tx, i Image) string {
	host := i.RegistryCustom
	if host == "" {
		host = row(tx, a.providers, i.ProviderID).Hostname
	}
	path := i.RegistryPath + ":" + i.RegistryTag
	if host != "" {
		path = strings.TrimSuffix(host, "/") + "/" + path
	}
	return path
}

// variables lists what the environment variables of an image can be set to: the names of
// the system, its settings, and those of the images that it requires.
func (a *API) variables(tx *engine.Tx, i Image) []string {
	all := []string{
		"region.endpoint.api", "build.self.name", "build.self.name_short", "build.self.service_name", "build.self.service_name_short", "build.self.project_id",
		"build.self.ip", "build.self.default_domain", "build.self.default_domain_with_proto", "build.self.ec_pub_key",
	}
	for _, p := range i.SettingParams {
		all = append(all, "build.settings."+p.Name)
	}
	for _, r := range i.Requires {
		needed := row(tx, a.images, r.Requires)
		for _, p := range needed.SettingParams {
			all = append(all, "dep."+needed.Role+".parameters.settings."+p.Name)
		}
		all = append(all, "dep."+needed.Role+".self.ip", "dep."+needed.Role+".self.default_domain")
	}
	return all
}

// envParamBody is an environment variable on the wire.
type envParamBody struct {
	ID        int     `json:"id"`
	ImageID   int     `json:"container_image_id"`
	Name      string  `json:"name"`
	Label     string  `json:"label"`
	Type      string  `json:"param_type"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt string  `json:"updated_at"`
	Variable  *string `json:"env_value"`
	Static    *string `json:"static_value"`
}

// showEnvParam renders an environment variable (C46).
func showEnvParam(i Image, p EnvParam) envParamBody {
	b := envParamBody{ID: p.ID, ImageID: i.ID, Name: p.Name, Label: p.Label, Type: p.Type, CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt)}
	if p.Type == "static" {
		b.Static = textOrNil(p.Static)
	} else {
		b.Variable = textOrNil(p.Variable)
	}
	return b
}

// settingParamBody is a setting on the wire.
type settingParamBody struct {
	ID        int     `json:"id"`
	ImageID   int     `json:"container_image_id"`
	Name      string  `json:"name"`
	Label     string  `json:"label"`
	Type      string  `json:"param_type"`
	Value     *string `json:"value"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt string  `json:"updated_at"`
}

// showSettingParam renders a setting (C47).
func showSettingParam(i Image, p SettingParam) settingParamBody {
	return settingParamBody{
		ID: p.ID, ImageID: i.ID, Name: p.Name, Label: p.Label, Type: p.Type, Value: textOrNil(p.Value), CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt),
	}
}

// ingressParamBody is a port on the wire.
type ingressParamBody struct {
	ID             int               `json:"id"`
	Port           int               `json:"port"`
	Proto          string            `json:"proto"`
	ExternalAccess bool              `json:"external_access"`
	BackendSSL     bool              `json:"backend_ssl"`
	TCPProxyOpt    string            `json:"tcp_proxy_opt"`
	TCPLB          bool              `json:"tcp_lb"`
	CreatedAt      string            `json:"created_at"`
	UpdatedAt      string            `json:"updated_at"`
	BalancerRule   *int              `json:"load_balancer_rule_id"`
	Balancer       *int              `json:"internal_load_balancer_id"`
	Links          map[string]string `json:"links"`
}

// showIngressParam renders a port (C48).
func showIngressParam(_ Image, p IngressParam) ingressParamBody {
	return ingressParamBody{
		ID: p.ID, Port: p.Port, Proto: p.Proto, ExternalAccess: p.ExternalAccess, BackendSSL: p.BackendSSL, TCPProxyOpt: p.TCPProxyOpt, TCPLB: p.TCPLB,
		CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt), Links: map[string]string{},
	}
}

// volumeParamBody is a volume of an image on the wire.
type volumeParamBody struct {
	ID           int      `json:"id"`
	Label        string   `json:"label"`
	MountPath    string   `json:"mount_path"`
	EnableSFTP   bool     `json:"enable_sftp"`
	Enabled      bool     `json:"borg_enabled"`
	Freq         string   `json:"borg_freq"`
	Strategy     string   `json:"borg_strategy"`
	KeepHourly   int      `json:"borg_keep_hourly"`
	KeepDaily    int      `json:"borg_keep_daily"`
	KeepWeekly   int      `json:"borg_keep_weekly"`
	KeepMonthly  int      `json:"borg_keep_monthly"`
	KeepAnnually int      `json:"borg_keep_annually"`
	PreBackup    []string `json:"borg_pre_backup"`
	PreRestore   []string `json:"borg_pre_restore"`
	PostRestore  []string `json:"borg_post_restore"`
	Rollback     []string `json:"borg_rollback"`
	CreatedAt    string   `json:"created_at"`
	UpdatedAt    string   `json:"updated_at"`
}

// showVolumeParam renders a volume of an image. The commands after a backup are not shown.
func showVolumeParam(_ Image, p VolumeParam) volumeParamBody {
	return volumeParamBody{
		ID: p.ID, Label: p.Label, MountPath: p.MountPath, EnableSFTP: p.EnableSFTP, Enabled: p.Enabled, Freq: p.Freq, Strategy: p.Strategy, KeepHourly: p.KeepHourly,
		KeepDaily: p.KeepDaily, KeepWeekly: p.KeepWeekly, KeepMonthly: p.KeepMonthly, KeepAnnually: p.KeepAnnually, PreBackup: nonNil(p.PreBackup),
		PreRestore: nonNil(p.PreRestore), PostRestore: nonNil(p.PostRestore), Rollback: nonNil(p.Rollback), CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt),
	}
}

// relationshipBody is a relationship on the wire.
type relationshipBody struct {
	ID        int    `json:"id"`
	ImageID   int    `json:"container_image_id"`
	Requires  int    `json:"requires_container_id"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

// showRelationship renders a relationship (C50).
func showRelationship(i Image, r Relationship) relationshipBody {
	return relationshipBody{ID: r.ID, ImageID: i.ID, Requires: r.Requires, CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt)}
}

package computestacks

import (
	"path"
	"slices"
	"strings"

	"github.com/netresearch/go-cron"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// envInput are the members of an environment variable that a client may set.
type envInput struct {
	Name     *string          `json:"name"`
	Label    nullable[string] `json:"label"`
	Type     *string          `json:"param_type"`
	Static   nullable[string] `json:"static_value"`
	Variable nullable[string] `json:"env_value"`
}

// validFreq reports whether a text says how often a volume is backed up.
func validFreq(text string) bool {
	if slices.Contains([]string{"@hourly", "@midnight", "@daily", "@weekly", "@monthly"}, text) {
		return true
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	if err != nil {
		return false
	}
	_, err = parser.Parse(text)
	return err == nil && !strings.HasPrefix(text, "@") && !strings.Contains(text, "=")
}

// envParams are the environment variables of an image (C46).
func envParams() paramKind[EnvParam, envInput, envParamBody] {
	return paramKind[EnvParam, envInput, envParamBody]{
		list: "env_params", item: "env_param", rows: func(i *Image) *[]EnvParam { return &i.EnvParams }, meta: (*EnvParam).meta, show: showEnvParam,
		order: func(p EnvParam) string { return p.Name },
		zero:  func() EnvParam { return EnvParam{Type: "static"} },
		apply: func(a *API, c *httpapi.Call, i Image, p *EnvParam, in envInput) []string {
			set(&p.Name, in.Name)
			setNullable(&p.Label, in.Label)
			set(&p.Type, in.Type)
			setNullable(&p.Static, in.Static)
			setNullable(&p.Variable, in.Variable)
			if strings.TrimSpace(p.Label) == "" {
				p.Label = p.Name
			}
			wrong := blank("Name", p.Name)
			if p.Type == "variable" && !slices.Contains(a.variables(c.Tx, i), p.Variable) {
				wrong = append(wrong, "Env value not a valid variable")
			}
			return wrong
		},
	}
}

// settingInput are the members of a setting that a client may set.
type settingInput struct {
	Name  *string          `json:"name"`
	Label nullable[string] `json:"label"`
	Type  *string          `json:"param_type"`
	Value nullable[string] `json:"value"`
}

// settingParams are the settings of an image (C47).
func settingParams() paramKind[SettingParam, settingInput, settingParamBody] {
	return paramKind[SettingParam, settingInput, settingParamBody]{
		list: "setting_params", item: "setting_param", rows: func(i *Image) *[]SettingParam { return &i.SettingParams }, meta: (*SettingParam).meta,
		show: showSettingParam, order: func(p SettingParam) string { return p.Name }, zero: func() SettingParam { return SettingParam{Type: "static"} },
		apply: func(_ *API, _ *httpapi.Call, _ Image, p *SettingParam, in settingInput) []string {
			set(&p.Name, in.Name)
			setNullable(&p.Label, in.Label)
			set(&p.Type, in.Type)
			setNullable(&p.Value, in.Value)
			if strings.TrimSpace(p.Label) == "" {
				p.Label = p.Name
			}
			return blank("Name", p.Name)
		},
	}
}

// ingressInput are the members of a port that a client may set.
type ingressInput struct {
	Port           *int    `json:"port"`
	Proto          *string `json:"proto"`
	ExternalAccess *bool   `json:"external_access"`
	BackendSSL     *bool   `json:"backend_ssl"`
	TCPProxyOpt    *string `json:"tcp_proxy_opt"`
	TCPLB          *bool   `json:"tcp_lb"`
}

// ingressParams are the ports that the services of an image open (C48).
func ingressParams() paramKind[IngressParam, ingressInput, ingressParamBody] {
	return paramKind[IngressParam, ingressInput, ingressParamBody]{
		list: "ingress_params", item: "ingress_param", rows: func(i *Image) *[]IngressParam { return &i.IngressParams }, meta: (*IngressParam).meta,
		show: showIngressParam, zero: func() IngressParam { return IngressParam{Proto: "tcp", TCPProxyOpt: "none", TCPLB: true} },
		apply: func(_ *API, _ *httpapi.Call, i Image, p *IngressParam, in ingressInput) []string {
			set(&p.Port, in.Port)
			set(&p.Proto, in.Proto)
			set(&p.ExternalAccess, in.ExternalAccess)
			set(&p.BackendSSL, in.BackendSSL)
			set(&p.TCPProxyOpt, in.TCPProxyOpt)
			set(&p.TCPLB, in.TCPLB)
			if slices.ContainsFunc(i.IngressParams, func(o IngressParam) bool { return o.Port == p.Port && (o.ID != p.ID || p.ID == 0) }) {
				return []string{"Port port is already assigned to container image"}
			}
			return nil
		},
	}
}

// volumeInput are the members of a volume that a client may set.
type volumeInput struct {
	Label        *string   `json:"label"`
	MountPath    *string   `json:"mount_path"`
	EnableSFTP   *bool     `json:"enable_sftp"`
	Enabled      *bool     `json:"borg_enabled"`
	Freq         *string   `json:"borg_freq"`
	Strategy     *string   `json:"borg_strategy"`
	KeepHourly   *int      `json:"borg_keep_hourly"`
	KeepDaily    *int      `json:"borg_keep_daily"`
	KeepWeekly   *int      `json:"borg_keep_weekly"`
	KeepMonthly  *int      `json:"borg_keep_monthly"`
	KeepAnnually *int      `json:"borg_keep_annually"`
	PreBackup    *[]string `json:"borg_pre_backup"`
	PostBackup   *[]string `json:"borg_post_backup"`
	PreRestore   *[]string `json:"borg_pre_restore"`
	PostRestore  *[]string `json:"borg_post_restore"`
	Rollback     *[]string `json:"borg_rollback"`
}

// volumeParams are the volumes that the services of an image get (C49).
func volumeParams() paramKind[VolumeParam, volumeInput, volumeParamBody] {
	return paramKind[VolumeParam, volumeInput, volumeParamBody]{
		list: "volume_params", item: "volume_param", rows: func(i *Image) *[]VolumeParam { return &i.VolumeParams }, meta: (*VolumeParam).meta, show: showVolumeParam,
		zero: func() VolumeParam {
			return VolumeParam{EnableSFTP: true, BackupPlan: BackupPlan{Enabled: true, Freq: "@daily", Strategy: "file", KeepHourly: 1, KeepDaily: 5, KeepWeekly: 2, KeepMonthly: 3, KeepAnnually: 1}}
		},
		apply: func(_ *API, _ *httpapi.Call, i Image, p *VolumeParam, in volumeInput) []string {
			set(&p.Label, in.Label)
			set(&p.MountPath, in.MountPath)
			set(&p.EnableSFTP, in.EnableSFTP)
			set(&p.Enabled, in.Enabled)
			set(&p.Freq, in.Freq)
			set(&p.Strategy, in.Strategy)
			set(&p.KeepHourly, in.KeepHourly)
			set(&p.KeepDaily, in.KeepDaily)
			set(&p.KeepWeekly, in.KeepWeekly)
			set(&p.KeepMonthly, in.KeepMonthly)
			set(&p.KeepAnnually, in.KeepAnnually)
			set(&p.PreBackup, in.PreBackup)
			set(&p.PostBackup, in.PostBackup)
			set(&p.PreRestore, in.PreRestore)
			set(&p.PostRestore, in.PostRestore)
			set(&p.Rollback, in.Rollback)
			wrong := blank("Label", p.Label, "Mount path", p.MountPath)
			p.MountPath = path.Clean("/" + p.MountPath)
			if slices.ContainsFunc(i.VolumeParams, func(o VolumeParam) bool { return o.MountPath == p.MountPath && (o.ID != p.ID || p.ID == 0) }) {
				wrong = append(wrong, "Mount path already exists")
			}
			if !validFreq(p.Freq) {
				wrong = append(wrong, "Borg freq is invalid")
			}
			return wrong
		},
	}
}

// relationshipInput are the members of a relationship that a client may set.
type relationshipInput struct {
	Requires *int `json:"requires_container_id"`
}

// relationships are the images that an image needs (C50).
func relationships() paramKind[Relationship, relationshipInput, relationshipBody] {
	return paramKind[Relationship, relationshipInput, relationshipBody]{
		list: "image_relationships", item: "image_relationship", rows: func(i *Image) *[]Relationship { return &i.Requires }, meta: (*Relationship).meta,
		show: showRelationship, zero: func() Relationship { return Relationship{} },
		apply: func(a *API, c *httpapi.Call, i Image, r *Relationship, in relationshipInput) []string {
			set(&r.Requires, in.Requires)
			needed, ok := get(c.Tx, a.images, r.Requires)
			switch {
			case !ok || !a.seesImage(c, needed) || needed.ID == i.ID:
				return []string{"You do not have permission to link this image."}
			case slices.ContainsFunc(i.Requires, func(o Relationship) bool { return o.Requires == r.Requires && (o.ID != r.ID || r.ID == 0) }):
				return []string{"These images are already linked."}
			}
			return nil
		},
	}
}

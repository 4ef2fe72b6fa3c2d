package computestacks

import "time"

// The rows of what can be ordered, and of who orders. Ids are numbers; zero times and
// zero references are null on the wire. Decimals are kept as numbers.

// User is an account.
type User struct {
	ID         int    `json:"id"`
	FirstName  string `json:"fname"`
	LastName   string `json:"lname"`
	Email      string `json:"email"`
	ExternalID string `json:"external_id"`
	Phone      string `json:"phone"`
	Address1   string `json:"address1"`
	Address2   string `json:"address2"`
	City       string `json:"city"`
	State      string `json:"state"`
	Zip        string `json:"zip"`
	Country    string `json:"country"`
	Company    string `json:"company_name"`
	VAT        string `json:"vat"`
	Locale     string `json:"locale"`
	Currency   string `json:"currency"`
	Timezone   string `json:"timezone"`
	// SFTPPassword says whether SFTP accepts passwords.
	SFTPPassword bool `json:"c_sftp_pass"`
	// SecondFactor says whether a login in the browser needs a second factor.
	SecondFactor bool `json:"second_factor"`
	// Labels are free. A registration leaves there, for each provider, the name of the
	// user at each server.
	Labels map[string]any `json:"labels"`
	// ContainerQuota, RegistryQuota and ZoneQuota bound what the user may have.
	ContainerQuota int       `json:"container_quota"`
	Containers     int       `json:"containers"` // that the user has
	RegistryQuota  int       `json:"registry_quota"`
	ZoneQuota      int       `json:"zone_quota"`
	Keys           []SSHKey  `json:"ssh_keys"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// FullName is the name of a user in bodies.
func (u User) FullName() string { return u.FirstName + " " + u.LastName }

// SSHKey is a public key of a user.
type SSHKey struct {
	ID        int       `json:"id"`
	Label     string    `json:"label"`
	PublicKey string    `json:"pubkey"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Application is a client of OAuth. Its id in the table is the client id.
type Application struct {
	ClientID string `json:"client_id"`
	Name     string `json:"name"`
	// SecretDigest is the hash of the client secret, in hexadecimal.
	SecretDigest string   `json:"secret_digest"`
	RedirectURIs []string `json:"redirect_uris"`
	// Scopes are those that it may be granted; none means all.
	Scopes       []string `json:"scopes"`
	Confidential bool     `json:"confidential"`
	// OfWorkspace says that it belongs to the workspace itself: it stays when another
	// state takes the place of the present one.
	OfWorkspace bool      `json:"of_workspace"`
	CreatedAt   time.Time `json:"created_at"`
}

// Location is a place with regions.
type Location struct {
	ID        int       `json:"id"`
	Name      string    `json:"name"`
	Regions   []Region  `json:"regions"`
	CreatedAt time.Time `json:"created_at"`
}

// Region is a part of a location with nodes, on which containers run.
type Region struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Active bool   `json:"active"`
	Nodes  []Node `json:"nodes,omitempty"`
}

// Node is a host of containers.
type Node struct {
	ID        int    `json:"id"`
	Label     string `json:"label"`
	Hostname  string `json:"hostname"`
	PrimaryIP string `json:"primary_ip"`
	PublicIP  string `json:"public_ip"`
	Online    bool   `json:"online"`
}

// Product is a package that a service can be ordered with.
type Product struct {
	ID    int    `json:"id"`
	Label string `json:"label"`
	Kind  string `json:"kind"` // resource, package, image or addon
	// Price is for a Term: hour, month or year.
	Price     float64   `json:"price"`
	Term      string    `json:"term"`
	CPU       float64   `json:"cpu"`
	Memory    int       `json:"memory"` // MB
	Storage   int       `json:"storage"`
	Bandwidth int       `json:"bandwidth"`
	LocalDisk int       `json:"local_disk"`
	Backup    int       `json:"backup"`
	Swap      *int      `json:"memory_swap"`
	Swappy    *int      `json:"memory_swappiness"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Provider is a registry that images are pulled from.
type Provider struct {
	ID        int       `json:"id"`
	Name      string    `json:"name"`
	Hostname  string    `json:"hostname"`
	IsDefault bool      `json:"is_default"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Image is a container image, with what an order can set on it.
type Image struct {
	ID               int               `json:"id"`
	UserID           int               `json:"user_id"` // 0 for an image of the system
	ProviderID       int               `json:"container_image_provider_id"`
	Name             string            `json:"name"`
	Label            string            `json:"label"`
	Description      string            `json:"description"`
	Command          string            `json:"command"`
	Role             string            `json:"role"`
	RoleClass        string            `json:"role_class"`
	RegistryPath     string            `json:"registry_image_path"`
	RegistryTag      string            `json:"registry_image_tag"`
	RegistryCustom   string            `json:"registry_custom"`
	RegistryAuth     bool              `json:"registry_auth"`
	RegistryUsername string            `json:"registry_username"`
	Icon             string            `json:"icon_url"`
	Active           bool              `json:"active"`
	CanScale         bool              `json:"can_scale"`
	IsFree           bool              `json:"is_free"`
	IsLoadBalancer   bool              `json:"is_load_balancer"`
	MinCPU           float64           `json:"min_cpu"`
	MinMemory        int               `json:"min_memory"`
	Labels           map[string]string `json:"labels"`
	Tags             []string          `json:"tag_list"`
	// ValidatedAt is when the tag is found in its registry; until then it is not validated.
	ValidatedAt   time.Time      `json:"validated_tag_updated"`
	EnvParams     []EnvParam     `json:"env_params"`
	SettingParams []SettingParam `json:"setting_params"`
	IngressParams []IngressParam `json:"ingress_params"`
	VolumeParams  []VolumeParam  `json:"volume_params"`
	Requires      []Relationship `json:"image_relationships"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
}

// EnvParam is an environment variable of an image.
type EnvParam struct {
	ID        int       `json:"id"`
	Name      string    `json:"name"`
	Label     string    `json:"label"`
	Type      string    `json:"param_type"` // static or variable
	Static    string    `json:"static_value"`
	Variable  string    `json:"env_value"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// SettingParam is a setting that an order gives a value.
type SettingParam struct {
	ID        int       `json:"id"`
	Name      string    `json:"name"`
	Label     string    `json:"label"`
	Type      string    `json:"param_type"` // static or password
	Value     string    `json:"value"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// IngressParam is a port that the services of an image open.
type IngressParam struct {
	ID             int       `json:"id"`
	Port           int       `json:"port"`
	Proto          string    `json:"proto"`
	ExternalAccess bool      `json:"external_access"`
	BackendSSL     bool      `json:"backend_ssl"`
	TCPProxyOpt    string    `json:"tcp_proxy_opt"`
	TCPLB          bool      `json:"tcp_lb"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// BackupPlan is how a volume is backed up. Lists without commands are left out, so that a
// saved volume is the one that was saved.
type BackupPlan struct {
	Enabled      bool     `json:"borg_enabled"`
	Freq         string   `json:"borg_freq"`
	Strategy     string   `json:"borg_strategy"`
	KeepHourly   int      `json:"borg_keep_hourly"`
	KeepDaily    int      `json:"borg_keep_daily"`
	KeepWeekly   int      `json:"borg_keep_weekly"`
	KeepMonthly  int      `json:"borg_keep_monthly"`
	KeepAnnually int      `json:"borg_keep_annually"`
	PreBackup    []string `json:"borg_pre_backup,omitempty"`
	PostBackup   []string `json:"borg_post_backup,omitempty"`
	PreRestore   []string `json:"borg_pre_restore,omitempty"`
	PostRestore  []string `json:"borg_post_restore,omitempty"`
	Rollback     []string `json:"borg_rollback,omitempty"`
}

// VolumeParam is a volume that the services of an image get.
type VolumeParam struct {
	ID         int       `json:"id"`
	Label      string    `json:"label"`
	MountPath  string    `json:"mount_path"`
	EnableSFTP bool      `json:"enable_sftp"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	BackupPlan
}

// Relationship says that an image needs a service of another one.
type Relationship struct {
	ID        int       `json:"id"`
	Requires  int       `json:"requires_container_id"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Registry is a private container registry.
type Registry struct {
	ID        int       `json:"id"`
	UserID    int       `json:"user_id"`
	Name      string    `json:"name"`
	Label     string    `json:"label"`
	Status    string    `json:"status"` // new, deploying, deployed, working or error
	Port      int       `json:"port"`
	Password  string    `json:"password"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// LoadBalancer passes requests from outside to containers of a region.
type LoadBalancer struct {
	ID        int       `json:"id"`
	RegionID  int       `json:"region_id"`
	Name      string    `json:"name"`
	Label     string    `json:"label"`
	PublicIP  string    `json:"public_ip"`
	Domain    string    `json:"domain"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Zone is a DNS zone of a user.
type Zone struct {
	ID        int       `json:"id"`
	UserID    int       `json:"user_id"`
	Name      string    `json:"name"`
	Records   []Record  `json:"records"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Record is a record of a zone. Data has what the type of the record has beside name and
// time to live: ip, hostname, priority, value.
type Record struct {
	Type string         `json:"type"`
	Name string         `json:"name"`
	TTL  int            `json:"ttl"`
	Data map[string]any `json:"data"`
}

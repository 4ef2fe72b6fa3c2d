package computestacks

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// The rows of what orders make. Rows that belong to another one are listed by it, so
// that an object is read without a scan; constructors and removers in build.go keep the
// lists.

// Order is what a user ordered.
type Order struct {
	ID         string         `json:"id"` // a UUID
	UserID     int            `json:"user_id"`
	Status     string         `json:"status"` // open, pending, processing, completed, failed, cancelled or awaiting_payment
	ProjectID  int            `json:"project_id"`
	LocationID int            `json:"location_id"`
	RegionID   int            `json:"region_id"`
	Data       jsontext.Value `json:"order_data"`
	Plan       jsontext.Value `json:"plan"` // what is to be built, as the orders' code reads it
	EventID    int            `json:"event_id"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`
}

// Project groups the services of a user.
type Project struct {
	ID         int       `json:"id"`
	UserID     int       `json:"user_id"`
	Name       string    `json:"name"`
	SkipSSH    bool      `json:"skip_ssh"`
	Status     string    `json:"status"` // ok or deleting
	LocationID int       `json:"location_id"`
	RegionID   int       `json:"region_id"`
	Services   []int     `json:"services"`
	Bastions   []int     `json:"bastions"`
	Volumes    []int     `json:"volumes"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Service is a set of equal containers of an image.
type Service struct {
	ID           int           `json:"id"`
	UserID       int           `json:"user_id"`
	ProjectID    int           `json:"project_id"`
	ImageID      int           `json:"container_image_id"`
	ProductID    int           `json:"product_id"` // 0 for a free image without a package
	RegionID     int           `json:"region_id"`
	Name         string        `json:"name"`
	Label        string        `json:"label"`
	Command      string        `json:"command"`
	Tags         []string      `json:"tag_list"`
	MasterDomain int           `json:"master_domain_id"`
	Settings     []Setting     `json:"settings"`
	Certificates []Certificate `json:"certificates"`
	Containers   []int         `json:"containers"`
	IngressRules []int         `json:"ingress_rules"`
	Domains      []int         `json:"domains"`
	Volumes      []int         `json:"volumes"`
	CreatedAt    time.Time     `json:"created_at"`
	UpdatedAt    time.Time     `json:"updated_at"`
}

// Setting is a setting of a service with its value.
type Setting struct {
	ID        int       `json:"id"`
	Name      string    `json:"name"`
	Label     string    `json:"label"`
	Type      string    `json:"param_type"`
	Value     string    `json:"value"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Certificate is a TLS certificate that was uploaded for a service. Its private key is
// not kept.
type Certificate struct {
	ID        int       `json:"id"`
	Serial    string    `json:"cert_serial"`
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Container is one container of a service.
type Container struct {
	ID             int       `json:"id"`
	ServiceID      int       `json:"container_service_id"`
	ProjectID      int       `json:"project_id"`
	UserID         int       `json:"user_id"`
	Name           string    `json:"name"`
	ReqState       string    `json:"req_state"` // running or stopped
	Status         string    `json:"status"`    // pending, building, rebuilding, running, stopped, degraded, error, migrating or trashed
	Built          bool      `json:"built"`
	NodeID         int       `json:"node_id"`
	LocalIP        string    `json:"local_ip"`
	PublicIP       string    `json:"public_ip"`
	CPU            float64   `json:"cpu"`
	Memory         int       `json:"memory"`
	SubscriptionID int       `json:"subscription_id"`
	StartedAt      time.Time `json:"started_at"` // zero while it is not running
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Bastion gives SFTP access to the volumes of a project.
type Bastion struct {
	ID        int       `json:"id"`
	ProjectID int       `json:"project_id"`
	UserID    int       `json:"user_id"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	NodeID    int       `json:"node_id"`
	IP        string    `json:"ip_addr"`
	Port      int       `json:"port"`
	Password  string    `json:"password"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// IngressRule is an open port of a service.
type IngressRule struct {
	ID             int       `json:"id"`
	ServiceID      int       `json:"container_service_id"`
	ProjectID      int       `json:"project_id"`
	UserID         int       `json:"user_id"`
	RegionID       int       `json:"region_id"`
	Port           int       `json:"port"`
	PortNAT        int       `json:"port_nat"`
	Proto          string    `json:"proto"`
	ExternalAccess bool      `json:"external_access"`
	BackendSSL     bool      `json:"backend_ssl"`
	TCPProxyOpt    string    `json:"tcp_proxy_opt"`
	RestrictCF     bool      `json:"restrict_cf"`
	TCPLB          bool      `json:"tcp_lb"`
	Domains        []int     `json:"domains"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Domain is a name that leads to an ingress rule.
type Domain struct {
	ID          int       `json:"id"`
	UserID      int       `json:"user_id"`
	ServiceID   int       `json:"container_service_id"`
	ProjectID   int       `json:"project_id"`
	RuleID      int       `json:"ingress_rule_id"`
	Name        string    `json:"domain"`
	System      bool      `json:"system_domain"`
	LEEnabled   bool      `json:"le_enabled"`
	LetsEncrypt string    `json:"lets_encrypt"` // active, pending or inactive
	HSTS        bool      `json:"header_hsts"`
	ForceHTTPS  bool      `json:"force_https"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Volume is a volume of a service.
type Volume struct {
	ID             int       `json:"id"`
	UserID         int       `json:"user_id"`
	ServiceID      int       `json:"container_service_id"`
	ProjectID      int       `json:"project_id"`
	RegionID       int       `json:"region_id"`
	Name           string    `json:"name"` // a UUID
	Label          string    `json:"label"`
	MountPath      string    `json:"container_path"`
	EnableSFTP     bool      `json:"enable_sftp"`
	Trash          bool      `json:"to_trash"`
	TrashAfter     time.Time `json:"trash_after"`
	TrashedBy      int       `json:"trashed_by_id"`
	DetachedAt     time.Time `json:"detached_at"`
	SubscriptionID int       `json:"subscription_id"`
	Backups        []Backup  `json:"backups"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	BackupPlan
}

// Backup is an archive of a volume.
type Backup struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// EventLog is an action and how far it got.
type EventLog struct {
	ID          int    `json:"id"`
	UserID      int    `json:"user_id"` // who performed it; 0 for the system
	Locale      string `json:"locale"`  // as "container.restart"
	Code        string `json:"event_code"`
	Status      string `json:"status"` // pending, running, completed, failed, cancelled or alert
	Notice      bool   `json:"notice"`
	Reason      string `json:"state_reason"`
	Description string `json:"description"`
	Audit       Audit  `json:"audit"`
	// Projects, Services, Containers and Volumes are what it is about.
	Projects   []int         `json:"projects"`
	Services   []int         `json:"services"`
	Containers []int         `json:"containers"`
	Volumes    []int         `json:"volumes"`
	Details    []EventDetail `json:"event_details"`
	// Payload is what its effect needs, as the effect's code reads it.
	Payload   string       `json:"payload"`
	Timer     engine.Timer `json:"timer"` // of its next step; zero when it is final
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// Audit says who caused an event, and from where.
type Audit struct {
	ID     int    `json:"id"`
	Event  string `json:"event"` // created, updated or destroyed
	Data   string `json:"raw_data"`
	IP     string `json:"ip_addr"`
	UserID int    `json:"user_id"`
}

// EventDetail is a text about an event.
type EventDetail struct {
	ID        int       `json:"id"`
	Code      string    `json:"event_code"`
	Data      string    `json:"data"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// history lists the newest events of an object, oldest first.
type history struct {
	Events []int `json:"events"`
}

// Collaboration lets another user use an object.
type Collaboration struct {
	ID        int       `json:"id"`
	Kind      string    `json:"kind"` // project, image, registry or zone
	ObjectID  int       `json:"object_id"`
	OwnerID   int       `json:"owner_id"`
	UserID    int       `json:"user_id"`
	Active    bool      `json:"active"` // the user has accepted it
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Subscription is what a user pays for a container.
type Subscription struct {
	ID          int            `json:"id"`
	UserID      int            `json:"user_id"`
	Label       string         `json:"label"`
	ExternalID  string         `json:"external_id"`
	Active      bool           `json:"active"`
	ContainerID int            `json:"container_id"`
	ServiceID   int            `json:"container_service_id"`
	ProductID   int            `json:"product_id"` // 0 for a free image without a package
	PhaseID     int            `json:"subscription_product_id"`
	Events      []BillingEvent `json:"billing_events"`
	EndedAt     time.Time      `json:"ended_at"` // zero while it is active
	CreatedAt   time.Time      `json:"created_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
}

// BillingEvent is a change of a subscription. What does not change is zero.
type BillingEvent struct {
	ID            int       `json:"id"`
	FromStatus    string    `json:"from_status"` // active, inactive or ""
	ToStatus      string    `json:"to_status"`
	FromPhase     string    `json:"from_phase"` // trial, discount, final or ""
	ToPhase       string    `json:"to_phase"`
	FromQuantity  int       `json:"from_resource_qty"`
	ToQuantity    int       `json:"to_resource_qty"`
	SourceProduct int       `json:"source_product_id"`
	DestProduct   int       `json:"destination_product_id"`
	CreatedAt     time.Time `json:"created_at"`
}

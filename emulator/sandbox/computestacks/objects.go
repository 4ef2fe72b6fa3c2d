package computestacks

import "time"

// Credentials are what a client needs: API credentials of a user, and a client of OAuth.
type Credentials struct {
	// Username and Password are API credentials: for HTTP Basic, and for the password
	// grant.
	Username string `json:"username"`
	Password string `json:"password"`
	// ClientID and ClientSecret are those of a confidential application, and RedirectURI
	// is the address that is registered with it. Renewed credentials have none.
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	RedirectURI  string `json:"redirect_uri,omitempty"`
}

// Application is a client of OAuth.
type Application struct {
	Name string `json:"name"`
	// RedirectURIs are the addresses that may get its codes: https, http on a loopback IP,
	// urn:ietf:wg:oauth:2.0:oob or :token.
	RedirectURIs []string `json:"redirect_uris"`
	// Scopes are those that it may be granted; none means all.
	Scopes []string `json:"scopes,omitempty"`
	// Confidential says that it can keep its secret.
	Confidential bool `json:"confidential"`
	// ClientID and ClientSecret cannot be chosen. The secret is known only when the
	// application is created.
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
}

// User is an account.
type User struct {
	// ID cannot be chosen.
	ID        int    `json:"id,omitempty"`
	FirstName string `json:"fname"`
	LastName  string `json:"lname"`
	Email     string `json:"email"`
	// Locale and Currency are those of new users if empty.
	Locale   string `json:"locale,omitempty"`
	Currency string `json:"currency,omitempty"`
	// ContainerQuota is how many containers the user may have; 0 means that of new users.
	ContainerQuota int `json:"container_quota,omitempty"`
	// CreatedAt and UpdatedAt cannot be chosen.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// UserChange changes a user. What is nil stays as it is.
type UserChange struct {
	FirstName      *string `json:"fname,omitempty"`
	LastName       *string `json:"lname,omitempty"`
	Email          *string `json:"email,omitempty"`
	Locale         *string `json:"locale,omitempty"`
	Currency       *string `json:"currency,omitempty"`
	ContainerQuota *int    `json:"container_quota,omitempty"`
}

// Order is an order of a user.
type Order struct {
	ID     string `json:"id"`
	UserID int    `json:"user_id"`
	// Status is open, pending, processing, completed, failed, cancelled or
	// awaiting_payment.
	Status string `json:"status"`
	// ProjectID is 0 until the order made its project.
	ProjectID int `json:"project_id,omitempty"`
	// EventID is the event of its work; 0 for none.
	EventID   int       `json:"event_id,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// NewOrder is what a user orders.
type NewOrder struct {
	// UserID is the user who orders; 0 means the default one.
	UserID      int    `json:"user_id,omitempty"`
	ProjectName string `json:"project_name"`
	// ProjectID is an existing project that the containers are added to; 0 for a new one.
	ProjectID  int  `json:"project_id,omitempty"`
	SkipSSH    bool `json:"skip_ssh,omitempty"`
	LocationID int  `json:"location_id,omitempty"`
	// Containers are the services that are ordered.
	Containers []OrderedContainer `json:"containers"`
}

// OrderedContainer is a service that is ordered.
type OrderedContainer struct {
	ImageID int    `json:"image_id"`
	Name    string `json:"name,omitempty"`
	// ProductID is the package; 0 for an image that is free.
	ProductID int `json:"product_id,omitempty"`
	// Params are the settings of the image, by name.
	Params  map[string]string `json:"params,omitempty"`
	Domains []string          `json:"domains,omitempty"`
}

// OrderChange changes an order. What is nil stays as it is.
type OrderChange struct {
	Status *string `json:"status,omitempty"`
}

// Project groups the services of a user.
type Project struct {
	// ID cannot be chosen.
	ID int `json:"id,omitempty"`
	// UserID is the owner; 0 means the default user.
	UserID int    `json:"user_id,omitempty"`
	Name   string `json:"name"`
	// Status is ok or deleting. It cannot be chosen.
	Status  string `json:"status,omitempty"`
	SkipSSH bool   `json:"skip_ssh,omitempty"`
	// RegionID is that of its containers; 0 means the first one.
	RegionID int `json:"region_id,omitempty"`
	// Services cannot be chosen, nor can CreatedAt and UpdatedAt.
	Services  []int     `json:"services,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// ProjectChange changes a project. What is nil stays as it is.
type ProjectChange struct {
	Name *string `json:"name,omitempty"`
}

// Service is a set of equal containers of an image.
type Service struct {
	// ID and UserID cannot be chosen: the owner of the project is that of the service.
	ID        int `json:"id,omitempty"`
	UserID    int `json:"user_id,omitempty"`
	ProjectID int `json:"project_id"`
	ImageID   int `json:"image_id"`
	// ProductID is the package; 0 means the first one that fits, and none for an image
	// that is free.
	ProductID int `json:"product_id,omitempty"`
	// Name is made up. Label is that of the image if empty.
	Name  string `json:"name,omitempty"`
	Label string `json:"label,omitempty"`
	// Containers cannot be chosen, nor can CreatedAt and UpdatedAt.
	Containers []int     `json:"containers,omitempty"`
	CreatedAt  time.Time `json:"created_at,omitzero"`
	UpdatedAt  time.Time `json:"updated_at,omitzero"`
}

// ServiceChange changes a service. What is nil stays as it is.
type ServiceChange struct {
	Label *string `json:"label,omitempty"`
}

// Container is one container of a service.
type Container struct {
	// ID cannot be chosen, nor can UserID and ProjectID, which are those of the service.
	ID        int `json:"id,omitempty"`
	UserID    int `json:"user_id,omitempty"`
	ProjectID int `json:"project_id,omitempty"`
	ServiceID int `json:"service_id"`
	// Name is made up.
	Name string `json:"name,omitempty"`
	// Status is pending, building, rebuilding, running, stopped, degraded, error or
	// migrating; "" means running.
	Status string `json:"status,omitempty"`
	// Wanted is the state that the user wants: running or stopped. It follows from the
	// status: stopped if that is stopped, else running.
	Wanted string `json:"req_state,omitempty"`
	// CreatedAt and UpdatedAt cannot be chosen.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// ContainerChange changes a container. What is nil stays as it is.
type ContainerChange struct {
	Status *string `json:"status,omitempty"`
	// Wanted is running or stopped.
	Wanted *string `json:"req_state,omitempty"`
}

// Event is an action and how far it got.
type Event struct {
	ID int `json:"id"`
	// UserID is who performed it; 0 for the system.
	UserID int `json:"user_id,omitempty"`
	// Locale names the action, as container.restart, and Code is its code.
	Locale string `json:"locale"`
	Code   string `json:"event_code"`
	// Status is pending, running, completed, failed, cancelled or alert, and Reason says
	// why it failed or was cancelled.
	Status      string `json:"status"`
	Reason      string `json:"state_reason,omitempty"`
	Description string `json:"description"`
	// Projects, Services, Containers and Volumes are the objects that it is about.
	Projects   []int `json:"projects,omitempty"`
	Services   []int `json:"services,omitempty"`
	Containers []int `json:"containers,omitempty"`
	Volumes    []int `json:"volumes,omitempty"`
	// Details are texts about it.
	Details   []string  `json:"details,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

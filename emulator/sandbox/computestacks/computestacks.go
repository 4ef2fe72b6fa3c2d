// Package computestacks is what tests see and change of the ComputeStacks API of a
// workspace without HTTP: sandbox.Workspace has it as ComputeStacks. Nothing here counts
// as a request of a client, and nothing waits: an object is in its state at once.
//
//	stacks := workspace.ComputeStacks()
//	c := stacks.Credentials() // for HTTP Basic and OAuth
//	order, err := stacks.CreateOrder(computestacks.NewOrder{
//		ProjectName: "cache",
//		Containers:  []computestacks.OrderedContainer{{ImageID: 4, ProductID: 1}},
//	})
//
// Numbers of objects are those of the API. What is refused is an error that says why, in
// the words of the API where a request would be refused too.
package computestacks

// API is the ComputeStacks API of a workspace.
type API interface {
	// Credentials returns the API credentials of the default user and the client of OAuth
	// that follow from the first key of the workspace and its seed. Clients may have
	// replaced them since.
	Credentials() Credentials
	// RenewCredentials makes new API credentials for a user. Every earlier one of the
	// user, and every access and refresh token, ends at once.
	RenewCredentials(user int) (Credentials, error)
	// CreateApplication adds a client of OAuth. The application that is returned has its
	// id and secret.
	CreateApplication(a Application) (Application, error)

	// Users lists the users, oldest first, and User finds one.
	Users() []User
	User(id int) (User, bool)
	// CreateUser adds a user, and UpdateUser changes one.
	CreateUser(u User) (User, error)
	UpdateUser(id int, c UserChange) (User, error)

	// Orders lists the orders of all users, oldest first, and Order finds one.
	Orders() []Order
	Order(id string) (Order, bool)
	// CreateOrder orders as POST /api/orders does: the work that it causes takes its time,
	// and Finish completes it.
	CreateOrder(o NewOrder) (Order, error)
	// UpdateOrder sets the status of an order. A final status ends the work of the order.
	UpdateOrder(id string, c OrderChange) (Order, error)

	// Projects lists the projects of all users, oldest first, and Project finds one.
	Projects() []Project
	Project(id int) (Project, bool)
	// CreateProject adds a project without services, and UpdateProject changes one.
	CreateProject(p Project) (Project, error)
	UpdateProject(id int, c ProjectChange) (Project, error)

	// Services lists the services of all projects, oldest first, and Service finds one.
	Services() []Service
	Service(id int) (Service, bool)
	// CreateService adds a service to a project, with one running container and with the
	// ports and volumes of its image. UpdateService changes one.
	CreateService(s Service) (Service, error)
	UpdateService(id int, c ServiceChange) (Service, error)

	// Containers lists the containers of all services, oldest first, and Container finds
	// one.
	Containers() []Container
	Container(id int) (Container, bool)
	// CreateContainer adds a container to a service, in any status. UpdateContainer
	// changes one: a crash, for instance, is the status error.
	CreateContainer(c Container) (Container, error)
	UpdateContainer(id int, c ContainerChange) (Container, error)

	// Events lists what users and the system did, oldest first, and Event finds one.
	Events() []Event
	Event(id int) (Event, bool)
	// Finish completes the work of an event now, and Fail makes it fail; "" takes the usual
	// reason. They refuse an event that has ended.
	Finish(event int) error
	Fail(event int, reason string) error
}

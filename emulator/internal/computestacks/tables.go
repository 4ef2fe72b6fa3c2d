package computestacks

import (
	"strconv"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// tables are the tables of the API, but for those of OAuth. Rows are stored under their
// ids.
type tables struct {
	users          *engine.Table[User]
	applications   *engine.Table[Application]
	locations      *engine.Table[Location]
	products       *engine.Table[Product]
	providers      *engine.Table[Provider]
	images         *engine.Table[Image]
	registries     *engine.Table[Registry]
	balancers      *engine.Table[LoadBalancer]
	zones          *engine.Table[Zone]
	orders         *engine.Table[Order]
	projects       *engine.Table[Project]
	services       *engine.Table[Service]
	containers     *engine.Table[Container]
	bastions       *engine.Table[Bastion]
	rules          *engine.Table[IngressRule]
	domains        *engine.Table[Domain]
	volumes        *engine.Table[Volume]
	events         *engine.Table[EventLog]
	histories      *engine.Table[history]
	collaborations *engine.Table[Collaboration]
	subscriptions  *engine.Table[Subscription]
	leaving        *engine.Table[leaving]
}

// addTables adds the tables to a schema.
func (t *tables) addTables(schema *engine.Schema) {
	t.users = addTable(schema, "users", func(r User) int { return r.ID })
	t.applications = engine.AddTable(schema, engine.Kind[Application]{
		Name: prefix + "applications", Internal: func(r Application) bool { return r.OfWorkspace },
		Check: Application.checkSaved,
	})
	t.locations = addTable(schema, "locations", func(r Location) int { return r.ID })
	t.products = addTable(schema, "products", func(r Product) int { return r.ID })
	t.providers = addTable(schema, "providers", func(r Provider) int { return r.ID })
	t.images = addTable(schema, "images", func(r Image) int { return r.ID })
	t.registries = addTable(schema, "registries", func(r Registry) int { return r.ID })
	t.balancers = addTable(schema, "load_balancers", func(r LoadBalancer) int { return r.ID })
	t.zones = addTable(schema, "zones", func(r Zone) int { return r.ID })
	t.orders = engine.AddTable(schema, engine.Kind[Order]{Name: prefix + "orders", Check: func(r Order, id string) error { return checkRow(r.ID, id) }})
	t.projects = addTable(schema, "projects", func(r Project) int { return r.ID })
	t.services = addTable(schema, "services", func(r Service) int { return r.ID })
	t.containers = addTable(schema, "containers", func(r Container) int { return r.ID })
	t.bastions = addTable(schema, "bastions", func(r Bastion) int { return r.ID })
	t.rules = addTable(schema, "ingress_rules", func(r IngressRule) int { return r.ID })
	t.domains = addTable(schema, "domains", func(r Domain) int { return r.ID })
	t.volumes = addTable(schema, "volumes", func(r Volume) int { return r.ID })
	t.events = engine.AddTable(schema, engine.Kind[EventLog]{
		Name: prefix + "events", Check: func(r EventLog, id string) error { return checkRow(strconv.Itoa(r.ID), id) }, Rescheduled: EventLog.rescheduled,
	})
	t.histories = engine.AddTable(schema, engine.Kind[history]{Name: prefix + "histories"})
	t.collaborations = addTable(schema, "collaborations", func(r Collaboration) int { return r.ID })
	t.leaving = engine.AddTable(schema, engine.Kind[leaving]{Name: prefix + "leaving"})
	t.subscriptions = addTable(schema, "subscriptions", func(r Subscription) int { return r.ID })
}

// leaving marks a project that is being deleted, under its number.
type leaving struct{}

// addTable adds a table whose rows are stored under their number.
func addTable[T any](schema *engine.Schema, name string, id func(T) int) *engine.Table[T] {
	return engine.AddTable(schema, engine.Kind[T]{Name: prefix + name, Check: func(row T, at string) error { return checkRow(strconv.Itoa(id(row)), at) }})
}

// newID returns the next number of a kind of rows. No number of a world repeats.
func newID(tx *engine.Tx, kind string) int { return int(tx.Count("id/"+prefix+kind)) + 1 }

// get returns the row with a number; false if there is none.
func get[T any](tx *engine.Tx, t *engine.Table[T], id int) (T, bool) {
	return t.Get(tx, strconv.Itoa(id))
}

// row returns the row with a number; the zero row if there is none.
func row[T any](tx *engine.Tx, t *engine.Table[T], id int) T {
	r, _ := get(tx, t, id)
	return r
}

// put stores a row under a number.
func put[T any](tx *engine.Tx, t *engine.Table[T], id int, r T) { t.Put(tx, strconv.Itoa(id), r) }

// remove deletes the row with a number.
func remove[T any](tx *engine.Tx, t *engine.Table[T], id int) { t.Delete(tx, strconv.Itoa(id)) }

package computestacks

import (
	"maps"
	"slices"

	"skystack.dev/sandbox/emulator/internal/engine"
	typed "skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// CreateOrder places an order, as a request of the user does.
func (d Admin) CreateOrder(o typed.NewOrder) (out typed.Order, err error) {
	in := OrderInput{ProjectName: o.ProjectName, SkipSSH: o.SkipSSH, LocationID: o.LocationID, ProjectID: o.ProjectID}
	for _, c := range o.Containers {
		in.Containers = append(in.Containers, ordered(c))
	}
	err = d.do(func(tx *engine.Tx) error {
		u, err := d.owner(tx, o.UserID)
		if err != nil {
			return err
		}
		placed, err := d.a.PlaceOrder(tx, u, "127.0.0.1", in)
		out = placed.public()
		return err
	})
	return out, err
}

// ordered returns a service of an order as a request has it.
func ordered(c typed.OrderedContainer) OrderContainer {
	out := OrderContainer{ImageID: c.ImageID, Name: c.Name, ProductID: c.ProductID, Domains: slices.Clone(c.Domains)}
	for _, key := range slices.Sorted(maps.Keys(c.Params)) {
		out.Params = append(out.Params, struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		}{key, c.Params[key]})
	}
	return out
}

package computestacks

import (
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

type productBody struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Price     string `json:"price"`
	Term      string `json:"term"`
	CPU       string `json:"cpu"`
	Memory    int    `json:"memory"`
	Storage   *int   `json:"storage"`
	Bandwidth *int   `json:"bandwidth"`
	Backup    int    `json:"backup"`
	LocalDisk *int   `json:"local_disk"`
	Swap      *int   `json:"memory_swap"`
	Swappy    *int   `json:"memory_swappiness"`
	Region    int    `json:"region"`
}

// listProducts returns a row for each package and active region.
//
//	GET /api/products
func (a *API) listProducts(c *httpapi.Call) (any, error) {
	var rows []productBody
	for l := range a.locations.After(c.Tx, 0) {
		for _, r := range l.Value.Regions {
			if !r.Active {
				continue
			}
			for _, p := range rowsOf(c.Tx, a.products, func(p Product) bool { return p.Kind == "package" }) {
				rows = append(rows, productBody{
					p.ID, p.Label, decimal(p.Price), p.Term, decimal(p.CPU), p.Memory, numberOrNil(p.Storage), numberOrNil(p.Bandwidth), p.Backup, numberOrNil(p.LocalDisk),
					p.Swap, p.Swappy, r.ID,
				})
			}
		}
	}
	return listOf(c, "products", rows, func(b productBody) productBody { return b }), nil
}

type locationBody struct {
	ID      int          `json:"id"`
	Name    string       `json:"name"`
	Regions []namedEntry `json:"regions"`
}

func showLocation(l Location) locationBody {
	b := locationBody{ID: l.ID, Name: l.Name, Regions: []namedEntry{}}
	for _, r := range l.Regions {
		if r.Active {
			b.Regions = append(b.Regions, namedEntry{r.ID, r.Name})
		}
	}
	return b
}

// listLocations returns the locations with their active regions, by name.
//
//	GET /api/locations
func (a *API) listLocations(c *httpapi.Call) (any, error) {
	return listOf(c, "locations", byName(rowsOf(c.Tx, a.locations, nil), func(l Location) string { return l.Name }), showLocation), nil
}

// getLocation returns a location.
//
//	GET /api/locations/{id}
func (a *API) getLocation(c *httpapi.Call) (any, error) {
	l, ok := get(c.Tx, a.locations, idOf(c.Param("id")))
	if !ok {
		return nil, notFound("Unknown location")
	}
	return one("location", showLocation(l)), nil
}

package computestacks

import (
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// paramKind is a kind of parameters of an image, with rows T, inputs In and bodies B. The
// five operations on each kind are the same (C45).
type paramKind[T, In, B any] struct {
	list, item string // the members of bodies
	rows       func(*Image) *[]T
	meta       func(*T) (id *int, created, updated *time.Time)
	show       func(Image, T) B
	// order is the text that lists are in the order of; nil leaves them in the order of
	// creation.
	order func(T) string
	// apply sets what was sent, and returns what is wrong with the row in its image. A new
	// row is the zero one with the defaults of the kind.
	apply func(a *API, c *httpapi.Call, i Image, row *T, in In) []string
	// zero returns a new row.
	zero func() T
}

// metaOf are the members that all rows have.
type metaOf interface {
	meta() (id *int, created, updated *time.Time)
}

func (p *EnvParam) meta() (id *int, created, updated *time.Time) {
	return &p.ID, &p.CreatedAt, &p.UpdatedAt
}
func (p *SettingParam) meta() (id *int, created, updated *time.Time) {
	return &p.ID, &p.CreatedAt, &p.UpdatedAt
}
func (p *IngressParam) meta() (id *int, created, updated *time.Time) {
	return &p.ID, &p.CreatedAt, &p.UpdatedAt
}
func (p *VolumeParam) meta() (id *int, created, updated *time.Time) {
	return &p.ID, &p.CreatedAt, &p.UpdatedAt
}
func (p *Relationship) meta() (id *int, created, updated *time.Time) {
	return &p.ID, &p.CreatedAt, &p.UpdatedAt
}

// numberRows gives new rows their ids and times.
func numberRows[T any, P interface {
	*T
	metaOf
}](tx *engine.Tx, rows []T, kind string) {
	for n := range rows {
		id, created, updated := P(&rows[n]).meta()
		*id, *created, *updated = newID(tx, kind), tx.Now(), tx.Now()
	}
}

// addAll adds rows that came with a new image, and returns what is wrong with them.
func addAll[T, In, B any](a *API, c *httpapi.Call, i *Image, k paramKind[T, In, B], inputs []In) (wrong []string) {
	for _, in := range inputs {
		row := k.zero()
		wrong = append(wrong, k.apply(a, c, *i, &row, in)...)
		rows := k.rows(i)
		*rows = append(*rows, row)
	}
	return wrong
}

// paramOperations returns the operations of a kind, whose ids end with a name.
func paramOperations[T, In, B any](a *API, name string, k paramKind[T, In, B]) []operation {
	find := func(i Image, id string) (n int, err error) {
		rows := *k.rows(&i)
		n = slices.IndexFunc(rows, func(row T) bool { of, _, _ := k.meta(&row); return *of == idOf(id) })
		if n < 0 {
			return 0, notFound("Unknown " + strings.ReplaceAll(k.item, "_", " "))
		}
		return n, nil
	}
	decode := func(c *httpapi.Call) (in In, err error) {
		err = c.DecodeMember(k.item, &in)
		return in, err
	}
	return []operation{
		{"list" + name + "s", func(c *httpapi.Call) (any, error) {
			i, err := a.findImage(c, c.Param("id"))
			if err != nil {
				return nil, err
			}
			rows := *k.rows(&i)
			if k.order != nil {
				rows = byName(slices.Clone(rows), k.order)
			}
			return listOf(c, k.list, rows, func(row T) B { return k.show(i, row) }), nil
		}},
		{"get" + name, func(c *httpapi.Call) (any, error) {
			i, err := a.findImage(c, c.Param("id"))
			if err != nil {
				return nil, err
			}
			n, err := find(i, c.Param("item_id"))
			if err != nil {
				return nil, err
			}
			return one(k.item, k.show(i, (*k.rows(&i))[n])), nil
		}},
		{"create" + name, func(c *httpapi.Call) (any, error) {
			i, err := a.ownImage(c, c.Param("id"))
			if err != nil {
				return nil, err
			}
			in, err := decode(c)
			if err != nil {
				return nil, err
			}
			row := k.zero()
			if wrong := k.apply(a, c, i, &row, in); len(wrong) > 0 {
				return nil, unprocessable(wrong...)
			}
			id, created, updated := k.meta(&row)
			*id, *created, *updated = newID(c.Tx, k.item), c.Now(), c.Now()
			rows := k.rows(&i)
			*rows = append(slices.Clip(*rows), row)
			put(c.Tx, a.images, i.ID, i)
			return one(k.item, k.show(i, row)), nil
		}},
		{"update" + name, func(c *httpapi.Call) (any, error) {
			i, err := a.ownImage(c, c.Param("id"))
			if err != nil {
				return nil, err
			}
			n, err := find(i, c.Param("item_id"))
			if err != nil {
				return nil, err
			}
			in, err := decode(c)
			if err != nil {
				return nil, err
			}
			rows := k.rows(&i)
			row := (*rows)[n]
			if wrong := k.apply(a, c, i, &row, in); len(wrong) > 0 {
				return nil, unprocessable(wrong...)
			}
			_, _, updated := k.meta(&row)
			*updated = c.Now()
			*rows = slices.Clone(*rows)
			(*rows)[n] = row
			put(c.Tx, a.images, i.ID, i)
			return one(k.item, k.show(i, row)), nil
		}},
		{"delete" + name, func(c *httpapi.Call) (any, error) {
			i, err := a.ownImage(c, c.Param("id"))
			if err != nil {
				return nil, err
			}
			n, err := find(i, c.Param("item_id"))
			if err != nil {
				return nil, err
			}
			rows := k.rows(&i)
			*rows = slices.Delete(slices.Clone(*rows), n, n+1)
			put(c.Tx, a.images, i.ID, i)
			return empty{}, nil
		}},
	}
}

package computestacks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// What a saved world must be like, so that no such world makes the API answer what its
// contract does not allow. Objects that may be gone while others still name them are not
// looked for: the project of an order, the objects of an event, the service of a trashed
// volume or of a subscription that ended.

// importing checks the rows of a saved world.
type importing struct {
	*API
	tx *engine.Tx
}

// checkReferences checks a saved world after its rows. The error names the row.
func (a *API) checkReferences(tx *engine.Tx) error {
	i := importing{a, tx}
	checks := []func() error{i.catalog, i.owned, i.orders, i.placed, i.parts, i.routes, i.attached, i.happened, i.billed, i.tokens, i.numbers}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// each checks every row of a table.
func each[T any](i importing, table *engine.Table[T], name string, check func(f *resource.Violations, id string, r T)) error {
	for row := range table.After(i.tx, 0) {
		var f resource.Violations
		check(&f, row.ID, row.Value)
		if err := f.First(); err != nil {
			return fmt.Errorf("/tables: %s%s %q: %w", prefix, name, fail.Clip(row.ID), err)
		}
	}
	return nil
}

// refers checks that a member has the number of a row.
func refers[T any](i importing, f *resource.Violations, member, noun string, table *engine.Table[T], id int) {
	if _, ok := get(i.tx, table, id); !ok {
		f.Add(member, "there is no %s %d in the file", noun, id)
	}
}

// lists checks that a member has the numbers of rows that belong to the row, each once.
func lists[T any](i importing, f *resource.Violations, member, noun string, table *engine.Table[T], ids []int, belongs func(T) bool) {
	for n, id := range ids {
		switch r, ok := get(i.tx, table, id); {
		case !ok:
			f.Add(member, "there is no %s %d in the file", noun, id)
		case !belongs(r):
			f.Add(member, "the %s %d of the file does not belong to this row", noun, id)
		case slices.Contains(ids[:n], id):
			f.Add(member, "the %s %d is listed twice", noun, id)
		}
	}
}

// oneOf checks that a member is one of some words.
func oneOf(f *resource.Violations, member, word string, words ...string) {
	if !slices.Contains(words, word) {
		f.Add(member, "%q is unknown; write one of %s", fail.Clip(word), strings.Join(words, ", "))
	}
}

// times checks that times can be written.
func times(f *resource.Violations, all ...time.Time) {
	for n, at := range all {
		if n < 2 && at.IsZero() {
			f.Add([]string{"created_at", "updated_at"}[n], "is missing")
		}
		f.Time("time", at)
	}
}

// catalog checks places, products, images and load balancers.
func (i importing) catalog() error {
	err := each(i, i.locations, "locations", func(f *resource.Violations, _ string, l Location) {
		for _, g := range l.Regions {
			f.Within("regions.id", g.ID, 1, maxNumber)
		}
	})
	if err == nil {
		err = each(i, i.products, "products", func(f *resource.Violations, _ string, p Product) {
			oneOf(f, "kind", p.Kind, "resource", "package", "image", "addon")
			oneOf(f, "term", p.Term, "hour", "month", "year", "")
			if p.Price < 0 || p.CPU < 0 || p.Memory < 0 {
				f.Add("price", "price, cpu and memory cannot be negative")
			}
		})
	}
	if err == nil {
		err = each(i, i.balancers, "load_balancers", func(f *resource.Violations, _ string, lb LoadBalancer) { i.inRegion(f, lb.RegionID) })
	}
	if err != nil {
		return err
	}
	return each(i, i.images, "images", i.image)
}

// image checks an image and what orders can set on it.
func (i importing) image(f *resource.Violations, _ string, m Image) {
	if m.UserID != 0 {
		i.ofUser(f, m.UserID)
	}
	refers(i, f, "container_image_provider_id", "provider", i.providers, m.ProviderID)
	oneOf(f, "role_class", m.RoleClass, "web", "database", "cache", "dev", "misc")
	for _, p := range m.EnvParams {
		oneOf(f, "env_params.param_type", p.Type, "static", "variable")
	}
	for _, p := range m.SettingParams {
		oneOf(f, "setting_params.param_type", p.Type, "static", "password")
	}
	for _, p := range m.IngressParams {
		i.port(f, "ingress_params.", p.Port, p.Proto, p.TCPProxyOpt)
	}
	for _, p := range m.VolumeParams {
		oneOf(f, "volume_params.borg_strategy", p.Strategy, "file", "mysql", "postgres")
	}
	for _, r := range m.Requires {
		refers(i, f, "image_relationships", "image", i.images, r.Requires)
	}
	times(f, m.CreatedAt, m.UpdatedAt, m.ValidatedAt)
}

// port checks what opens a port.
func (i importing) port(f *resource.Violations, at string, port int, proto, option string) {
	f.Within(at+"port", port, 1, 65535)
	oneOf(f, at+"proto", proto, "http", "https", "tcp", "tls", "udp")
	oneOf(f, at+"tcp_proxy_opt", option, "none", "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn")
}

func (i importing) ofUser(f *resource.Violations, id int) {
	refers(i, f, "user_id", "user", i.users, id)
}

func (i importing) inRegion(f *resource.Violations, id int) {
	if _, _, ok := i.region(i.tx, id); !ok {
		f.Add("region_id", "there is no region %d in the file", id)
	}
}

// owned checks users, and what belongs to them by itself.
func (i importing) owned() error {
	counted := map[int]int{}
	for k := range i.containers.After(i.tx, 0) {
		counted[k.Value.UserID]++
	}
	err := each(i, i.users, "users", func(f *resource.Violations, _ string, u User) {
		if n := counted[u.ID]; u.Containers != n {
			f.Add("containers", "is %d, and %d containers of the file belong to the user", u.Containers, n)
		}
		if currencySymbol(u.Currency) == "" {
			f.Add("currency", "%q is unknown", fail.Clip(u.Currency))
		}
		times(f, u.CreatedAt, u.UpdatedAt)
	})
	if err == nil {
		err = each(i, i.registries, "registries", func(f *resource.Violations, _ string, r Registry) {
			i.ofUser(f, r.UserID)
			oneOf(f, "status", r.Status, registryNew, registryDeploying, registryDeployed, registryWorking, "error")
			times(f, r.CreatedAt, r.UpdatedAt)
		})
	}
	if err == nil {
		err = each(i, i.zones, "zones", func(f *resource.Violations, _ string, z Zone) {
			i.ofUser(f, z.UserID)
			for _, r := range z.Records {
				oneOf(f, "records.type", r.Type, recordTypes()...)
			}
			times(f, z.CreatedAt, z.UpdatedAt)
		})
	}
	if err != nil {
		return err
	}
	return each(i, i.collaborations, "collaborations", func(f *resource.Violations, _ string, s Collaboration) {
		i.ofUser(f, s.UserID)
		refers(i, f, "owner_id", "user", i.users, s.OwnerID)
		switch s.Kind {
		case ofProject:
			refers(i, f, "object_id", s.Kind, i.projects, s.ObjectID)
		case ofImage:
			refers(i, f, "object_id", s.Kind, i.images, s.ObjectID)
		case ofRegistry:
			refers(i, f, "object_id", s.Kind, i.registries, s.ObjectID)
		case ofZone:
			refers(i, f, "object_id", s.Kind, i.zones, s.ObjectID)
		default:
			oneOf(f, "kind", s.Kind, ofProject, ofImage, ofRegistry, ofZone)
		}
		times(f, s.CreatedAt, s.UpdatedAt)
	})
}

// orders checks orders: what an order shows, and what it is to build.
func (i importing) orders() error {
	return each(i, i.API.orders, "orders", func(f *resource.Violations, _ string, o Order) {
		var data orderData
		var p plan
		i.ofUser(f, o.UserID)
		oneOf(f, "status", o.Status, "open", pending, processing, completed, failed, cancelled, "awaiting_payment")
		decodes(f, "order_data", o.Data, &data)
		decodes(f, "plan", o.Plan, &p)
		times(f, o.CreatedAt, o.UpdatedAt)
	})
}

// checkSaved refuses a saved application that could not be registered.
func (r Application) checkSaved(id string) error {
	var f resource.Violations
	f.Same(r.ClientID, id)
	return f.OrElse(checkApplication(r.RedirectURIs, r.Scopes))
}

// decodes checks that a member is an object of a type.
func decodes(f *resource.Violations, member string, text jsontext.Value, into any) {
	if text.Kind() != '{' {
		f.Add(member, "is no object")
	} else if err := json.Unmarshal(text, into); err != nil {
		f.Add(member, "is not what the sandbox wrote: %v", err)
	}
}

// tokens checks codes and refresh tokens.
func (i importing) tokens() error {
	err := each(i, i.codes, "oauth_codes", func(f *resource.Violations, _ string, c oauthCode) {
		i.ofUser(f, c.UserID)
		times(f, c.ExpiresAt)
	})
	if err != nil {
		return err
	}
	return each(i, i.refreshes, "oauth_refresh_tokens", func(f *resource.Violations, _ string, r refreshToken) { i.ofUser(f, r.UserID) })
}

// numbers checks that no row has a number that the world will give to a new one.
func (i importing) numbers() error {
	newest := func(table, kind, id string) error {
		if n, given := idOf(id), i.tx.Peek("id/"+prefix+kind); uint64(n) > given { //nolint:gosec // idOf is not negative
			return fmt.Errorf("/tables: %s%s %q: id: is above %s, the counter of the file", prefix, table, fail.Clip(id), strconv.FormatUint(given, 10))
		}
		return nil
	}
	return i.eachNumber(newest)
}

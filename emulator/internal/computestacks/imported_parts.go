package computestacks

import (
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// maxNumber bounds what is written as a number.
const maxNumber = 1 << 30

// placed checks projects and services.
func (i importing) placed() error {
	err := each(i, i.projects, "projects", func(f *resource.Violations, id string, p Project) {
		i.ofUser(f, p.UserID)
		i.inRegion(f, p.RegionID)
		oneOf(f, "status", p.Status, "ok", deleting)
		if i.leaving.Has(i.tx, id) != (p.Status == deleting) {
			f.Add("status", "is %s, and the table %sleaving says otherwise", p.Status, prefix)
		}
		lists(i, f, "services", "service", i.services, p.Services, func(s Service) bool { return s.ProjectID == p.ID })
		lists(i, f, "bastions", "bastion", i.bastions, p.Bastions, func(b Bastion) bool { return b.ProjectID == p.ID })
		lists(i, f, "volumes", "volume", i.volumes, p.Volumes, func(v Volume) bool { return v.ProjectID == p.ID })
		times(f, p.CreatedAt, p.UpdatedAt)
	})
	if err != nil {
		return err
	}
	return each(i, i.services, "services", func(f *resource.Violations, _ string, s Service) {
		i.ofProject(f, s.ProjectID, s.UserID)
		refers(i, f, "container_image_id", "image", i.images, s.ImageID)
		if s.ProductID != 0 {
			refers(i, f, "product_id", "product", i.products, s.ProductID)
		}
		i.inRegion(f, s.RegionID)
		lists(i, f, "containers", "container", i.containers, s.Containers, func(k Container) bool { return k.ServiceID == s.ID })
		lists(i, f, "ingress_rules", "ingress rule", i.rules, s.IngressRules, func(r IngressRule) bool { return r.ServiceID == s.ID })
		lists(i, f, "domains", "domain", i.domains, s.Domains, func(d Domain) bool { return d.ServiceID == s.ID })
		lists(i, f, "volumes", "volume", i.volumes, s.Volumes, func(v Volume) bool { return v.ServiceID == s.ID })
		for _, v := range s.Settings {
			oneOf(f, "settings.param_type", v.Type, "static", "password")
		}
		times(f, s.CreatedAt, s.UpdatedAt)
	})
}

// ofProject checks that a row belongs to a project and its user.
func (i importing) ofProject(f *resource.Violations, project, user int) {
	p, ok := get(i.tx, i.projects, project)
	switch {
	case !ok:
		f.Add("project_id", "there is no project %d in the file", project)
	case p.UserID != user:
		f.Add("user_id", "is %d, and the project %d is of user %d", user, project, p.UserID)
	}
}

// ofService checks that a row belongs to a service and its project.
func (i importing) ofService(f *resource.Violations, service, project, user int) {
	s, ok := get(i.tx, i.services, service)
	switch {
	case !ok:
		f.Add("container_service_id", "there is no service %d in the file", service)
	case s.ProjectID != project:
		f.Add("project_id", "is %d, and the service %d is in project %d", project, service, s.ProjectID)
	}
	i.ofProject(f, project, user)
}

// parts checks containers and bastions.
func (i importing) parts() error {
	err := each(i, i.containers, "containers", func(f *resource.Violations, _ string, k Container) {
		i.ofService(f, k.ServiceID, k.ProjectID, k.UserID)
		oneOf(f, "req_state", k.ReqState, running, "stopped")
		oneOf(f, "status", k.Status, pending, "building", "rebuilding", running, "stopped", "degraded", "error", "migrating", "trashed")
		f.Within("memory", k.Memory, 0, maxNumber)
		refers(i, f, "subscription_id", "subscription", i.subscriptions, k.SubscriptionID)
		times(f, k.CreatedAt, k.UpdatedAt, k.StartedAt)
	})
	if err != nil {
		return err
	}
	return each(i, i.bastions, "bastions", func(f *resource.Violations, _ string, b Bastion) {
		i.ofProject(f, b.ProjectID, b.UserID)
		oneOf(f, "status", b.Status, pending, "building", "rebuilding", running, "stopped", "degraded", "error")
		f.Within("port", b.Port, 1, 65535)
		times(f, b.CreatedAt, b.UpdatedAt)
	})
}

// routes checks ingress rules and domains.
func (i importing) routes() error {
	err := each(i, i.rules, "ingress_rules", func(f *resource.Violations, _ string, r IngressRule) {
		i.ofService(f, r.ServiceID, r.ProjectID, r.UserID)
		i.port(f, "", r.Port, r.Proto, r.TCPProxyOpt)
		f.Within("port_nat", r.PortNAT, 0, 65535)
		lists(i, f, "domains", "domain", i.domains, r.Domains, func(d Domain) bool { return d.RuleID == r.ID })
		times(f, r.CreatedAt, r.UpdatedAt)
	})
	if err != nil {
		return err
	}
	return each(i, i.domains, "domains", func(f *resource.Violations, _ string, d Domain) {
		i.ofService(f, d.ServiceID, d.ProjectID, d.UserID)
		refers(i, f, "ingress_rule_id", "ingress rule", i.rules, d.RuleID)
		oneOf(f, "lets_encrypt", d.LetsEncrypt, "active", pending, "inactive")
		times(f, d.CreatedAt, d.UpdatedAt)
	})
}

// attached checks volumes. Those in the trash outlive their service.
func (i importing) attached() error {
	return each(i, i.volumes, "volumes", func(f *resource.Violations, _ string, v Volume) {
		if !v.Trash {
			i.ofService(f, v.ServiceID, v.ProjectID, v.UserID)
		}
		i.ofUser(f, v.UserID)
		oneOf(f, "borg_strategy", v.Strategy, "file", "mysql", "postgres")
		times(f, v.CreatedAt, v.UpdatedAt, v.TrashAfter, v.DetachedAt)
	})
}

// happened checks events, and what objects list of them.
func (i importing) happened() error {
	err := each(i, i.events, "events", func(f *resource.Violations, _ string, e EventLog) {
		oneOf(f, "status", e.Status, pending, running, completed, failed, cancelled, "alert")
		if _, known := i.effects[e.Locale]; !known && e.active() {
			f.Add("locale", "there is no work %q", e.Locale)
		}
		if e.UserID != 0 {
			i.ofUser(f, e.UserID)
		}
		times(f, e.CreatedAt, e.UpdatedAt)
	})
	if err != nil {
		return err
	}
	return each(i, i.histories, "histories", func(f *resource.Violations, id string, h history) {
		kind, number, _ := strings.Cut(id, "/")
		oneOf(f, "id", kind, "project", "service", "container", "volume")
		if idOf(number) == 0 {
			f.Add("id", "is no kind and number of an object, as project/1")
		}
		lists(i, f, "events", "event", i.events, h.Events, func(EventLog) bool { return true })
	})
}

// billed checks subscriptions.
func (i importing) billed() error {
	product := func(f *resource.Violations, member string, id int) {
		if id != 0 { // of a free image
			refers(i, f, member, "product", i.products, id)
		}
	}
	return each(i, i.subscriptions, "subscriptions", func(f *resource.Violations, _ string, s Subscription) {
		i.ofUser(f, s.UserID)
		product(f, "product_id", s.ProductID)
		if s.Active {
			refers(i, f, "container_id", "container", i.containers, s.ContainerID)
		}
		for _, e := range s.Events {
			product(f, "billing_events.source_product_id", e.SourceProduct)
			product(f, "billing_events.destination_product_id", e.DestProduct)
			oneOf(f, "billing_events.to_status", e.ToStatus, "", "active", "inactive")
			oneOf(f, "billing_events.from_phase", e.FromPhase, "", "trial", "discount", "final")
			oneOf(f, "billing_events.to_phase", e.ToPhase, "", "trial", "discount", "final")
			times(f, e.CreatedAt)
		}
		times(f, s.CreatedAt, s.UpdatedAt, s.EndedAt)
	})
}

// eachNumber calls f with every row that has a number: its table, the counter of its
// numbers, and its id.
func (i importing) eachNumber(f func(table, kind, id string) error) error {
	for _, err := range []error{
		ids(i.tx, i.users, "users", "user", f), ids(i.tx, i.products, "products", "product", f), ids(i.tx, i.images, "images", "image", f),
		ids(i.tx, i.registries, "registries", "registry", f), ids(i.tx, i.projects, "projects", "project", f),
		ids(i.tx, i.services, "services", "service", f), ids(i.tx, i.containers, "containers", "container", f),
		ids(i.tx, i.bastions, "bastions", "bastion", f), ids(i.tx, i.rules, "ingress_rules", "ingress_rule", f),
		ids(i.tx, i.domains, "domains", "domain", f), ids(i.tx, i.volumes, "volumes", "volume", f), ids(i.tx, i.events, "events", "event", f),
		ids(i.tx, i.collaborations, "collaborations", "collaboration", f), ids(i.tx, i.subscriptions, "subscriptions", "subscription", f),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// ids calls f with the ids of a table.
func ids[T any](tx *engine.Tx, t *engine.Table[T], table, kind string, f func(table, kind, id string) error) error {
	for row := range t.After(tx, 0) {
		if err := f(table, kind, row.ID); err != nil {
			return err
		}
	}
	return nil
}

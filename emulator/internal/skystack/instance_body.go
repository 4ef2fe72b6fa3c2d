package skystack

import (
	"strings"

	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// instanceBody is an instance on the wire: a superset of what the documents
// print (S47, S51, S53, S54).
type instanceBody struct {
	Instance
	version string // "" is the default version
}

// ResourceID implements httpapi.Identified.
func (b instanceBody) ResourceID() string { return b.ID }

// ResourceVersion implements httpapi.Versioned.
func (b instanceBody) ResourceVersion() int { return b.Version }

// body shows the instance as the default version has it.
func (i Instance) body() instanceBody { return instanceBody{Instance: i} }

// in shows the instance as another version has it (6.2).
func (b instanceBody) in(version string) any {
	b.version = version
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (b instanceBody) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil), nil }

// AppendJSON implements httpapi.Appender.
func (b instanceBody) AppendJSON(to []byte) []byte { return writeInstance(to, &b.Instance, b.version) }

// writeInstance writes an instance as a version has it. Instances are most of
// what is sent, and this is ten times as fast as reflection.
func writeInstance(to []byte, i *Instance, version string) []byte {
	o := object{append(to, '{')}
	o.text("id", i.ID)
	o.text("name", i.Name)
	o.text("status", string(i.Status))
	o.reason("status_reason", i.Reason)
	o.text("project_id", i.ProjectID)
	o.text("region", i.Region)
	if version != cursorEra {
		o.text("size", i.Size)
	}
	if version != pageEra {
		o.text("profile", i.Size)
	}
	o.text("image", i.Image)
	o.orNull("ip", i.PrivateIP)
	if version != pageEra {
		o.truth("autoscale", i.Autoscale != nil && i.Autoscale.Enabled)
		o.autoscale("autoscale_policy", i.Policy, i.Autoscale)
	}
	i.writeNetwork(&o)
	o.name("storage")
	o.b = append(o.b, '[')
	for n, v := range i.Storage {
		o.comma(n)
		inner := object{append(o.b, '{')}
		inner.number("size_gb", v.SizeGB)
		inner.text("type", v.Type)
		o.b = append(inner.b, '}')
	}
	o.b = append(o.b, ']')
	o.raw("labels", i.Labels)
	o.raw("metadata", i.Metadata)
	o.orNull("pending_action", i.PendingAction)
	o.number("version", i.Version)
	o.time("created_at", i.CreatedAt)
	o.time("updated_at", i.UpdatedAt)
	return append(o.b, '}')
}

func (i *Instance) writeNetwork(o *object) {
	o.name("network")
	n := object{append(o.b, '{')}
	n.text("state", i.networkState())
	n.orNull("private_ip", i.PrivateIP)
	n.orNull("public_ip", i.PublicIP)
	n.orNull("subnet", i.Subnet)
	n.name("firewall_ids")
	n.b = append(n.b, '[')
	for k, id := range i.FirewallIDs {
		n.comma(k)
		n.b = httpapi.AppendString(n.b, id)
	}
	o.b = append(n.b, "]}"...)
}

// networkState says how far the network of an instance is: it is attached when
// the instance first runs, and stays so while it is stopped (S54).
func (i *Instance) networkState() string {
	switch {
	case i.Status == Deleting:
		return "detached"
	case i.PrivateIP != "":
		return "attached"
	default:
		return "pending"
	}
}

// text is a string, or null when it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// clip shortens what a client sent to what fits in a sentence.
func clip(s string) string { return clipAt(s, 80) }

func clipAt(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

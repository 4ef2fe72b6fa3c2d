package skystack

import (
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
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
	o := resource.OpenObject(to)
	o.Text("id", i.ID)
	o.Text("name", i.Name)
	o.Text("status", string(i.Status))
	appendReason(&o, "status_reason", i.Reason)
	o.Text("project_id", i.ProjectID)
	o.Text("region", i.Region)
	if version != cursorEra {
		o.Text("size", i.Size)
	}
	if version != pageEra {
		o.Text("profile", i.Size)
	}
	o.Text("image", i.Image)
	o.TextOrNull("ip", i.PrivateIP)
	if version != pageEra {
		o.Bool("autoscale", i.Autoscale != nil && i.Autoscale.Enabled)
		appendAutoscale(&o, "autoscale_policy", i.Policy, i.Autoscale)
	}
	i.writeNetwork(&o)
	o.Name("storage")
	o.B = append(o.B, '[')
	for n, v := range i.Storage {
		o.Comma(n)
		inner := resource.OpenObject(o.B)
		inner.Number("size_gb", v.SizeGB)
		inner.Text("type", v.Type)
		o.B = inner.Close()
	}
	o.B = append(o.B, ']')
	o.Raw("labels", i.Labels)
	o.Raw("metadata", i.Metadata)
	o.TextOrNull("pending_action", i.PendingAction)
	o.Number("version", i.Version)
	o.Time("created_at", i.CreatedAt)
	o.Time("updated_at", i.UpdatedAt)
	return o.Close()
}

func (i *Instance) writeNetwork(o *resource.Object) {
	o.Name("network")
	n := resource.OpenObject(o.B)
	n.Text("state", i.networkState())
	n.TextOrNull("private_ip", i.PrivateIP)
	n.TextOrNull("public_ip", i.PublicIP)
	n.TextOrNull("subnet", i.Subnet)
	n.Name("firewall_ids")
	n.B = append(n.B, '[')
	for k, id := range i.FirewallIDs {
		n.Comma(k)
		n.B = httpapi.AppendString(n.B, id)
	}
	o.B = append(n.B, "]}"...)
}

// networkState returns the state of an instance's network: it is attached when
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

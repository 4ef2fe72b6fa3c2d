package skystack

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/resource"
)

var nameShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

const (
	maxLabel    = 255 // characters of a label's value
	maxFreeDeep = 63  // objects and lists in metadata, as in a body
)

// checkAddress checks that the sandbox could have given an address.
func checkAddress(f *resource.Violations, member, address string, pools []pool) {
	if address == "" {
		return
	}
	if wrong := wrongAddress(address, pools); wrong != "" {
		f.Add(member, "%s", wrong)
	}
}

// shapes finds what is wrong with an instance by itself, labels and metadata
// apart.
func (i *Instance) shapes(f *resource.Violations) {
	f.ID("id", "ins", i.ID)
	if !nameShape.MatchString(i.Name) {
		f.Add("name", "%q is not a name; write 1 to 63 letters, digits, dots, underscores or hyphens, beginning with a letter or digit", fail.Clip(i.Name))
	}
	if !slices.Contains(Statuses(), i.Status) {
		f.Add("status", "%q is unknown; use one of %s", fail.Clip(string(i.Status)), strings.Join(resource.Words(Statuses()), ", "))
	}
	f.ID("project_id", "prj", i.ProjectID)
	f.Slug("region", i.Region)
	f.Slug("size", i.Size)
	f.Slug("image", i.Image)
	checkAddress(f, "ip", i.PrivateIP, privatePools())
	checkAddress(f, "public_ip", i.PublicIP, publicPools())
	f.Time("created_at", i.CreatedAt)
	f.Time("updated_at", i.UpdatedAt)
}

// freeShapes finds what is wrong with labels and metadata, which must be JSON.
func (i *Instance) freeShapes(f *resource.Violations) {
	var labels map[string]string
	if i.Labels != nil {
		if err := json.Unmarshal(i.Labels, &labels); err != nil {
			f.Add("labels", "must be an object of strings")
		}
	}
	for _, d := range checkLabels(maps.Keys(labels)) {
		f.Add(d.Field, "%s", d.Message)
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		f.Text("labels."+fail.Clip(key), labels[key], 0, maxLabel)
	}
	members := len(labels)
	for _, free := range []struct {
		name string
		v    jsontext.Value
	}{{"labels", i.Labels}, {"metadata", i.Metadata}} {
		if free.v == nil {
			continue
		}
		if resource.Deepest(free.v) > maxFreeDeep {
			f.Add(free.name, "nests objects and lists more than %d deep", maxFreeDeep)
			continue
		}
		if free.name == "metadata" {
			if free.v.Kind() != '{' {
				f.Add(free.name, "must be an object")
				continue
			}
			members = len(resource.MembersOf(free.v))
		}
		if members > maxMembers {
			f.Add(free.name, "has %d members; at most %d are kept", members, maxMembers)
		}
	}
}

// shapes finds what is wrong with a project by itself.
func (p *Project) shapes(f *resource.Violations) {
	f.ID("id", "prj", p.ID)
	f.Text("name", p.Name, 1, 63)
	f.Text("description", p.Description, 0, 255)
	f.Time("created_at", p.CreatedAt)
	f.Time("updated_at", p.UpdatedAt)
}

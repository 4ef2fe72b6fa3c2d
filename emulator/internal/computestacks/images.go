package computestacks

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// imageOperations lists the operations of images, their parameters and providers.
func (a *API) imageOperations() []operation {
	return slices.Concat([]operation{
		{"listContainerImages", a.listImages},
		{"getContainerImage", a.getImage},
		{"createContainerImage", a.createImage},
		{"updateContainerImage", a.updateImage},
		{"deleteContainerImage", a.deleteImage},
		{"listImageProviders", a.listProviders},
		{"getImageProvider", a.getProvider},
	}, paramOperations(a, "EnvParam", envParams()), paramOperations(a, "SettingParam", settingParams()), paramOperations(a, "IngressParam", ingressParams()),
		paramOperations(a, "VolumeParam", volumeParams()), paramOperations(a, "ImageRelationship", relationships()))
}

// seesImage reports whether the caller sees an image: an active public one, an own one, or
// one that is shared. A token of client credentials sees public images alone.
func (a *API) seesImage(c *httpapi.Call, i Image) bool {
	return i.UserID == 0 && i.Active || a.ownsImage(c, i)
}

// ownsImage reports whether the caller may change an image.
func (a *API) ownsImage(c *httpapi.Call, i Image) bool {
	return i.UserID != 0 && a.uses(c, ofImage, i.ID, i.UserID)
}

// findImage returns the image with an id that the caller sees.
func (a *API) findImage(c *httpapi.Call, id string) (Image, error) {
	i, ok := get(c.Tx, a.images, idOf(id))
	if !ok || !a.seesImage(c, i) {
		return i, notFound("Unknown container image")
	}
	return i, nil
}

// ownImage returns the image with an id that the caller may change.
func (a *API) ownImage(c *httpapi.Call, id string) (Image, error) {
	i, ok := get(c.Tx, a.images, idOf(id))
	if !ok || !a.ownsImage(c, i) {
		return i, notFound("Unknown container image")
	}
	return i, nil
}

// notAlphanumeric is what byname drops before the pattern is read.
var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// listImages returns the images that the caller sees.
//
//	GET /api/container_images
func (a *API) listImages(c *httpapi.Call) (any, error) {
	filter, name := c.RawQuery("filter"), notAlphanumeric.ReplaceAllString(c.RawQuery("byname"), "")
	rows := rowsOf(c.Tx, a.images, func(i Image) bool {
		return a.seesImage(c, i) && (filter != "owned" || i.UserID != 0) && (filter != "isLoadBalancer" || i.IsLoadBalancer) && strings.Contains(i.Label, name)
	})
	if a.userID(c) == 0 {
		rows = byName(rows, func(i Image) string { return i.Label })
	}
	return listOf(c, "container_images", rows, func(i Image) imageBody { return a.imageBody(c.Tx, i) }), nil
}

// getImage returns an image.
//
//	GET /api/container_images/{id}
func (a *API) getImage(c *httpapi.Call) (any, error) {
	i, err := a.findImage(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return one("container_image", a.imageBody(c.Tx, i)), nil
}

// imageInput are the members of an image that a client may set.
type imageInput struct {
	Active           *bool            `json:"active"`
	CanScale         *bool            `json:"can_scale"`
	Command          nullable[string] `json:"command"`
	ProviderID       *int             `json:"container_image_provider_id"`
	Description      nullable[string] `json:"description"`
	Label            *string          `json:"label"`
	MinCPU           *float64         `json:"min_cpu"`
	MinMemory        *int             `json:"min_memory"`
	RegistryAuth     *bool            `json:"registry_auth"`
	RegistryCustom   nullable[string] `json:"registry_custom"`
	RegistryUsername nullable[string] `json:"registry_username"`
	RegistryPath     *string          `json:"registry_image_path"`
	RegistryTag      *string          `json:"registry_image_tag"`
	Role             *string          `json:"role"`
	RoleClass        *string          `json:"role_class"`
	Tags             *[]string        `json:"tag_list"`

	Requires []relationshipInput `json:"dependency_parents"`
	Env      []envInput          `json:"env_params_attributes"`
	Settings []settingInput      `json:"setting_params_attributes"`
	Ingress  []ingressInput      `json:"ingress_params_attributes"`
	Volumes  []volumeInput       `json:"volumes_attributes"`
	// MoreVolumes has the name of the documentation.
	MoreVolumes []volumeInput `json:"volume_attributes"`
}

// blank returns what Rails says of members that have no text, by their names.
func blank(members ...string) (wrong []string) {
	for n := 0; n+1 < len(members); n += 2 {
		if strings.TrimSpace(members[n+1]) == "" {
			wrong = append(wrong, members[n]+" can't be blank")
		}
	}
	return wrong
}

// set replaces a value by one that was sent.
func set[T any](to *T, sent *T) {
	if sent != nil {
		*to = *sent
	}
}

// setImage sets the members that were sent, and returns what is wrong with the image.
func (a *API) setImage(tx *engine.Tx, i *Image, in imageInput) []string {
	set(&i.Active, in.Active)
	set(&i.CanScale, in.CanScale)
	setNullable(&i.Command, in.Command)
	set(&i.ProviderID, in.ProviderID)
	setNullable(&i.Description, in.Description)
	set(&i.Label, in.Label)
	set(&i.MinCPU, in.MinCPU)
	set(&i.MinMemory, in.MinMemory)
	set(&i.RegistryAuth, in.RegistryAuth)
	setNullable(&i.RegistryCustom, in.RegistryCustom)
	setNullable(&i.RegistryUsername, in.RegistryUsername)
	set(&i.RegistryPath, in.RegistryPath)
	set(&i.RegistryTag, in.RegistryTag)
	set(&i.Role, in.Role)
	set(&i.RoleClass, in.RoleClass)
	set(&i.Tags, in.Tags)
	wrong := blank("Label", i.Label, "Registry image path", i.RegistryPath, "Registry image tag", i.RegistryTag, "Role", i.Role)
	if _, ok := get(tx, a.providers, i.ProviderID); !ok {
		wrong = append(wrong, "Container image provider must exist")
	}
	return wrong
}

// validation is how long the service takes to look for a tag in its registry. Images say
// so by a null until then; no event tells of it.
const validation = 5 * time.Second

// createImage adds an image of the user.
//
//	POST /api/container_images
func (a *API) createImage(c *httpapi.Call) (any, error) {
	user := a.userID(c)
	if user == 0 {
		return nil, forbidden("The access token is of no user")
	}
	var in struct {
		Image imageInput `json:"container_image"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	first, _ := a.providers.At(c.Tx, 0)
	i := Image{UserID: user, Active: true, ProviderID: first.Value.ID, Icon: "icons/stacks/docker.png"}
	wrong := a.setImage(c.Tx, &i, in.Image)
	wrong = append(wrong, a.nested(c, &i, in.Image)...)
	if len(wrong) > 0 {
		return nil, unprocessable(wrong...)
	}
	i.ID, i.CreatedAt, i.UpdatedAt = newID(c.Tx, "image"), c.Now(), c.Now()
	i.ValidatedAt = c.Now().Add(validation)
	i.Name = a.imageName(c.Tx, i.Label, user)
	numberRows(c.Tx, i.EnvParams, "env_param")
	numberRows(c.Tx, i.SettingParams, "setting_param")
	numberRows(c.Tx, i.IngressParams, "ingress_param")
	numberRows(c.Tx, i.VolumeParams, "volume_param")
	numberRows(c.Tx, i.Requires, "image_relationship")
	put(c.Tx, a.images, i.ID, i)
	return one("container_image", a.imageBody(c.Tx, i)), nil
}

// nested adds the parameters and relationships that came with a new image, and returns
// what is wrong with them. Settings come first: variables name them.
func (a *API) nested(c *httpapi.Call, i *Image, in imageInput) (wrong []string) {
	wrong = append(wrong, addAll(a, c, i, relationships(), in.Requires)...)
	wrong = append(wrong, addAll(a, c, i, settingParams(), in.Settings)...)
	wrong = append(wrong, addAll(a, c, i, envParams(), in.Env)...)
	wrong = append(wrong, addAll(a, c, i, ingressParams(), in.Ingress)...)
	return append(wrong, addAll(a, c, i, volumeParams(), slices.Concat(in.Volumes, in.MoreVolumes))...)
}

// notInName are the characters that the name of an image has a dash for.
var notInName = regexp.MustCompile(`[^a-z0-9_]+`)

// imageName derives the name of an image from its label and its owner.
func (a *API) imageName(tx *engine.Tx, label string, user int) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(label), "-"), "-") + "-" + strconv.Itoa(user)
	for r := range a.images.After(tx, 0) {
		if r.Value.Name == name {
			return name + "-" + randomText(tx.Rand(prefix+"image"), "abcdefghijklmnopqrstuvwxyz0123456789", 4)
		}
	}
	return name
}

// updateImage changes an image.
//
//	PATCH /api/container_images/{id}
func (a *API) updateImage(c *httpapi.Call) (any, error) {
	i, err := a.ownImage(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Image imageInput `json:"container_image"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	before := i.RegistryPath + ":" + i.RegistryTag
	if wrong := a.setImage(c.Tx, &i, in.Image); len(wrong) > 0 {
		return nil, unprocessable(wrong...)
	}
	i.UpdatedAt = c.Now()
	if i.RegistryPath+":"+i.RegistryTag != before {
		i.ValidatedAt = c.Now().Add(validation)
	}
	put(c.Tx, a.images, i.ID, i)
	return one("container_image", a.imageBody(c.Tx, i)), nil
}

// deleteImage deletes an image that no service uses. Other images no longer require it.
//
//	DELETE /api/container_images/{id}
func (a *API) deleteImage(c *httpapi.Call) (any, error) {
	i, err := a.ownImage(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	for s := range a.services.After(c.Tx, 0) {
		if s.Value.ImageID == i.ID {
			return nil, unprocessable("Unable to delete container image. There are services that use it.")
		}
	}
	remove(c.Tx, a.images, i.ID)
	requires := func(to Relationship) bool { return to.Requires == i.ID }
	for _, other := range rowsOf(c.Tx, a.images, func(o Image) bool { return slices.ContainsFunc(o.Requires, requires) }) {
		other.Requires = slices.DeleteFunc(slices.Clone(other.Requires), requires)
		put(c.Tx, a.images, other.ID, other)
	}
	a.endCollaborations(c.Tx, ofImage, i.ID)
	return empty{}, nil
}

// providerBody is a provider on the wire.
type providerBody struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Hostname  string `json:"hostname"`
	IsDefault bool   `json:"is_default"`
	UpdatedAt string `json:"updated_at"`
	CreatedAt string `json:"created_at"`
}

// showProvider renders a provider (C51).
func showProvider(p Provider) providerBody {
	return providerBody{p.ID, p.Name, p.Hostname, p.IsDefault, stamp(p.UpdatedAt), stamp(p.CreatedAt)}
}

// listProviders returns the registries that images are pulled from.
//
//	GET /api/container_image_providers
func (a *API) listProviders(c *httpapi.Call) (any, error) {
	return listOf(c, "container_image_providers", rowsOf(c.Tx, a.providers, nil), showProvider), nil
}

// getProvider returns a registry that images are pulled from.
//
//	GET /api/container_image_providers/{id}
func (a *API) getProvider(c *httpapi.Call) (any, error) {
	p, ok := get(c.Tx, a.providers, idOf(c.Param("id")))
	if !ok {
		return nil, notFound("Unknown container image provider")
	}
	return one("container_image_provider", showProvider(p)), nil
}

package skystack

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Image is the image of an instance's disk.
type Image struct {
	Slug         string    `json:"slug"`
	Name         string    `json:"name"`
	Distribution string    `json:"distribution"`
	Custom       bool      `json:"custom"`
	Source       string    `json:"source"`      // the instance a snapshot was taken of
	SizeGB       int       `json:"size_gb"`     // what it takes up
	MinDiskGB    int       `json:"min_disk_gb"` // the smallest disk it fits on
	CreatedAt    time.Time `json:"created_at"`
}

// imageBody is an image on the wire.
type imageBody struct {
	Slug             string  `json:"slug"`
	Name             string  `json:"name"`
	Distribution     string  `json:"distribution"`
	Custom           bool    `json:"custom"`
	SourceInstanceID *string `json:"source_instance_id"`
	SizeGB           int     `json:"size_gb"`
	MinDiskGB        int     `json:"min_disk_gb"`
	CreatedAt        string  `json:"created_at"`
}

func (i Image) body() imageBody {
	return imageBody{i.Slug, i.Name, i.Distribution, i.Custom, text(i.Source), i.SizeGB, i.MinDiskGB, resource.Stamp(i.CreatedAt)}
}

const (
	standardImage = "ubuntu-24.04"
	// plainImage is the size in GB of an image that is no snapshot, small enough
	// to fit every profile.
	plainImage = 1
)

func builtinImages(at time.Time) (images []Image) {
	for _, i := range [...]struct{ slug, name, distribution string }{
		{"ubuntu-24.04", "Ubuntu 24.04 LTS", "ubuntu"}, {"ubuntu-22.04", "Ubuntu 22.04 LTS", "ubuntu"},
		{"debian-13", "Debian 13", "debian"}, {"debian-12", "Debian 12", "debian"},
		{"fedora-43", "Fedora 43", "fedora"}, {"rocky-10", "Rocky Linux 10", "rocky"},
	} {
		images = append(images, Image{Slug: i.slug, Name: i.name, Distribution: i.distribution, SizeGB: plainImage, MinDiskGB: plainImage, CreatedAt: at})
	}
	return images
}

// ownImages returns the number of images that the workspace created.
func (a *API) ownImages(tx *engine.Tx) int {
	n := a.images.Len(tx)
	for _, i := range builtinImages(time.Time{}) {
		if row, ok := a.images.Get(tx, i.Slug); ok && !row.Custom {
			n--
		}
	}
	return n
}

// snapshotOf is the image that a snapshot makes: a copy of the whole system disk,
// which fits on no smaller one. Of a size that the catalogue does not have
// nothing is known.
func (a *API) snapshotOf(tx *engine.Tx, i Instance, t Action) Image {
	from, _ := a.images.Get(tx, i.Image) // it may be gone: instances have copies
	size, _ := a.profiles.Get(tx, i.Size)
	return Image{
		Slug: t.Image, Name: t.Name, Distribution: from.Distribution, Custom: true, Source: i.ID,
		SizeGB: size.DiskGB, MinDiskGB: size.DiskGB, CreatedAt: tx.Now(),
	}
}

// tooSmall returns why an image does not fit the disk of a size; "" when it does, or
// when one of the two is not in the catalogue. It ends without a full stop.
func (a *API) tooSmall(tx *engine.Tx, size, image string) string {
	p, sized := a.profiles.Get(tx, size)
	i, known := a.images.Get(tx, image)
	if !sized || !known || p.DiskGB >= i.MinDiskGB {
		return ""
	}
	return fmt.Sprintf("The image %s needs a disk of at least %d GB, and %s has %d; choose a larger size", image, i.MinDiskGB, size, p.DiskGB)
}

// checkFit finds a size whose disk is too small for the image.
func (a *API) checkFit(tx *engine.Tx, s slugs) []fail.Detail {
	name, size := "size", s.Size
	switch {
	case s.Size != "":
	case s.Profile != "":
		name, size = "profile", s.Profile
	case s.MachineType != "":
		name, size = "machine_type", s.MachineType
	default:
		return nil
	}
	why := a.tooSmall(tx, size, cmp.Or(s.Image, a.settingsOf(tx).DefaultImage))
	if why == "" {
		return nil
	}
	return []fail.Detail{{Field: name, Location: fail.Body, Code: "out_of_range", Message: why + "."}}
}

type listImagesInput struct {
	paging
	Custom bool   `json:"-" query:"custom"`
	Source string `json:"-" query:"source_instance_id"`
}

// listImages lists what instances boot from, snapshots included.
//
//	GET /v1/images
func (a *API) listImages(c *httpapi.Call, in listImagesInput) (listBody[Image], error) {
	a.advanceToAwaited(c, a.finishes(c.Tx, func(t Action) bool {
		return t.Type == Snapshot && (in.Source == "" || in.Source == t.InstanceID)
	}))
	custom := c.RawQuery("custom")
	v := resource.List[Image]{Table: a.images, Shared: true, Name: strings.Join([]string{"images", custom, in.Source}, "\x01")}
	if custom != "" || in.Source != "" {
		v.Keep = func(i Image) bool {
			return (custom == "" || i.Custom == in.Custom) && (in.Source == "" || i.Source == in.Source)
		}
	}
	p, err := list(c, v, in.paging)
	return body(p, as(Image.body)), err
}

// getImage shows one image.
//
//	GET /v1/images/{slug}
func (a *API) getImage(c *httpapi.Call, in slugInput) (imageBody, error) {
	if !a.images.Has(c.Tx, in.Slug) {
		a.advanceToAwaited(c, a.finishes(c.Tx, func(t Action) bool { return t.Type == Snapshot && t.Image == in.Slug }))
	}
	i, err := entry(a.images, c, "image", in.Slug)
	return i.body(), err
}

// deleteImage removes an image of the workspace's own. Instances made from it have
// copies, so only those that are being made from it right now are in the way.
//
//	DELETE /v1/images/{slug}
func (a *API) deleteImage(c *httpapi.Call, in slugInput) (httpapi.Nothing, error) {
	i, err := entry(a.images, c, "image", in.Slug)
	switch {
	case err != nil:
		return httpapi.Nothing{}, a.unlessDeleted(c.Tx, imageUse, imageUse+in.Slug, err)
	case !i.Custom:
		return httpapi.Nothing{}, fail.Newf(fail.Conflict, "image_is_builtin", "%s is built in; only images of your own can be deleted.", i.Slug)
	case i.Slug == a.settingsOf(c.Tx).DefaultImage:
		return httpapi.Nothing{}, fail.New(fail.Conflict, "image_is_default", "This is the workspace's default image; it cannot be deleted.")
	case a.used(c.Tx, imageUse+i.Slug):
		return httpapi.Nothing{}, fail.Newf(fail.Conflict, "image_in_use", "An instance is being created or rebuilt from the image %s; wait until that is done.", i.Slug)
	}
	a.images.Delete(c.Tx, i.Slug)
	a.tombstones.Add(c.Tx, imageUse+i.Slug, "")
	return httpapi.Nothing{}, nil
}

package computestacks

import (
	"fmt"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	typed "skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// RenewCredentials makes new API credentials for a user; see API.RenewCredential.
func (d Admin) RenewCredentials(user int) (typed.Credentials, error) {
	username, password, err := d.a.RenewCredential(d.w, user)
	return typed.Credentials{Username: username, Password: password}, err
}

// CreateApplication adds a client of OAuth.
func (d Admin) CreateApplication(app typed.Application) (typed.Application, error) {
	if strings.TrimSpace(app.Name) == "" {
		return typed.Application{}, plain(unprocessable("Name can't be blank"))
	}
	id, secret, err := d.a.NewApplication(d.w, app.Name, app.RedirectURIs, app.Scopes, app.Confidential)
	if err != nil {
		return typed.Application{}, plain(err)
	}
	app.ClientID, app.ClientSecret = id, secret
	return app, nil
}

// CreateUser adds a user.
func (d Admin) CreateUser(u typed.User) (out typed.User, err error) {
	err = d.do(func(tx *engine.Tx) error {
		row := User{FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, Locale: u.Locale, Currency: u.Currency, ContainerQuota: u.ContainerQuota}
		checked := row
		if checked.Locale == "" {
			checked.Locale = locales()[0]
		}
		if checked.Currency == "" {
			checked.Currency = defaultCurrency
		}
		if err := d.a.checkUser(tx, checked); err != nil {
			return err
		}
		out = d.a.addUser(tx, row, tx.Now()).public()
		return nil
	})
	return out, err
}

// checkUser refuses a user that the API would refuse.
func (a *API) checkUser(tx *engine.Tx, u User) error {
	wrong := a.userErrors(tx, u)
	if u.ContainerQuota < 0 {
		wrong = append(wrong, "Container quota must be greater than or equal to 0")
	}
	if len(wrong) > 0 {
		return unprocessable(wrong...)
	}
	return nil
}

// owner returns the user with an id, the default one for 0.
func (d Admin) owner(tx *engine.Tx, id int) (User, error) {
	if id == 0 {
		id = defaultUser
	}
	u, ok := get(tx, d.a.users, id)
	if !ok {
		return u, absent("user", id)
	}
	return u, nil
}

// CreateProject adds a project without services.
func (d Admin) CreateProject(p typed.Project) (out typed.Project, err error) {
	err = d.do(func(tx *engine.Tx) error {
		u, err := d.owner(tx, p.UserID)
		if err != nil {
			return err
		}
		if strings.TrimSpace(p.Name) == "" {
			return unprocessable("Name can't be blank")
		}
		region, location, err := d.place(tx, p.RegionID)
		if err != nil {
			return err
		}
		out = d.a.newProject(tx, Project{UserID: u.ID, Name: p.Name, SkipSSH: p.SkipSSH, LocationID: location, RegionID: region}).public()
		return nil
	})
	return out, err
}

// place returns a region, the first one for 0, and its location.
func (d Admin) place(tx *engine.Tx, id int) (region, location int, err error) {
	for r := range d.a.locations.After(tx, 0) {
		for _, of := range r.Value.Regions {
			if of.ID == id || id == 0 && of.Active {
				return of.ID, r.Value.ID, nil
			}
		}
	}
	return 0, 0, absent("region", id)
}

// CreateService adds a service with a running container, and with the ports and volumes
// of its image.
func (d Admin) CreateService(s typed.Service) (out typed.Service, err error) {
	err = d.do(func(tx *engine.Tx) error {
		if p, ok := get(tx, d.a.projects, s.ProjectID); !ok || p.Status == "deleting" {
			return absent("project", s.ProjectID)
		}
		image, ok := get(tx, d.a.images, s.ImageID)
		if !ok {
			return absent("image", s.ImageID)
		}
		product, err := d.product(tx, image, s.ProductID)
		if err != nil {
			return err
		}
		row := Service{ProjectID: s.ProjectID, ImageID: image.ID, ProductID: product, Label: s.Label}
		if row.Label == "" {
			row.Label = image.Label
		}
		row.Settings = settingsOf(tx, image)
		row = d.a.newService(tx, row)
		d.a.setStatus(tx, d.a.newContainer(tx, row.ID), running)
		_ = seeding{a: d.a, tx: tx}.open("", image, row.ID, nil) // only domains can be refused
		out = d.row(tx, row.ID).public()
		return nil
	})
	return out, err
}

// row returns the service with an id.
func (d Admin) row(tx *engine.Tx, id int) Service { return row(tx, d.a.services, id) }

// product returns the package of a service: the one with an id, for 0 the first one that
// the image fits in, and none for a free image.
func (d Admin) product(tx *engine.Tx, image Image, id int) (int, error) {
	if id != 0 {
		p, ok := get(tx, d.a.products, id)
		switch {
		case !ok:
			return 0, absent("product", id)
		case !holds(p, image):
			return 0, unprocessable(fmt.Sprintf("Package %s not suitable for the image %s.", p.Label, image.Label))
		}
		return id, nil
	}
	if image.IsFree {
		return 0, nil
	}
	for r := range d.a.products.After(tx, 0) {
		if holds(r.Value, image) {
			return r.Value.ID, nil
		}
	}
	return 0, unprocessable("Missing package selection for " + image.Label)
}

// holds reports whether a package has what an image needs.
func holds(p Product, i Image) bool {
	return p.Kind == "package" && p.CPU >= i.MinCPU && p.Memory >= i.MinMemory
}

// settingsOf returns the settings of a new service, as its image has them.
func settingsOf(tx *engine.Tx, image Image) (all []Setting) {
	for _, p := range image.SettingParams {
		value := p.Value
		if p.Type == "password" {
			value = newPassword(tx)
		}
		all = append(all, Setting{Name: p.Name, Label: p.Label, Type: p.Type, Value: value})
	}
	return all
}

// CreateContainer adds a container in any status to a service.
func (d Admin) CreateContainer(k typed.Container) (out typed.Container, err error) {
	err = d.do(func(tx *engine.Tx) error {
		if _, ok := get(tx, d.a.services, k.ServiceID); !ok {
			return absent("service", k.ServiceID)
		}
		status := k.Status
		if status == "" {
			status = running
		}
		if err := checkContainer(status, k.Wanted); err != nil {
			return err
		}
		made := d.a.setStatus(tx, d.a.newContainer(tx, k.ServiceID), status)
		if k.Wanted != "" {
			made.ReqState = k.Wanted
			put(tx, d.a.containers, made.ID, made)
		}
		out = made.public()
		return nil
	})
	return out, err
}

// containerStatuses are the statuses that a container can be given.
func containerStatuses() []string {
	return []string{pending, "building", "rebuilding", running, "stopped", "degraded", "error", "migrating"}
}

// checkContainer refuses statuses and wanted states that containers do not have; "" is
// no wanted state.
func checkContainer(status, wanted string) error {
	if !slices.Contains(containerStatuses(), status) {
		return unprocessable("Status is not included in the list")
	}
	if wanted != "" && wanted != running && wanted != "stopped" {
		return unprocessable("Req state is not included in the list")
	}
	return nil
}

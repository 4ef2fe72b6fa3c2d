package computestacks

import (
	"slices"

	typed "skystack.dev/sandbox/emulator/sandbox/computestacks"
)

// The rows as tests see them. They share nothing with the rows.

func (u User) public() typed.User {
	return typed.User{
		ID: u.ID, FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, Locale: u.Locale, Currency: u.Currency, ContainerQuota: u.ContainerQuota,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

func (o Order) public() typed.Order {
	return typed.Order{
		ID: o.ID, UserID: o.UserID, Status: o.Status, ProjectID: o.ProjectID, EventID: o.EventID, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

func (p Project) public() typed.Project {
	return typed.Project{
		ID: p.ID, UserID: p.UserID, Name: p.Name, Status: p.Status, SkipSSH: p.SkipSSH, RegionID: p.RegionID, Services: slices.Clone(p.Services),
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

func (s Service) public() typed.Service {
	return typed.Service{
		ID: s.ID, UserID: s.UserID, ProjectID: s.ProjectID, ImageID: s.ImageID, ProductID: s.ProductID, Name: s.Name, Label: s.Label,
		Containers: slices.Clone(s.Containers), CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

func (k Container) public() typed.Container {
	return typed.Container{
		ID: k.ID, UserID: k.UserID, ProjectID: k.ProjectID, ServiceID: k.ServiceID, Name: k.Name, Status: k.Status, Wanted: k.ReqState,
		CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
	}
}

func (e EventLog) public() typed.Event {
	out := typed.Event{
		ID: e.ID, UserID: e.UserID, Locale: e.Locale, Code: e.Code, Status: e.Status, Reason: e.Reason, Description: e.Description,
		Projects: slices.Clone(e.Projects), Services: slices.Clone(e.Services), Containers: slices.Clone(e.Containers), Volumes: slices.Clone(e.Volumes),
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
	for _, d := range e.Details {
		out.Details = append(out.Details, d.Data)
	}
	return out
}

package computestacks

import (
	"net/mail"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// userOperations lists the operations of users and what is theirs: profile, SSH keys,
// collaborations, subscriptions and events.
func (a *API) userOperations() []operation {
	return append([]operation{
		{"authenticate", a.authenticateFormerly},
		{"checkSecondFactor", a.checkSecondFactor},
		{"getUser", a.getUser},
		{"updateUser", a.updateUser},
		{"registerUser", a.registerUser},
		{"listSSHKeys", a.listSSHKeys},
		{"getSSHKey", a.getSSHKey},
		{"createSSHKey", a.createSSHKey},
		{"deleteSSHKey", a.deleteSSHKey},
		{"listCollaborations", a.listCollaborations},
		{"getCollaboration", a.getCollaboration},
		{"updateCollaboration", a.updateCollaboration},
		{"deleteCollaboration", a.deleteCollaboration},
		{"listSubscriptions", a.listSubscriptions},
		{"getSubscription", a.getSubscription},
		{"listBillingEvents", a.listBillingEvents},
		{"getBillingEvent", a.getBillingEvent},
		{"listBillingUsages", a.listBillingUsages},
		{"getBillingUsage", a.getBillingUsage},
		{"getEventLog", a.getEventLog},
	}, a.collaboratorOperations()...)
}

type userBody struct {
	ID           int          `json:"id"`
	FirstName    string       `json:"fname"`
	LastName     string       `json:"lname"`
	Email        string       `json:"email"`
	Phone        *string      `json:"phone"`
	Address1     *string      `json:"address1"`
	Address2     *string      `json:"address2"`
	City         *string      `json:"city"`
	Company      *string      `json:"company_name"`
	Country      *string      `json:"country"`
	Timezone     string       `json:"timezone"`
	SFTPPassword bool         `json:"c_sftp_pass"`
	Zip          *string      `json:"zip"`
	VAT          *string      `json:"vat"`
	State        *string      `json:"state"`
	Locale       string       `json:"locale"`
	CreatedAt    string       `json:"created_at"`
	UpdatedAt    string       `json:"updated_at"`
	Plan         namedEntry   `json:"billing_plan"`
	Currency     currencyBody `json:"currency"`
	Services     userServices `json:"services"`
	Quota        userQuota    `json:"quota"`
	Unprocessed  string       `json:"unprocessed_usage"`
}

type currencyBody struct {
	Code   string `json:"code"`
	Symbol string `json:"symbol"`
}

type userServices struct {
	Projects   int `json:"projects"`
	Containers int `json:"containers"`
	Services   int `json:"container_services"`
	Images     int `json:"container_images"`
	Registries int `json:"container_registries"`
	Zones      int `json:"dns_zones"`
}

type userQuota struct {
	Containers quotaBody `json:"containers"`
	Registries quotaBody `json:"cr"`
	Zones      quotaBody `json:"dns_zones"`
}

type quotaBody struct {
	Current   int  `json:"current"`
	Quota     int  `json:"quota"`
	IsOver    bool `json:"is_over"`
	Available int  `json:"available"`
}

// quotaOf returns how much of a quota is used.
func quotaOf(current, quota int) quotaBody {
	return quotaBody{Current: current, Quota: quota, IsOver: current > quota, Available: max(quota-current, 0)}
}

// countOf counts the rows of a table that a user owns.
func countOf[T any](tx *engine.Tx, t *engine.Table[T], user int, owner func(T) int) (n int) {
	for row := range t.After(tx, 0) {
		if owner(row.Value) == user {
			n++
		}
	}
	return n
}

// billingPlan is the only billing plan.
func billingPlan() namedEntry { return namedEntry{1, "default"} }

// userBody renders the profile of a user.
func (a *API) userBody(tx *engine.Tx, u User) userBody {
	s := userServices{
		Projects:   countOf(tx, a.projects, u.ID, func(p Project) int { return p.UserID }),
		Containers: countOf(tx, a.containers, u.ID, func(k Container) int { return k.UserID }),
		Services:   countOf(tx, a.services, u.ID, func(s Service) int { return s.UserID }),
		Images:     countOf(tx, a.images, u.ID, func(i Image) int { return i.UserID }),
		Registries: countOf(tx, a.registries, u.ID, func(r Registry) int { return r.UserID }),
		Zones:      countOf(tx, a.zones, u.ID, func(z Zone) int { return z.UserID }),
	}
	return userBody{
		ID: u.ID, FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, Phone: textOrNil(u.Phone), Address1: textOrNil(u.Address1), Address2: textOrNil(u.Address2),
		City: textOrNil(u.City), Company: textOrNil(u.Company), Country: textOrNil(u.Country), Timezone: u.Timezone, SFTPPassword: u.SFTPPassword, Zip: textOrNil(u.Zip),
		VAT: textOrNil(u.VAT), State: textOrNil(u.State), Locale: u.Locale, CreatedAt: stamp(u.CreatedAt), UpdatedAt: stamp(u.UpdatedAt),
		Plan: billingPlan(), Currency: currencyBody{u.Currency, currencySymbol(u.Currency)}, Services: s,
		Quota:       userQuota{quotaOf(s.Containers, u.ContainerQuota), quotaOf(s.Registries, u.RegistryQuota), quotaOf(s.Zones, u.ZoneQuota)},
		Unprocessed: decimal(a.unprocessed(tx, u.ID)),
	}
}

// getUser returns the profile of the caller (C112).
//
//	GET /api/users
//	GET /api/users/{id}
func (a *API) getUser(c *httpapi.Call) (any, error) {
	u, ok := a.me(c)
	if !ok {
		return nil, noUser()
	}
	return one("user", a.userBody(c.Tx, u)), nil
}

// noUser returns the 403 of a token that belongs to no user.
func noUser() error { return forbidden("The access token belongs to no user") }

// updateUser changes the profile of the caller. Values that are not accepted are a 400
// (C113).
//
//	PATCH /api/users
//	PATCH /api/users/{id}
func (a *API) updateUser(c *httpapi.Call) (any, error) {
	var in struct {
		User map[string]any `json:"user"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	u, ok := a.me(c)
	if !ok {
		return nil, noUser()
	}
	u.set(in.User)
	if wrong := a.userErrors(c.Tx, u); len(wrong) > 0 {
		return nil, badRequest(wrong...)
	}
	u.UpdatedAt = c.Now()
	put(c.Tx, a.users, u.ID, u)
	return empty{}, nil
}

// set changes the members of a user that a body has. Its types have been checked.
func (u *User) set(body map[string]any) {
	for name, to := range map[string]*string{
		"fname": &u.FirstName, "lname": &u.LastName, "email": &u.Email, "locale": &u.Locale, "city": &u.City, "state": &u.State, "zip": &u.Zip, "country": &u.Country,
		"address1": &u.Address1, "address2": &u.Address2, "company_name": &u.Company, "phone": &u.Phone, "currency": &u.Currency,
	} {
		if value, sent := body[name]; sent {
			text, _ := value.(string) // null is ""
			*to = strings.TrimSpace(text)
		}
	}
	u.Currency = strings.ToUpper(u.Currency)
	if on, ok := body["c_sftp_pass"].(bool); ok {
		u.SFTPPassword = on
	}
	if labels, ok := body["merge_labels"].(map[string]any); ok {
		u.Labels = mergeLabels(u.Labels, labels)
	}
}

// mergeLabels returns labels with those of more. Objects under the same name are merged,
// other values replace the former one. It changes neither.
func mergeLabels(labels, more map[string]any) map[string]any {
	merged := map[string]any{}
	for name, value := range labels {
		merged[name] = value
	}
	for name, value := range more {
		into, _ := merged[name].(map[string]any)
		if object, ok := value.(map[string]any); ok {
			value = mergeLabels(into, object)
		}
		merged[name] = value
	}
	return merged
}

// userErrors lists what is wrong with a user, other than the labels.
func (a *API) userErrors(tx *engine.Tx, u User) (wrong []string) {
	add := func(is bool, text string) {
		if is {
			wrong = append(wrong, text)
		}
	}
	add(u.FirstName == "", "Fname can't be blank")
	add(u.LastName == "", "Lname can't be blank")
	switch {
	case u.Email == "":
		add(true, "Email can't be blank")
	case !isEmail(u.Email):
		add(true, "Email is invalid")
	default:
		add(a.emailTaken(tx, u.Email, u.ID), "Email has already been taken")
	}
	add(!slices.Contains(locales(), u.Locale), "Locale is not included in the list")
	add(currencySymbol(u.Currency) == "", "Currency is not included in the list")
	return wrong
}

// isEmail reports whether a text is a bare e-mail address.
func isEmail(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text
}

// emailTaken reports whether another user than the one with an id has an e-mail address.
func (a *API) emailTaken(tx *engine.Tx, email string, but int) bool {
	u, ok := a.userByEmail(tx, email)
	return ok && u.ID != but
}

// userByEmail returns the user with an e-mail address, in any case of letters.
func (a *API) userByEmail(tx *engine.Tx, email string) (User, bool) {
	for row := range a.users.After(tx, 0) {
		if email != "" && strings.EqualFold(row.Value.Email, email) {
			return row.Value, true
		}
	}
	return User{}, false
}

// locales lists the languages of the product. The first one is that of users who name no
// other.
func locales() []string { return []string{"en", "de", "es", "fr", "it", "ja", "nl", "pt"} }

// defaultCurrency is the currency of users who name no other.
const defaultCurrency = "USD"

// currencySymbol returns the symbol of a currency; "" for one that users cannot choose.
func currencySymbol(code string) string {
	switch code {
	case "USD", "AUD", "CAD", "NZD", "MXN":
		return "$"
	case "EUR":
		return "€"
	case "GBP":
		return "£"
	case "JPY":
		return "¥"
	case "BRL":
		return "R$"
	case "CHF":
		return "CHF"
	case "DKK", "NOK", "SEK":
		return "kr"
	case "INR":
		return "₹"
	case "PLN":
		return "zł"
	}
	return ""
}

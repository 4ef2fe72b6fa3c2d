package computestacks

import (
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// authenticateFormerly refuses the login that OAuth2 replaced (C110).
//
//	POST /api/auth
func (a *API) authenticateFormerly(*httpapi.Call) (any, error) {
	return nil, badRequest("this authentication method has been replaced with oauth2.", "Please see the api documentation: /documentation/api")
}

// secondFactor is the response for a user who needs a second factor.
type secondFactor struct{ errorBody }

// ResponseStatus implements httpapi.StatusCoder.
func (secondFactor) ResponseStatus() int { return 200 }

// checkSecondFactor says whether the user with an external id needs a second factor
// (C111).
//
//	POST /api/user/{external_id}/authcheck
func (a *API) checkSecondFactor(c *httpapi.Call) (any, error) {
	id := c.Param("external_id")
	found := rowsOf(c.Tx, a.users, func(u User) bool { return u.ExternalID == id })
	switch {
	case len(found) == 0:
		return nil, notFound("User does not exist.")
	case found[0].SecondFactor:
		return secondFactor{errorBody{[]string{"Requires 2FA."}}}, nil
	}
	return empty{}, nil
}

type registeredBody struct {
	FirstName string         `json:"fname"`
	LastName  string         `json:"lname"`
	Email     string         `json:"email"`
	Currency  string         `json:"currency"`
	API       credentialBody `json:"api"`
	Labels    map[string]any `json:"labels"`
}

type credentialBody struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// registration is the body of a registration. The product reads the provider beside the
// user, its documentation writes it inside.
type registration struct {
	provider
	User map[string]any `json:"user"`
}

// provider is the account of a user at the control panel that registers them.
type provider struct {
	Server   string `json:"provider_server"`
	Username string `json:"provider_username"`
}

// registerUser adds a user with API credentials, which only this response shows (C114).
// API credentials of a user do not suffice: the scope must have been granted.
//
//	POST /api/users
func (a *API) registerUser(c *httpapi.Call) (any, error) {
	if !slices.Contains(c.Scopes, "register") {
		return nil, missingScope("register")
	}
	var in registration
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	from := provider{Server: firstText(in.Server, in.User, "provider_server"), Username: firstText(in.Username, in.User, "provider_username")}
	if from.Server == "" || from.Username == "" {
		return nil, unprocessable("missing provider settings")
	}
	u := a.registered(c.Tx, in.User, from)
	if wrong := a.userErrors(c.Tx, u); len(wrong) > 0 {
		return nil, unprocessable(wrong...)
	}
	if a.Credentials.Full(c.Tx) {
		return nil, unprocessable("The sandbox holds as many credentials as it may")
	}
	u = a.addUser(c.Tx, u, c.Now())
	b := registeredBody{FirstName: u.FirstName, LastName: u.LastName, Email: u.Email, Currency: u.Currency, Labels: u.Labels}
	b.API.Username, b.API.Password = a.issueCredential(c.Tx, u.ID, "generated-on-signup", "")
	return one("user", b), nil
}

// firstText returns a text, or else the member of an object.
func firstText(text string, object map[string]any, name string) string {
	if text = strings.TrimSpace(text); text == "" {
		text, _ = object[name].(string)
	}
	return strings.TrimSpace(text)
}

// registered returns the user that a registration describes, with the defaults of what
// cannot be used.
func (a *API) registered(tx *engine.Tx, body map[string]any, from provider) User {
	u := User{Labels: map[string]any{"cpanel": map[string]any{from.Server: from.Username}}}
	delete(body, "merge_labels")
	u.set(body)
	if u.Email == "" || a.emailTaken(tx, u.Email, 0) {
		u.Email = inventEmail(tx, from.Username)
	}
	if !slices.Contains(locales(), u.Locale) {
		u.Locale = locales()[0]
	}
	if currencySymbol(u.Currency) == "" {
		u.Currency = defaultCurrency
	}
	return u
}

// inventEmail returns an e-mail address that no user has, for the user of a control
// panel with a name.
func inventEmail(tx *engine.Tx, name string) string {
	local := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	if local == "" {
		local = "user"
	}
	local = local[:min(len(local), 40)]
	return local + "_" + randomText(tx.Rand(prefix+"email"), "0123456789abcdef", 12) + "@panel.example.test"
}

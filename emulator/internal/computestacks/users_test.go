package computestacks

import (
	"regexp"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// profile is the body of the default user, with what tests change.
func profile(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`{"user":{"id":1,"fname":"Dana","lname":"Whitlock","email":"dana@example.test","phone":null,"address1":null,"address2":null,` +
		`"city":null,"company_name":null,"country":"US","timezone":"UTC","c_sftp_pass":true,"zip":null,"vat":null,"state":null,"locale":"en",` +
		`"created_at":"2025-01-15T12:00:00.000Z","updated_at":"2025-01-15T12:00:00.000Z","billing_plan":{"id":1,"name":"default"},"currency":{"code":"USD","symbol":"$"},` +
		`"services":{"projects":0,"containers":0,"container_services":0,"container_images":0,"container_registries":0,"dns_zones":1},` +
		`"quota":{"containers":{"current":0,"quota":10,"is_over":false,"available":10},"cr":{"current":0,"quota":5,"is_over":false,"available":5},` +
		`"dns_zones":{"current":1,"quota":10,"is_over":false,"available":9}},"unprocessed_usage":"0.0"}}`)
}

// TestFormerLogin covers C110 and C111: they need no credentials.
func TestFormerLogin(t *testing.T) {
	r := newRig(t).as("")
	r.post("/api/auth", map[string]any{"email": "x"}).refused(400,
		"this authentication method has been replaced with oauth2.", "Please see the api documentation: /documentation/api")
	r.post("/api/auth", nil).wants(400)
	r.post("/api/user/crm-1/authcheck", nil).is(202, `{}`)
	r.post("/api/user/crm-2/authcheck", nil).is(200, `{"errors":["Requires 2FA."]}`)
	for _, id := range []string{"crm-3", "1", "CRM-1", "%20"} {
		r.post("/api/user/"+id+"/authcheck", nil).refused(404, "User does not exist.")
	}
}

// TestProfile covers C112: the profile, under any path, and what it counts.
func TestProfile(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/api/users", "/api/users/1", "/api/users/2", "/api/users/me"} {
		r.get(path).is(200, profile())
	}
	r.change(func(tx *engine.Tx) {
		a := r.a
		p := a.newProject(tx, Project{UserID: 1, Name: "blog", RegionID: 1})
		s := a.newService(tx, Service{ProjectID: p.ID, ImageID: 3, ProductID: 1})
		for range 11 {
			a.newContainer(tx, s.ID)
		}
		a.addImage(tx, Image{Label: "mine", UserID: 1})
		put(tx, a.registries, 1, Registry{ID: 1, UserID: 1})
	})
	r.get("/api/users").is(200, profile(
		`"services":{"projects":0,"containers":0,"container_services":0,"container_images":0,"container_registries":0`,
		`"services":{"projects":1,"containers":11,"container_services":1,"container_images":1,"container_registries":1`,
		`"containers":{"current":0,"quota":10,"is_over":false,"available":10},"cr":{"current":0,"quota":5,"is_over":false,"available":5}`,
		`"containers":{"current":11,"quota":10,"is_over":true,"available":0},"cr":{"current":1,"quota":5,"is_over":false,"available":4}`))
	r.token(0, "profile_read").get("/api/users").refused(403, "The access token belongs to no user")
	r.token(0, "profile_write").patch("/api/users", map[string]any{"user": map[string]any{}}).refused(403, "The access token belongs to no user")
}

// TestProfileChanged covers C113.
func TestProfileChanged(t *testing.T) {
	r := newRig(t)
	r.advance(1e9)
	r.patch("/api/users", map[string]any{"user": map[string]any{
		"fname": "Dana M.", "email": " dana@new.example.test ", "city": "Portland", "state": "OR", "zip": "97201", "country": nil, "address1": "1 Main St", "address2": "Floor 2",
		"company_name": "Acme", "phone": "+1 503 555 0100", "currency": "eur", "locale": "de", "c_sftp_pass": false, "id": 9, "admin": true,
		"merge_labels": map[string]any{"crm": map[string]any{"segment": "trial"}, "x": 1},
	}}).is(200, `{}`)
	changed := profile(`"fname":"Dana"`, `"fname":"Dana M."`, `dana@example`, `dana@new.example`, `"phone":null`, `"phone":"+1 503 555 0100"`, `"address1":null`, `"address1":"1 Main St"`,
		`"address2":null`, `"address2":"Floor 2"`, `"city":null`, `"city":"Portland"`, `"company_name":null`, `"company_name":"Acme"`, `"country":"US"`, `"country":null`,
		`"c_sftp_pass":true`, `"c_sftp_pass":false`, `"zip":null`, `"zip":"97201"`, `"state":null`, `"state":"OR"`, `"locale":"en"`, `"locale":"de"`,
		`{"code":"USD","symbol":"$"}`, `{"code":"EUR","symbol":"€"}`, `"updated_at":"2025-01-15T12:00:00.000Z"`, `"updated_at":"2026-01-15T12:00:01.000Z"`)
	r.get("/api/users").is(200, changed)
	r.patch("/api/users/7", map[string]any{"user": map[string]any{"merge_labels": map[string]any{"crm": map[string]any{"id": "7"}, "x": map[string]any{}}}}).is(200, `{}`)
	r.get("/api/users").is(200, changed)
	r.change(func(tx *engine.Tx) {
		labels := row(tx, r.a.users, 1).Labels
		crm, _ := labels["crm"].(map[string]any)
		if crm["segment"] != "trial" || crm["id"] != "7" || len(labels) != 2 {
			t.Errorf("the labels are %v", labels)
		}
	})
}

// TestProfileRefused covers C113: values that are not accepted change nothing.
func TestProfileRefused(t *testing.T) {
	r := newRig(t)
	for name, at := range map[string]struct {
		user any
		want []string
	}{
		"fname":     {map[string]any{"fname": ""}, []string{"Fname can't be blank"}},
		"names":     {map[string]any{"fname": " ", "lname": nil, "city": "x"}, []string{"Fname can't be blank", "Lname can't be blank"}},
		"email":     {map[string]any{"email": ""}, []string{"Email can't be blank"}},
		"no email":  {map[string]any{"email": "dana"}, []string{"Email is invalid"}},
		"two":       {map[string]any{"email": "a@example.test, b@example.test"}, []string{"Email is invalid"}},
		"named":     {map[string]any{"email": "Dana <dana@example.test>"}, []string{"Email is invalid"}},
		"taken":     {map[string]any{"email": "SAM@example.test"}, []string{"Email has already been taken"}},
		"locale":    {map[string]any{"locale": "foo"}, []string{"Locale is not included in the list"}},
		"currency":  {map[string]any{"currency": "XXX"}, []string{"Currency is not included in the list"}},
		"everybody": {map[string]any{"email": "x", "currency": nil}, []string{"Email is invalid", "Currency is not included in the list"}},
	} {
		t.Run(name, func(t *testing.T) { r.patch("/api/users", map[string]any{"user": at.user}).refused(400, at.want...) })
	}
	for _, body := range []any{map[string]any{}, map[string]any{"fname": "x"}, map[string]any{"user": nil}, map[string]any{"user": "x"}} {
		r.patch("/api/users", body).refused(400, "param is missing or the value is empty: user")
	}
	r.patch("/api/users", map[string]any{"user": map[string]any{"c_sftp_pass": "maybe"}}).wants(422)
	r.send("PUT", "/api/users", map[string]any{"user": map[string]any{"city": "x"}}).refused(404, "Unknown API Call. Please check the documentation.")
	r.send("PUT", "/api/users/1", map[string]any{"user": map[string]any{"city": "x"}}).refused(404, "Unknown API Call. Please check the documentation.")
	r.get("/api/users").is(200, profile())
}

// TestRegistration covers C114: the flow of a control panel, with a token of client
// credentials.
func TestRegistration(t *testing.T) {
	r := newRig(t)
	panel := r.token(0, "public", "register")
	a := panel.post("/api/users", map[string]any{
		"user": map[string]any{"fname": "Ana", "lname": "Ruiz", "locale": "foo", "currency": "eur"}, "provider_server": "host01", "provider_username": "aruiz",
	}, "Accept", "application/json; api_version=52").wants(201)
	form := regexp.MustCompile(`^\{"user":\{"fname":"Ana","lname":"Ruiz","email":"aruiz_[0-9a-f]{12}@panel\.example\.test","currency":"EUR",` +
		`"api":\{"username":"[\w-]{22}","password":"[\w-]{40}"\},"labels":\{"cpanel":\{"host01":"aruiz"\}\}\}\}$`)
	if !form.MatchString(a.Body) {
		t.Errorf("the body is %s", a.Body)
	}
	ana := r.as(basic(a.text("user.api.username"), a.text("user.api.password")))
	me := ana.get("/api/users").wants(200)
	for path, want := range map[string]string{
		"user.id": "3", "user.email": a.text("user.email"), "user.locale": "en", "user.currency.symbol": "€", "user.country": "US", "user.unprocessed_usage": "0.0",
		"user.quota.containers.quota": "10",
	} {
		if got := me.text(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	r.advance(3 * 60 * 60 * 1e9) // the token expired, the credential did not
	panel.post("/api/users", nil).refused(403, "The access token expired")
	ana.get("/api/users").wants(200)
}

// TestRegistrationValues covers C114: values that are replaced, and those refused.
func TestRegistrationValues(t *testing.T) {
	r := newRig(t)
	panel := r.token(0, "register")
	register := func(user map[string]any, server, name any) response {
		for member, value := range map[string]any{"fname": "Ana", "lname": "Ruiz"} {
			if _, sent := user[member]; !sent {
				user[member] = value
			}
		}
		return panel.post("/api/users", map[string]any{"user": user, "provider_server": server, "provider_username": name})
	}
	for name, at := range map[string]struct {
		a                     response
		email, currency, name string
	}{
		"taken":    {register(map[string]any{"email": "DANA@example.test"}, "h", "Ana Ruíz!"), `^anaruz_[0-9a-f]{12}@panel`, "USD", "Ana Ruíz!"},
		"free":     {register(map[string]any{"email": "ana@example.test", "currency": "xyz"}, "h", "ana"), `^ana@example\.test$`, "USD", "ana"},
		"nameless": {register(map[string]any{"email": nil, "currency": " gbp"}, "h", "é"), `^user_`, "GBP", "é"},
		"inside":   {register(map[string]any{"provider_server": "h", "provider_username": "in"}, nil, ""), `^in_`, "USD", "in"},
	} {
		at.a.wants(201)
		if !regexp.MustCompile(at.email).MatchString(at.a.text("user.email")) || at.a.text("user.currency") != at.currency || at.a.text("user.labels.cpanel.h") != at.name {
			t.Errorf("%s: %s", name, at.a.Body)
		}
	}
	for name, at := range map[string]struct {
		a    response
		want string
	}{
		"no server": {register(map[string]any{}, "", "x"), "missing provider settings"},
		"no name":   {register(map[string]any{}, "x", " "), "missing provider settings"},
		"neither":   {register(map[string]any{}, nil, nil), "missing provider settings"},
		"fname":     {register(map[string]any{"fname": ""}, "h", "x"), "Fname can't be blank"},
		"blank":     {register(map[string]any{"lname": " "}, "h", "x"), "Lname can't be blank"},
		"no lname":  {register(map[string]any{"lname": nil}, "h", "x"), "Lname can't be blank"},
		"email":     {register(map[string]any{"email": "x"}, "h", "x"), "Email is invalid"},
	} {
		t.Run(name, func(*testing.T) { at.a.refused(422, at.want) })
	}
	body := map[string]any{"user": map[string]any{"fname": "A", "lname": "B"}, "provider_server": "h", "provider_username": "x"}
	panel.post("/api/users", map[string]any{"provider_server": "h", "provider_username": "x"}).refused(400, "param is missing or the value is empty: user")
	r.post("/api/users", body).refused(403, "The access token lacks the scope: this needs register.")
	r.token(1, "public").post("/api/users", body).refused(403, "The access token lacks the scope: this needs register.")
	r.token(1, "register").post("/api/users", body).wants(201)
}

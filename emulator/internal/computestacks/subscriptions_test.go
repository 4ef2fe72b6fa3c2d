package computestacks

import (
	"strconv"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// newBilled adds a project of the default user with a service of the small product, and a
// container of it. It returns the id of the container, whose subscription has the id 1.
func newBilled(r *rig) (container int) {
	r.change(func(tx *engine.Tx) {
		p := r.a.newProject(tx, Project{UserID: defaultUser, Name: "blog", RegionID: 1})
		s := r.a.newService(tx, Service{ProjectID: p.ID, ImageID: 3, ProductID: 1, Label: "web"})
		s.Name = "brisk-hopper1"
		put(tx, r.a.services, s.ID, s)
		container = r.a.newContainer(tx, s.ID).ID
	})
	return container
}

const (
	started      = `"created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:00.000Z"`
	smallProduct = `{"id":1,"label":"Small","kind":"package","resource_kind":null,"created_at":"2025-01-15T12:00:00.000Z","updated_at":"2025-01-15T12:00:00.000Z"}`
	largeProduct = `{"id":3,"label":"Large","kind":"package","resource_kind":null,"created_at":"2025-01-15T12:00:00.000Z","updated_at":"2025-01-15T12:00:00.000Z"}`
	danaBilled   = `{"id":1,"full_name":"Dana Whitlock","email":"dana@example.test","external_id":"crm-1"}`
)

// TestSubscriptions covers C122: the body of a subscription, and which are listed.
func TestSubscriptions(t *testing.T) {
	r := newRig(t)
	r.get("/api/subscriptions").is(200, `{"subscriptions":[]}`)
	container := newBilled(r)
	const first = `{"id":1,"label":"brisk-hopper1-1","external_id":null,"active":true,"run_rate":7.592,` + started + `,"subscription_products":[{"id":1,"external_id":null,` +
		`"start_on":null,"active":true,"phase_type":"final",` + started + `,"product":{"id":1,"label":"Small","kind":"package","resource_kind":null,` +
		`"created_at":"2025-01-15T12:00:00.000Z","updated_at":"2025-01-15T12:00:00.000Z","package":{"id":1,"cpu":"1.0","memory":1024,"storage":10,"bandwidth":500,` +
		`"local_disk":5,"memory_swap":null,"memory_swappiness":null}},"billing_resource":{"id":1,"billing_plan_id":1,"external_id":null}}],` +
		`"container":{"id":1,"name":"brisk-hopper1-1","label":"web","status":"pending","cpu":"1.0","memory":1024,` + started + `,` +
		`"container_image":{"id":3,"label":"nginx","description":"A web server for static sites.","image_url":"library/nginx:1.21"},` +
		`"deployment":{"id":1,"name":"blog","status":"ok",` + started + `},"container_service":{"id":1,"name":"brisk-hopper1","label":"web",` + started + `},` +
		`"region":{"id":1,"name":"pdx1"},"node":{"id":2,"label":"node102","hostname":"node102.pdx1.example.test","primary_ip":"192.0.2.12","public_ip":"198.51.100.12"}},` +
		`"user":` + danaBilled + `}`
	r.get("/api/subscriptions").is(200, `{"subscriptions":[`+first+`]}`)
	r.get("/api/subscriptions/1").is(200, `{"subscription":`+first+`}`)
	r.change(func(tx *engine.Tx) {
		free := r.a.newService(tx, Service{ProjectID: 1, ImageID: 5, Label: "free"})
		r.a.newContainer(tx, free.ID)
		r.a.removeContainer(tx, container)
		s := row(tx, r.a.subscriptions, 2)
		s.ExternalID = "sub-9"
		put(tx, r.a.subscriptions, 2, s)
	})
	for query, want := range map[string]string{
		"": "2 1", "?filter=active": "2", "?filter=inactive": "1", "?filter=else": "2 1", "?per_page=1": "2", "?per_page=1&page=2": "1", "?page=9": "",
	} {
		if got := idsOf(r.get("/api/subscriptions"+query).wants(200), "subscriptions"); got != want {
			t.Errorf("%s lists %s, want %s", query, got, want)
		}
	}
	ended := r.get("/api/subscriptions/1").wants(200)
	if ended.at("subscription.active") != false || ended.text("subscription.run_rate") != "0" || ended.at("subscription.container") != nil {
		t.Errorf("an ended subscription is %s", ended.Body)
	}
	free := r.get("/api/subscriptions/sub-9?find_by_external_id=true").wants(200)
	if free.text("subscription.id") != "2" || free.text("subscription.subscription_products") != "[]" || free.text("subscription.run_rate") != "0" {
		t.Errorf("a free subscription is %s", free.Body)
	}
	r.get("/api/subscriptions/sub-9/billing_events?find_by_external_id=true").wants(200)
	r.get("/api/subscriptions/sub-9/billing_usages?find_by_external_id=true").is(200, `{"billing_usages":[]}`)
	sam := r.user(2)
	sam.get("/api/subscriptions").is(200, `{"subscriptions":[]}`)
	for _, tail := range []string{"", "/billing_events", "/billing_events/1", "/billing_usages", "/billing_usages/10000001"} {
		sam.get("/api/subscriptions/1"+tail).refused(404, "Unknown Subscription")
		sam.get("/api/subscriptions/sub-9"+tail+"?find_by_external_id=true").refused(404, "Unknown Subscription")
		for _, id := range []string{"9", "0", "x", "01", "sub-9"} {
			r.get("/api/subscriptions/"+id+tail).refused(404, "Unknown Subscription")
		}
		r.get("/api/subscriptions/1"+tail+"?find_by_external_id=true").refused(404, "Unknown Subscription")
	}
}

// idsOf lists the ids of a collection.
func idsOf(a response, key string) (ids string) {
	list, _ := a.at(key).([]any)
	for _, item := range list {
		if ids != "" {
			ids += " "
		}
		object, _ := item.(map[string]any)
		ids += number(object["id"])
	}
	return ids
}

// TestBillingEvents covers C123: the events of the life of a subscription.
func TestBillingEvents(t *testing.T) {
	r := newRig(t)
	container := newBilled(r)
	r.advance(time.Second)
	r.change(func(tx *engine.Tx) {
		r.a.changeProduct(tx, 1, 3)
		r.a.changeProduct(tx, 1, 3) // no change
	})
	r.advance(time.Second)
	r.change(func(tx *engine.Tx) {
		r.a.removeContainer(tx, container)
		r.a.changeProduct(tx, 1, 1) // it has ended
	})
	const of = `"subscription":{"id":1,"label":"brisk-hopper1-1","external_id":null,"active":false,"created_at":"2026-01-15T12:00:00.000Z","updated_at":"2026-01-15T12:00:02.000Z"}`
	const unchanged = `"from_phase":null,"to_phase":null,"from_resource_qty":null,"to_resource_qty":null,`
	events := []string{
		`{"id":3,"from_status":true,"to_status":false,` + unchanged + `"created_at":"2026-01-15T12:00:02.000Z","updated_at":"2026-01-15T12:00:02.000Z",` + of +
			`,"source_product":null,"destination_product":null}`,
		`{"id":2,"from_status":null,"to_status":null,` + unchanged + `"created_at":"2026-01-15T12:00:01.000Z","updated_at":"2026-01-15T12:00:01.000Z",` + of +
			`,"source_product":` + smallProduct + `,"destination_product":` + largeProduct + `}`,
		`{"id":1,"from_status":null,"to_status":true,"from_phase":null,"to_phase":"final","from_resource_qty":null,"to_resource_qty":"1.0",` + started + `,` + of +
			`,"source_product":null,"destination_product":` + smallProduct + `}`,
	}
	r.get("/api/subscriptions/1/billing_events").is(200, `{"billing_events":[`+events[0]+`,`+events[1]+`,`+events[2]+`]}`)
	r.get("/api/subscriptions/1/billing_events?page=2&per_page=2").is(200, `{"billing_events":[`+events[2]+`]}`)
	r.get("/api/subscriptions/1/billing_events/2").is(200, `{"billing_event":`+events[1]+`}`)
	for _, id := range []string{"4", "0", "02", "x"} {
		r.get("/api/subscriptions/1/billing_events/"+id).refused(404, "Unknown Billing Event")
	}
}

// TestBillingUsages covers C124: every hour is a usage once it is over, and is billed with
// its month.
func TestBillingUsages(t *testing.T) {
	r := newRig(t)
	container := newBilled(r)
	r.advance(59 * time.Minute)
	r.get("/api/subscriptions/1/billing_usages").is(200, `{"billing_usages":[]}`)
	r.advance(time.Minute)
	usage := func(id, from, to, rate, qty, total, processed, updated, product string) string {
		return `{"id":` + id + `,"period_start":"` + from + `","period_end":"` + to + `","external_id":null,"rate":"` + rate + `","qty":"` + qty + `","total":"` + total +
			`","processed":` + processed + `,"created_at":"` + to + `","updated_at":"` + updated + `","product":` + product + `,"user":` + danaBilled + `}`
	}
	const hour1, hour2 = "2026-01-15T13:00:00.000Z", "2026-01-15T14:00:00.000Z"
	first := usage("10000001", "2026-01-15T12:00:00.000Z", hour1, "0.0104", "1.0", "0.0104", `false,"processed_on":null`, hour1, smallProduct)
	r.get("/api/subscriptions/1/billing_usages").is(200, `{"billing_usages":[`+first+`]}`)
	r.get("/api/subscriptions/1/billing_usages/10000001").is(200, `{"billing_usage":`+first+`}`)
	r.advance(time.Hour + 15*time.Minute)
	r.change(func(tx *engine.Tx) { r.a.changeProduct(tx, 1, 3) })
	r.advance(45 * time.Minute)
	r.change(func(tx *engine.Tx) { r.a.removeContainer(tx, container) })
	r.advance(24 * time.Hour)
	list := r.get("/api/subscriptions/1/billing_usages")
	const switched, end = "2026-01-15T14:15:00.000Z", "2026-01-15T15:00:00.000Z"
	list.is(200, `{"billing_usages":[`+
		usage("10000004", switched, end, "0.0416", "0.75", "0.0312", `false,"processed_on":null`, end, largeProduct)+`,`+
		usage("10000003", hour2, switched, "0.0104", "0.25", "0.0026", `false,"processed_on":null`, switched, smallProduct)+`,`+
		usage("10000002", hour1, hour2, "0.0104", "1.0", "0.0104", `false,"processed_on":null`, hour2, smallProduct)+`,`+first+`]}`)
	if got := r.get("/api/users").text("user.unprocessed_usage"); got != "0.0546" {
		t.Errorf("unprocessed is %s", got)
	}
	r.advance(start.AddDate(0, 0, 17).Add(-12 * time.Hour).Sub(start.Add(27 * time.Hour))) // to the beginning of February
	const february = "2026-02-01T00:00:00.000Z"
	r.get("/api/subscriptions/1/billing_usages?per_page=1").is(200, `{"billing_usages":[`+
		usage("10000004", switched, end, "0.0416", "0.75", "0.0312", `true,"processed_on":"`+february+`"`, february, largeProduct)+`]}`)
	if got := r.get("/api/users").text("user.unprocessed_usage"); got != "0.0" {
		t.Errorf("unprocessed is %s", got)
	}
	for _, id := range []string{"10000005", "10000000", "4", "0", "x", "20000001"} {
		r.get("/api/subscriptions/1/billing_usages/"+id).refused(404, "Unknown Usage.")
	}
}

// TestUsagesOfManyHours covers C124: a page of the usages of a year is right at both ends.
func TestUsagesOfManyHours(t *testing.T) {
	r := newRig(t)
	newBilled(r)
	r.advance(365 * 24 * time.Hour)
	a := r.get("/api/subscriptions/1/billing_usages?page=44&per_page=200").wants(200)
	if total := a.Header.Get("Total"); total != "8760" {
		t.Errorf("Total is %s", total)
	}
	if got := a.text("billing_usages.159.id") + " " + a.text("billing_usages.159.period_start"); got != "10000001 2026-01-15T12:00:00.000Z" {
		t.Errorf("the oldest usage is %s", got)
	}
	// 14.5 days of January are not billed.
	if got := r.get("/api/users").text("user.unprocessed_usage"); got != "3.6192" {
		t.Errorf("unprocessed is %s", got)
	}
}

// TestHourly covers C124: prices of a month and a year are divided.
func TestHourly(t *testing.T) {
	for want, p := range map[float64]Product{
		0.02: {Price: 0.02, Term: "hour"}, 0.01: {Price: 7.3, Term: "month"}, 0.001: {Price: 8.76, Term: "year"}, 0.5: {Price: 0.5},
	} {
		if got := hourly(p); got != want {
			t.Errorf("%+v costs %v, want %v", p, got, want)
		}
	}
}

// number writes a number of a body without a fraction.
func number(v any) string {
	f, _ := v.(float64)
	return strconv.Itoa(int(f))
}

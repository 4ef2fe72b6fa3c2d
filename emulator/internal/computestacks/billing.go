package computestacks

import (
	"math"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// What a subscription costs is a function of its events, the prices and the time: an
// hour of use is a usage as soon as it is over, and usages are billed at the beginning
// of the next month (C124).

// segment is a part of the life of a subscription with one product.
type segment struct {
	product  int
	from, to time.Time
	open     bool // it goes on: an hour that has begun is no usage yet
}

// segmentsOf lists the segments of a subscription up to a time. Segments without a
// product, of a free image, are left out.
func segmentsOf(s Subscription, now time.Time) (all []segment) {
	begin := segment{product: s.ProductID, from: s.CreatedAt}
	if len(s.Events) > 0 {
		begin.product = s.Events[0].DestProduct
	}
	end := func(at time.Time, open bool) {
		begin.to, begin.open = at, open
		if begin.product != 0 && begin.to.After(begin.from) {
			all = append(all, begin)
		}
	}
	for n, e := range s.Events {
		if n > 0 && e.DestProduct != 0 && e.DestProduct != begin.product {
			end(e.CreatedAt, false)
			begin = segment{product: e.DestProduct, from: e.CreatedAt}
		}
	}
	if s.EndedAt.IsZero() {
		end(now, true)
	} else {
		end(s.EndedAt, false)
	}
	return all
}

// usages returns how many usages a segment has.
func (g segment) usages() int {
	d := g.to.Sub(g.from)
	n := int(d / time.Hour)
	if !g.open && d%time.Hour > 0 {
		n++ // the last hour was not full
	}
	return n
}

// at returns the beginning and the end of a usage of the segment, counted from 0.
func (g segment) at(n int) (from, to time.Time) {
	from = g.from.Add(time.Duration(n) * time.Hour)
	if to = from.Add(time.Hour); to.After(g.to) {
		to = g.to
	}
	return from, to
}

// usage is what was used in an hour.
type usage struct {
	number         int // within the subscription, from 1
	product        int
	from, to       time.Time
	rate, quantity float64 // price of an hour; hours
}

// total is what a usage costs.
func (u usage) total() float64 { return rounded(u.rate*u.quantity, 6) }

// billedAt returns when a usage is billed: at the beginning of the month after it.
func (u usage) billedAt() time.Time {
	begin := monthOf(u.to)
	if begin.Equal(u.to) {
		return begin
	}
	return begin.AddDate(0, 1, 0)
}

// monthOf returns the beginning of the month of a time.
func monthOf(t time.Time) time.Time {
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}

// usagesOf returns how many usages a subscription has at a time.
func usagesOf(s Subscription, now time.Time) (n int) {
	for _, g := range segmentsOf(s, now) {
		n += g.usages()
	}
	return n
}

// usageOf returns a usage of a subscription by its number, from 1; false if it has none
// at the time.
func (a *API) usageOf(tx *engine.Tx, s Subscription, number int) (usage, bool) {
	n := number - 1
	for _, g := range segmentsOf(s, tx.Now()) {
		if n >= 0 && n < g.usages() {
			u := usage{number: number, product: g.product, rate: hourly(row(tx, a.products, g.product))}
			u.from, u.to = g.at(n)
			u.quantity = rounded(u.to.Sub(u.from).Hours(), 4)
			return u, true
		}
		n -= g.usages()
	}
	return usage{}, false
}

// unprocessed returns what a user used and is not billed yet.
func (a *API) unprocessed(tx *engine.Tx, user int) (sum float64) {
	for r := range a.subscriptions.After(tx, 0) {
		if r.Value.UserID == user {
			sum += a.unbilled(tx, r.Value)
		}
	}
	return rounded(sum, 6)
}

// unbilled returns what a subscription cost since the month began.
func (a *API) unbilled(tx *engine.Tx, s Subscription) (sum float64) {
	for n := usagesOf(s, tx.Now()); n > 0; n-- {
		u, _ := a.usageOf(tx, s, n)
		if !u.billedAt().After(tx.Now()) {
			break
		}
		sum += u.total()
	}
	return sum
}

// hoursPerMonth is the number of hours that a monthly price is for.
const hoursPerMonth = 730

// hourly returns the price of an hour of a product.
func hourly(p Product) float64 {
	switch p.Term {
	case "month":
		return rounded(p.Price/hoursPerMonth, 6)
	case "year":
		return rounded(p.Price/hoursPerMonth/12, 6)
	}
	return p.Price
}

// rounded rounds a number to some digits behind the point.
func rounded(f float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(f*p) / p
}

// changeProduct switches a subscription to another product.
func (a *API) changeProduct(tx *engine.Tx, id, product int) {
	s, ok := get(tx, a.subscriptions, id)
	if !ok || !s.Active || s.ProductID == product {
		return
	}
	e := BillingEvent{ID: newID(tx, "billing_event"), SourceProduct: s.ProductID, DestProduct: product, CreatedAt: tx.Now()}
	s.ProductID, s.UpdatedAt = product, tx.Now()
	s.Events = append(s.Events[:len(s.Events):len(s.Events)], e)
	put(tx, a.subscriptions, id, s)
}

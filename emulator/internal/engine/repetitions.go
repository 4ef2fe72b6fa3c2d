package engine

import "fmt"

// repetitions counts the last events of an advance before its limit, so that the error
// can name the step that repeats.
type repetitions struct {
	counted int
	steps   map[string]int
	events  map[[2]string]int // by step and subject
}

// maxRepeats is the number of events that are counted.
const maxRepeats = 10_000

// count counts the event if it is one of the last ones before the limit of the
// advance.
func (r *repetitions) count(a *advance, d due) {
	if a.target.MaxEvents-a.ran >= maxRepeats {
		return
	}
	if r.steps == nil {
		r.steps, r.events = map[string]int{}, map[[2]string]int{}
	}
	r.counted++
	r.steps[d.step]++
	r.events[[2]string{d.step, d.subject}]++
}

// String names the step that ran most often and its most frequent subject.
func (r *repetitions) String() string {
	step, subject := "", ""
	for name, n := range r.steps {
		if m := r.steps[step]; n > m || n == m && name < step {
			step = name
		}
	}
	for e, n := range r.events {
		if m := r.events[[2]string{step, subject}]; e[0] == step && (n > m || n == m && e[1] < subject) {
			subject = e[1]
		}
	}
	text := fmt.Sprintf("%d of the last %d events were %s", r.steps[step], r.counted, step)
	switch n := r.events[[2]string{step, subject}]; {
	case subject == "":
	case n == r.steps[step]:
		text += " of " + subject
	default:
		text += fmt.Sprintf(", %d of them of %s", n, subject)
	}
	return text
}

// tooManyEvents returns the error of an advance that has run as many events as it may.
func (w *World) tooManyEvents(a *advance) error {
	more := ""
	if e, ok := w.s.agenda.next(); ok {
		more = fmt.Sprintf(" %d are still scheduled, the next of them %s of %s at %s", w.s.agenda.tree.Len(), e.step, e.subject, stamp(e.at))
	}
	return fmt.Errorf("after %d events%s: a step repeats (%s). The advance%s stopped at %s: %w",
		a.ran, more, &a.repeats, a.target, stamp(w.s.clock.last), ErrTooManyEvents)
}

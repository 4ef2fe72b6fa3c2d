package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrCursor is the error of a cursor that does not belong to the present state: it was
// made up, or the world was reset or restored since.
var ErrCursor = errors.New("the cursor does not belong to the present state of the workspace: it was reset or restored since, or the cursor is from elsewhere; begin again without a cursor")

// Page returns at most so many rows of a table after a cursor, in creation order, and
// the cursor of the next page. "" means the beginning as an argument, and the end as a
// result. A nil keep accepts all rows. A cursor of another state is ErrCursor.
func Page[T any](t *Table[T], tx *Tx, after string, most int, keep func(row *T) bool) (rows []Row[T], next string, err error) {
	numbers, err := tx.parseCursor(after, 1)
	if err != nil {
		return nil, "", err
	}
	for row := range t.After(tx, numbers[0]) {
		if keep != nil && !keep(&row.Value) {
			continue
		}
		if len(rows) == most {
			return rows, tx.cursorOf(rows[most-1].Seq), nil
		}
		rows = append(rows, row)
	}
	return rows, "", nil
}

// AgendaPage is Page for the scheduled events, in the order in which they will run.
func (w *World) AgendaPage(after string, most int) (events []Event, next string, err error) {
	w.View(func(tx *Tx) {
		var numbers []uint64
		if numbers, err = tx.parseCursor(after, 2); err != nil {
			return
		}
		pivot := event{at: int64(numbers[0]), seq: numbers[1]}
		tx.s.agenda.tree.Ascend(pivot, func(e event) bool {
			if !earlier(pivot, e) {
				return true
			}
			if len(events) == most {
				last := events[most-1]
				next = tx.cursorOf(uint64(last.At.UnixNano()), last.Seq)
				return false
			}
			events = append(events, e.public())
			return true
		})
	})
	return events, next, err
}

// cursorOf encodes a position in the present state as a cursor.
func (tx *Tx) cursorOf(numbers ...uint64) string {
	out := strconv.FormatUint(uint64(tx.w.gen.ID), 36)
	for _, n := range numbers {
		out += "." + strconv.FormatUint(n, 36)
	}
	return out
}

// parseCursor decodes a cursor that cursorOf made; "" is the beginning.
func (tx *Tx) parseCursor(text string, count int) ([]uint64, error) {
	numbers := make([]uint64, count)
	if text == "" {
		return numbers, nil
	}
	parts := strings.Split(text, ".")
	if len(parts) != count+1 || parts[0] != strconv.FormatUint(uint64(tx.w.gen.ID), 36) {
		return nil, ErrCursor
	}
	for i, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 36, 64)
		if err != nil || strconv.FormatUint(n, 36) != part {
			return nil, fmt.Errorf("%w", ErrCursor)
		}
		numbers[i] = n
	}
	return numbers, nil
}

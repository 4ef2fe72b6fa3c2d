package event

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/resource"
)

// Query is the list of events that a client asks for.
type Query struct {
	Filter
	resource.Position
	// After is the position, or the id of the event, after which the list begins; "" for
	// the oldest event that is kept.
	After string
	// Wait is how long a request waits when the page is empty, by the wall clock.
	Wait time.Duration
}

// Page is a part of the list.
type Page struct {
	resource.Page[Event]
	// Resume is the cursor of the events that follow, whether there are any yet or not.
	Resume string

	filter Filter
	gen    engine.Generation
	last   uint64 // the row after which events are new
}

// Page returns the events that a client asks for, oldest first. When there are none, it
// waits for some (S15), and moves time on in a world whose clock jumps.
// The call must have no transaction. A notice is the first event when the position is
// of another history.
func (l *Log) Page(ctx context.Context, c *httpapi.Call, q Query) (out Page, err error) {
	read := func(c *httpapi.Call) (err error) {
		out, err = l.read(c, q)
		return err
	}
	if err := c.Do(read); err != nil || q.Wait == 0 || len(out.Rows) > 0 {
		return out, err
	}
	if err := l.waits.acquire(c.Workspace(), "too_many_waiting"); err != nil {
		return out, err
	}
	defer l.waits.release(c.Workspace())
	ctx, cancel := context.WithTimeout(ctx, q.Wait)
	defer cancel()
	defer context.AfterFunc(l.config.Closing, cancel)()
	for {
		types := q.Types
		switch err := l.await(ctx, c, &out, &types); {
		case errors.Is(err, errEnded):
			return out, nil
		case err != nil || ctx.Err() != nil:
			return out, err
		}
		if err := c.Do(read); err != nil || len(out.Rows) > 0 {
			return out, err
		}
	}
}

// await returns when an event has happened that the empty page lacks, or when the
// context ends. types are the patterns to which time may be moved on, once: events
// that repeat never end. The error is errEnded when the world has ended.
func (l *Log) await(ctx context.Context, c *httpapi.Call, empty *Page, types *[]string) error {
	for ctx.Err() == nil {
		changed, found, advanced := c.Workspace().Changed(), false, false
		err := c.Do(func(c *httpapi.Call) error {
			if c.Closed() {
				return errEnded
			}
			if found = c.Generation() != empty.gen; found {
				return nil
			}
			for row := range l.Rows.After(c.Tx, empty.last) {
				empty.last = row.Seq
				if found = empty.filter.Selects(&row.Value); found {
					return nil
				}
			}
			if advanced = l.config.Advance(c.Tx, nil); !advanced && len(*types) > 0 {
				advanced, *types = l.config.Advance(c.Tx, *types), nil
			}
			return nil
		})
		if err != nil || found {
			return err
		}
		if advanced {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// read reads the page that a client asks for.
func (l *Log) read(c *httpapi.Call, q Query) (out Page, err error) {
	out.gen, out.filter.Types = c.Generation(), q.Types
	if out.filter.Project, err = l.config.Project(c, q.Project); err != nil {
		return out, err
	}
	v := resource.List[Event]{Table: l.Rows, Project: func(e Event) string { return e.ProjectID }, Name: strings.Join([]string{
		"events", out.filter.Project, strings.Join(q.Types, ","), // without After: a cursor continues after its own row
	}, "\x01")}
	if len(q.Types) > 0 || out.filter.Project != "" {
		v.Keep = func(e Event) bool { return out.filter.Selects(&e) }
	}
	if err := v.Bind(c.Project); err != nil {
		return out, err
	}
	lost := false // the position is of another history
	if q.After != "" {
		at, ok := l.placeAt(c.Tx, q.After)
		if lost = !ok; ok {
			v.Floor = at.row
		}
	}
	if q.Cursor != "" && q.Page == 0 { // else Read refuses it, like an invalid one
		last, err := resource.OpenCursor(c.Tx, v.Name, q.Cursor)
		switch {
		case errors.Is(err, resource.ErrOtherGeneration) || err == nil && !l.keepsAllAfter(c.Tx, last):
			lost, q.Cursor, v.Floor = true, "", 0
		case err == nil && (lost || last < v.Floor): // the walk began anew and goes on
			lost, v.Floor = false, 0
		}
	}
	var notice Event
	if lost {
		notice, lost = l.neededNotice(c.Tx, &out.filter)
	}
	v.Led = lost
	latest := l.latest(c.Tx).row // before the list is read, during which others may change the world
	if out.Page, err = v.Read(c, q.Position); err != nil {
		return out, err
	}
	if n := len(out.Rows); n > 0 {
		out.last = out.Rows[n-1].Seq
	} else if out.last = resource.OldestRow; !lost || out.Total == 1 {
		out.last = latest
	}
	if lost && out.Number == 1 {
		out.Rows = slices.Insert(out.Rows, 0, engine.Row[Event]{ID: notice.ID, Value: notice})
	}
	out.Resume = resource.NewCursor(c.Tx, out.gen, v.Name, out.last)
	return out, nil
}

package redact

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
)

// NewHandler is inner without secrets: messages, keys, group names and values
// of every kind pass [String] first, and an attribute whose key says that its
// value is a credential shows it as [Token] does. A value that is neither text
// nor a number stays what it is unless one of its printed forms holds a secret;
// then its text takes its place.
func NewHandler(inner slog.Handler) slog.Handler {
	return &handler{inner}
}

type handler struct{ inner slog.Handler }

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var room [8]slog.Attr
	attrs := room[:0]
	message := String(r.Message)
	changed := message != r.Message
	r.Attrs(func(a slog.Attr) bool {
		a, c := attr(a)
		attrs = append(attrs, a)
		changed = changed || c
		return true
	})
	if !changed {
		return h.inner.Handle(ctx, r)
	}
	clean := slog.NewRecord(r.Time, r.Level, message, r.PC)
	clean.AddAttrs(attrs...)
	return h.inner.Handle(ctx, clean)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean, _ := group(attrs)
	return &handler{h.inner.WithAttrs(clean)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.inner.WithGroup(String(name))}
}

// group is the attributes without secrets, and whether that made a difference.
func group(attrs []slog.Attr) (clean []slog.Attr, changed bool) {
	clean = make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		var c bool
		clean[i], c = attr(a)
		changed = changed || c
	}
	return clean, changed
}

// attr is a without secrets, and whether that made a difference.
func attr(a slog.Attr) (clean slog.Attr, changed bool) {
	key := String(a.Key)
	v, changed := value(a.Value, credential(a.Key))
	return slog.Attr{Key: key, Value: v}, changed || key != a.Key
}

func value(v slog.Value, isCredential bool) (clean slog.Value, changed bool) {
	if v.Kind() == slog.KindLogValuer {
		// A second call might return another value.
		clean, _ = value(v.Resolve(), isCredential)
		return clean, true
	}
	switch {
	case v.Kind() == slog.KindGroup:
		attrs, changed := group(v.Group())
		if !changed {
			return v, false
		}
		return slog.GroupValue(attrs...), true
	case v.Kind() == slog.KindAny && v.Any() == nil:
		return v, false
	case isCredential:
		return slog.StringValue(hide(texts(v)[0])), true
	case v.Kind() == slog.KindString:
		s := v.String()
		t := String(s)
		return slog.StringValue(t), t != s
	case v.Kind() == slog.KindAny:
		for _, s := range texts(v) {
			if t := String(s); t != s {
				return slog.StringValue(t), true
			}
		}
	}
	return v, false
}

// texts is every text that a handler may make of v, at least one.
func texts(v slog.Value) []string {
	if v.Kind() != slog.KindAny {
		return []string{v.String()}
	}
	x := v.Any()
	var forms []string
	if r := reflect.ValueOf(x); r.Kind() == reflect.Slice && r.Type().Elem().Kind() == reflect.Uint8 {
		forms = append(forms, string(r.Bytes()))
	}
	forms = append(forms, fmt.Sprintf("%+v", x))
	if m, ok := x.(encoding.TextMarshaler); ok {
		forms = append(forms, marshalled(m.MarshalText))
	}
	return append(forms, marshalled(func() ([]byte, error) { return json.Marshal(x) }))
}

// marshalled is what f makes, or what a handler would say of its failure.
func marshalled(f func() ([]byte, error)) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	b, err := f()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// credential reports whether an attribute of that key holds a credential.
func credential(key string) bool {
	switch strings.ToLower(strings.ReplaceAll(key, "-", "_")) {
	case "authorization", "proxy_authorization", "bearer", "cookie", "cookies", "set_cookie",
		"token", "access_token", "admin_token", "api_key", "apikey", "x_api_key", "secret", "password":
		return true
	}
	return false
}

// hide is a credential as a log may show it.
func hide(s string) string {
	const scheme = "Bearer "
	if len(s) > len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
		return scheme + Token(s[len(scheme):])
	}
	return Token(s)
}

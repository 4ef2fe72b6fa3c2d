package httpapi

import (
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
)

// Accept is the stage that rejects a request whose Accept header excludes every type
// in which the operation responds. A missing or empty header accepts all types.
func Accept(x *RequestContext) error {
	accept := strings.Join(x.Request.Header["Accept"], ",")
	if strings.Trim(accept, ", \t") == "" {
		return nil
	}
	for _, media := range x.Op.produces {
		if weight(accept, media) > 0 {
			return nil
		}
	}
	return fail.Newf(fail.NotAcceptable, "not_acceptable", "This is answered in %s only, which the Accept header rules out.", strings.Join(x.Op.produces, ", "))
}

// weight returns the q-value that an Accept header gives to a type: that of the most
// specific range that matches, 0 if none does.
func weight(accept, media string) float64 {
	kind, _, _ := strings.Cut(media, "/")
	closest, q := 0, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		fit := 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case media:
			fit = 3
		case kind + "/*":
			fit = 2
		case "*/*", "*":
			fit = 1
		}
		if fit > closest {
			closest, q = fit, quality(params)
		}
	}
	return q
}

// quality returns the q parameter of a range, 1 if there is none.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			if q, err := strconv.ParseFloat(value, 64); err == nil {
				return q
			}
		}
	}
	return 1
}

package oauth

import (
	"html"
	"net/url"
	"strings"
	"unicode/utf8"
)

// ContentSecurityPolicy is the policy of the pages. They need no resources. Browsers apply
// form-action to the redirect that follows a form too, so it has to allow the addresses of
// clients and what their callbacks redirect to.
const ContentSecurityPolicy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' http: https:"

// Consent is the page on which a user approves or denies an authorization request.
type Consent struct {
	Application string
	User        string
	Scopes      []Field // name and description
	Redirect    string  // where the browser goes afterwards
	Action      string  // path that the forms are sent to
	Request     []Field // parameters of the request, which the forms repeat
}

// HTML returns the page. Both forms work without scripts, which the policy forbids: a form
// cannot send DELETE, so the one that denies says so in a hidden field.
func (c Consent) HTML() string {
	var b strings.Builder
	paragraph(&b, c.Application+" asks for access to the account of "+c.User+".")
	if len(c.Scopes) > 0 {
		b.WriteString("<p>It could then:</p>\n<ul>\n")
		for _, s := range c.Scopes {
			b.WriteString("<li>" + escape(s.Value) + " (<code>" + escape(s.Name) + "</code>)</li>\n")
		}
		b.WriteString("</ul>\n")
	}
	paragraph(&b, "Afterwards the browser goes to "+c.Redirect)
	c.form(&b, "approve", "Authorize")
	c.form(&b, "deny", "Deny", Field{"_method", "delete"})
	return document("Authorization required", b.String())
}

// form writes a form with one button.
func (c Consent) form(b *strings.Builder, id, button string, more ...Field) {
	action, hidden := c.Action, append(more, c.Request...)
	separator := "?"
	var inputs strings.Builder
	for _, f := range hidden {
		if f.Value == "" {
			continue
		}
		if !survivesForm(f.Value) {
			action += separator + url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value)
			separator = "&"
			continue
		}
		inputs.WriteString(`<input type="hidden" name="` + escape(f.Name) + `" value="` + escape(f.Value) + "\">\n")
	}
	b.WriteString(`<form id="` + id + `" action="` + escape(action) + "\" method=\"post\">\n")
	b.WriteString(inputs.String())
	b.WriteString(`<button type="submit">` + button + "</button>\n</form>\n")
}

// survivesForm reports whether a browser sends a hidden value as it stands. It changes line
// breaks, NUL and what is not UTF-8; such values go into the query of the action.
func survivesForm(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsAny(value, "\r\n\x00")
}

// CodePage is the page that shows the code to a user whose client cannot receive a redirect.
func CodePage(code string) string {
	return document("Authorization code", `<p>Copy this code to the application:</p>
<p><code id="authorization_code">`+escape(code)+"</code></p>\n")
}

// ErrorPage is the page of an authorization request that must not be redirected: the
// address to redirect to cannot be trusted.
func ErrorPage(e Error) string {
	var b strings.Builder
	paragraph(&b, e.Description)
	b.WriteString("<p><code>" + escape(string(e.Code)) + "</code></p>\n")
	return document("An error has occurred", b.String())
}

// paragraph writes a paragraph of text.
func paragraph(b *strings.Builder, text string) {
	b.WriteString("<p>" + escape(text) + "</p>\n")
}

// document returns a page with a title and a body of HTML.
func document(title, body string) string {
	title = escape(title)
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>` + title + `</title>
</head>
<body>
<h1>` + title + `</h1>
` + body + `</body>
</html>
`
}

// escape returns text for a page, which is UTF-8 whatever the text is.
func escape(text string) string { return html.EscapeString(strings.ToValidUTF8(text, "\uFFFD")) }

package webhook

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What can be wrong with an attempt, as the stable names that programs switch on.
const (
	InvalidURL         = "invalid_url"           // nothing can be sent to such a URL
	EgressDenied       = "egress_denied"         // the policy refuses the target
	DNSError           = "dns_error"             // the name has no address
	ConnectionRefused  = "connection_refused"    // nothing listens there
	ConnectionFailed   = "connection_failed"     // no connection could be made
	TLSError           = "tls_error"             // no trusted TLS connection
	Timeout            = "timeout"               // no whole header of a response in time
	ConnectionClosed   = "connection_closed"     // the receiver closed it before the header was whole
	ResponseTooLarge   = "response_too_large"    // the header is over its limit
	MalformedResponse  = "malformed_response"    // the response is not HTTP
	RedirectUnfollowed = "redirect_not_followed" // 300 to 399
	HTTPStatus         = "http_status"           // any other status outside 200 to 299
	Canceled           = "canceled"              // the sandbox canceled the attempt
	InvalidSecret      = "invalid_secret"        // of CheckSecret alone
)

// Errors lists every value of Outcome.Error that a receiver's response, or the lack of
// one, can have: without "" and NoListener.
func Errors() []string {
	return []string{
		InvalidURL, EgressDenied, DNSError, ConnectionRefused, ConnectionFailed, TLSError, Timeout,
		ConnectionClosed, ResponseTooLarge, MalformedResponse, RedirectUnfollowed, HTTPStatus, Canceled,
	}
}

// Outcome is the outcome of an attempt.
type Outcome struct {
	// Status is that of the response; 0 when none came.
	Status int
	// Error is one of Errors; "" when the attempt succeeded.
	Error string
	// Message says to people what was wrong and what to do; "" with no Error.
	Message string
	// Latency ends with the header of the response, or with the failure.
	Latency time.Duration
	// Body is the beginning of the response's body, at most 1 KiB of valid UTF-8.
	Body string
	// RetryAfter is how long after Message.Timestamp a 429 or 503 asks to be left
	// alone, at most a year; 0 when it does not ask.
	RetryAfter time.Duration
}

// OK reports whether the receiver took the event.
func (o Outcome) OK() bool { return o.Status >= 200 && o.Status <= 299 }

const (
	maxKept       = 1 << 10 // of a body, in Outcome.Body
	maxRead       = 64 << 10
	maxRetryAfter = 365 * 24 * time.Hour
)

// judge fills in what the header of a response says.
func (o *Outcome) judge(resp *http.Response, asked time.Time) {
	if resp.StatusCode < http.StatusContinue { // net/http takes any three digits
		o.Error = MalformedResponse
		o.Message = fmt.Sprintf("The receiver's response is not HTTP: its status is %03d, and the lowest status is 100. Respond with 2xx as soon as the signature is verified.", resp.StatusCode)
		return
	}
	o.Status = resp.StatusCode
	if o.OK() {
		return
	}
	responded := "The receiver responded with " + strings.TrimSpace(strconv.Itoa(o.Status)+" "+http.StatusText(o.Status))
	switch {
	case o.Status >= 300 && o.Status <= 399:
		o.Error = RedirectUnfollowed
		o.Message = responded + ", and redirects are not followed. Set the URL of the endpoint to that of the receiver itself."
		return
	case o.Status == http.StatusTooManyRequests, o.Status == http.StatusServiceUnavailable:
		o.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), asked)
	}
	o.Error = HTTPStatus
	o.Message = responded + "; only 200 to 299 count as received. " + advice(o.Status)
}

func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "Check that it has the current secret and verifies the raw body."
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return "Check that the path of the URL accepts POST."
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return "It is busy; the event is sent again later."
	case status >= 500:
		return "It failed; see its log."
	}
	return "Respond with 2xx as soon as the signature is verified."
}

// retryAfter reads a Retry-After, in seconds or as a date that is compared with
// now. What cannot be read, or is past, is 0.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.Trim(value, " \t")
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter // out of range is just very long
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// text is what is kept of a body: valid UTF-8, at most maxKept bytes, no letter cut in two.
func text(body []byte) string {
	cut := len(body) > maxKept
	body = body[:min(len(body), maxKept)]
	for i := 1; cut && i < utf8.UTFMax && i <= len(body); i++ {
		if b := body[len(body)-i:]; utf8.RuneStart(b[0]) {
			if !utf8.FullRune(b) {
				body = body[:len(body)-i]
			}
			break
		}
	}
	s := strings.ToValidUTF8(string(body), "\uFFFD")
	for len(s) > maxKept { // each stray byte has become three
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// Responded is the outcome of an attempt that a listener made, by the response of the
// receiver; asked is when.
func Responded(status int, header http.Header, body string, asked time.Time) Outcome {
	o := Outcome{Body: text([]byte(body[:min(len(body), maxKept+1)]))}
	o.judge(&http.Response{StatusCode: status, Header: header}, asked)
	return o
}

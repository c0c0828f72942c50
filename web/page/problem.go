package page

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge"
)

// ErrCrossSite says that another site sent the form.
var ErrCrossSite = errors.New("the form was sent from another site")

// ErrMethod says that the page is there, but not for this HTTP method.
var ErrMethod = errors.New("method not allowed")

// problem is an error as a page shows it.
type problem struct {
	status     int
	retryAfter int // seconds; 0 for none
	view       Failure
}

// problems is the one table from the domain's errors to HTTP statuses (RFC 9110, section 15) and words.
var problems = []struct {
	err error
	problem
}{
	{ErrCrossSite, problem{status: http.StatusForbidden, view: Failure{Heading: "That came from somewhere else", Words: "The form was sent by another site, so nothing was done. If it was you, open the page here and send it again."}}},
	{ErrMethod, problem{status: http.StatusMethodNotAllowed, view: Failure{Heading: "That can't be done here", Words: "The page exists, but it doesn't take this kind of request."}}},
	{bridge.ErrNotFound, problem{status: http.StatusNotFound, view: Failure{Heading: "There is nothing here", Words: "The page doesn't exist, or it isn't yours to see."}}},
	{bridge.ErrForbidden, problem{status: http.StatusForbidden, view: Failure{Heading: "This isn't yours to open", Words: "You are signed in, but not as somebody who may do this."}}},
	{bridge.ErrSignedOut, problem{status: http.StatusUnauthorized, view: Failure{Heading: "Your visit has ended", Words: "Sign in again, then send it once more. What you wrote is kept in this tab if scripts are on; your browser's Back button may also have it.", Link: "Sign in", Href: "/sign-in"}}},
	{bridge.ErrTooMany, problem{status: http.StatusTooManyRequests, retryAfter: 900, view: Failure{Heading: "Too many tries", Words: "To keep strangers from guessing, we wait a little. Try again in a quarter of an hour."}}},
	{bridge.ErrTooLarge, problem{status: http.StatusRequestEntityTooLarge, view: Failure{Heading: "That is too large", Words: "Nothing was sent. Go back, and send fewer or smaller files."}}},
	{bridge.ErrWrongCode, problem{status: http.StatusForbidden, view: Failure{Heading: "That wasn't right", Words: "The code or password was wrong, or its time was over."}}},
	{bridge.ErrConflict, problem{status: http.StatusConflict, view: Failure{Heading: "That no longer fits", Words: "Somebody else changed it in the meantime, or it exists already. Look at it again."}}},
	{bridge.ErrInvalid, problem{status: http.StatusBadRequest, view: Failure{Heading: "We couldn't read that", Words: "Something in the request was not as it should be. Nothing was changed."}}},
	{bridge.ErrUnavailable, problem{status: http.StatusServiceUnavailable, retryAfter: 10, view: Failure{Heading: "Just a moment", Words: "This is not available right now. Nothing was lost; please try again shortly."}}},
	{context.DeadlineExceeded, problem{status: http.StatusServiceUnavailable, retryAfter: 10, view: Failure{Heading: "Just a moment", Words: "It took too long. Nothing was lost; please try again shortly."}}},
}

var unknownProblem = problem{status: http.StatusInternalServerError, view: Failure{Heading: "Something went wrong here", Words: "It is our fault, not yours. It has been written down; please try again."}}

// problemOf returns the page for an error.
func problemOf(err error) problem {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		err = bridge.ErrTooLarge
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			found := p.problem
			found.view.Detail = Explain(err)
			return found
		}
	}
	return unknownProblem
}

// Explain returns what a request did wrong as a sentence for the person who made it, or nothing where the error says no more
// than its kind. Only the words that stand beside the kind are for people: what wraps them names operations.
func Explain(err error) string {
	for _, kind := range []error{bridge.ErrInvalid, bridge.ErrConflict, bridge.ErrTooLarge} {
		at := beside(err, kind)
		if at == nil {
			continue
		}
		text := strings.TrimRight(strings.TrimSuffix(at.Error(), kind.Error()), ": ")
		if operation, rest, ok := strings.Cut(text, ": "); ok && strings.Trim(operation, "abcdefghijklmnopqrstuvwxyz ") == "" {
			text = rest
		}
		if text == "" {
			return ""
		}
		first, size := utf8.DecodeRuneInString(text)
		return string(unicode.ToUpper(first)) + text[size:] + "."
	}
	return ""
}

// beside returns the error that wraps kind directly.
func beside(err, kind error) error {
	for err != nil {
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				if inner == kind {
					return err
				}
			}
			for _, inner := range e.Unwrap() {
				if at := beside(inner, kind); at != nil {
					return at
				}
			}
			return nil
		case interface{ Unwrap() error }:
			inner := e.Unwrap()
			if inner == kind {
				return err
			}
			err = inner
		default:
			return nil
		}
	}
	return nil
}

// Status returns the HTTP status for an error, for pages that show it themselves.
func Status(err error) int { return problemOf(err).status }

package bridge

import (
	"errors"
	"fmt"
)

// What can be wrong with a request. Packages at the edge map these to HTTP, SMTP and exit statuses with errors.Is.
var (
	ErrNotFound    = errors.New("not found")     // there is no such thing, or this actor may not know of it
	ErrForbidden   = errors.New("not permitted") // the actor is known and may not do this
	ErrSignedOut   = errors.New("sign in first") // the actor is nobody
	ErrInvalid     = errors.New("invalid")       // the request itself is wrong; wrapped with what is wrong
	ErrConflict    = errors.New("conflict")      // it contradicts what is there already
	ErrKeyReused   = fmt.Errorf("this idempotency key was used for another request: %w", ErrConflict)
	ErrTooMany     = errors.New("too many attempts")        // a rate limit; try later
	ErrTooLarge    = errors.New("too large")                // over a size limit
	ErrWrongCode   = errors.New("wrong or expired")         // a sign-in was refused; never says which part was wrong
	ErrUnknownRcpt = errors.New("no such address here")     // SMTP 5.1.1
	ErrRevokedRcpt = errors.New("address no longer in use") // a reply address that was revoked
	ErrRepliesOff  = errors.New("replies by email are off") // SMTP 5.7.1: the mode forbids it; answer in the viewer
	ErrUnavailable = errors.New("temporarily unavailable")  // try the same again later; nothing was kept
	ErrLeaseLost   = errors.New("lease lost")               // another worker holds the delivery now
)

package api

import "net/http"

const (
	onceField     = "Idempotency-Key"
	replayedField = "Idempotency-Replayed"
	maxOnceKey    = 255
)

// onceKey reads the Idempotency-Key of a request: 1 to 255 visible ASCII characters, taken as they are. No field is no key.
func (s *server) onceKey(r *http.Request) (string, *Problem) {
	values := r.Header.Values(onceField)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || values[0] == "" || len(values[0]) > maxOnceKey {
		return "", s.fault("header."+onceField, "expected one value of 1 to 255 characters")
	}
	for _, c := range []byte(values[0]) {
		if c <= ' ' || c > '~' {
			return "", s.fault("header."+onceField, "expected visible ASCII characters without spaces")
		}
	}
	return values[0], nil
}

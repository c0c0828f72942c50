package page

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Here is POST …/THREAD/here: a page that shows a conversation says that its reader still has it before them, and is told how many messages
// there are that it does not show.
func (s *Site) Here(v *Visit) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	unread, err := s.gateway.Looking(v.Context(), v.Actor(), id)
	if err != nil {
		return err
	}
	out, err := json.Marshal(struct {
		Unread int `json:"unread"`
	}{unread})
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	v.W.WriteHeader(http.StatusOK)
	_, _ = v.W.Write(out) // the browser went away; there is nobody to tell
	return nil
}

package main

import (
	"time"

	"letterlock/bridge"
)

// NoticesConfig says when mails leave, until an admin sets it in the administration.
type NoticesConfig struct {
	Delay Duration `toml:"delay" default:"30s" placeholder:"DURATION" help:"How long a notice waits, up to 24h (${default}): who reads the message in the portal meanwhile gets none, and messages of one conversation share one. 0s sends one for each message at once. It holds until an admin sets it in the administration."`

	Reminders []Duration `toml:"reminders" default:"3d,7d" placeholder:"DURATION" help:"The ages at which a message that is still unread is called to mind (${default}), up to five of them; none for no reminders. It holds until an admin sets it."`
	Unopened  Duration   `toml:"unopened" default:"14d" placeholder:"DURATION" help:"The age at which staff are told that a message was never opened (${default}); 0s for never. It holds until an admin sets it."`

	Undo Duration `toml:"undo" default:"10s" placeholder:"DURATION" help:"For how long staff can take a message back that they send from the desk, up to 60s (${default}): it leaves after that. 0s sends it at once. It holds until an admin sets it."`

	// lookTime is for how long a page counts as before its reader; only the demo has another than usual.
	lookTime time.Duration
}

// timing is what the gateway is told.
func (c NoticesConfig) timing() bridge.Timing {
	t := bridge.Timing{NoticeDelay: time.Duration(c.Delay), Unopened: time.Duration(c.Unopened), Undo: time.Duration(c.Undo)}
	for _, r := range c.Reminders {
		t.Reminders = append(t.Reminders, time.Duration(r))
	}
	return t
}

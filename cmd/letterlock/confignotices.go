package main

import (
	"time"

	"letterlock/bridge"
)

// NoticesConfig says when mails leave, until an admin sets it in the administration.
type NoticesConfig struct {
	Delay Duration `toml:"delay" default:"30s" placeholder:"DURATION" help:"How long a notice waits, up to 24h (${default}): who reads the message in the portal meanwhile gets none, and messages of one conversation share one. 0s sends one for each message at once. It holds until an admin sets it in the administration."`

	// lookTime is for how long a page counts as before its reader; only the demo has another than usual.
	lookTime time.Duration
}

// timing is what the gateway is told.
func (c NoticesConfig) timing() bridge.Timing {
	return bridge.Timing{NoticeDelay: time.Duration(c.Delay)}
}

package main

import (
	"context"
	"strings"

	"letterlock/mailin/clamd"
)

// checkClamd asks clamd whether it is there, if mail and files have to be searched before they are taken.
func checkClamd(ctx context.Context, p *patient) []finding {
	c := p.config.Clamd
	if c.Address == "" {
		return nil
	}
	f := finding{About: c.Address, State: stateOK, What: "it answers, and searches"}
	client, err := clamd.New(clamd.Config{Address: c.Address})
	if err == nil {
		err = client.Ping(ctx)
	}
	if err == nil {
		// An answer to a search shows that its signatures are loaded, too.
		_, err = client.Scan(ctx, strings.NewReader("doctor"))
	}
	if err != nil {
		f.State, f.What = stateFault, err.Error()
		f.Advice = "start clamd, or correct clamd.address; until it answers, all mail is deferred and no file can be uploaded"
	}
	return []finding{f}
}

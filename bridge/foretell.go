package bridge

import (
	"context"
	"sync"
	"time"
)

// foretellTime bounds how long somebody who looks at a draft waits for what the network says.
const foretellTime = 2 * time.Second

// foretell makes notices of the copies whose way is not what copies need, as far as that can be told before they leave. It asks the network,
// so it is for outside of transactions.
func (g *Gateway) foretell(ctx context.Context, all []Leaving) {
	if g.copiesNeed == NeedAny {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, foretellTime)
	defer cancel()
	var asked sync.WaitGroup
	lacks := map[string]*string{}
	for _, l := range all {
		domain := DomainOf(l.Address)
		if l.Form != FormCopy || lacks[domain] != nil {
			continue
		}
		lack := new(string)
		lacks[domain] = lack
		asked.Go(func() { *lack = g.lack(ctx, domain) })
	}
	asked.Wait()
	for i := range all {
		if l := &all[i]; l.Form == FormCopy {
			if lack := *lacks[DomainOf(l.Address)]; lack != "" {
				l.Form, l.Why = FormNotice, append(l.Why, lack)
			}
		}
	}
}

// lack says why no copy can go to a domain now; nothing if one can.
func (g *Gateway) lack(ctx context.Context, domain string) string {
	if g.paths == nil {
		return g.copiesNeed.Lack(PathUnknown)
	}
	p, err := g.paths.Path(ctx, domain)
	switch {
	case err != nil:
		return "how well the way to the recipient is protected can't be told yet"
	case !g.copiesNeed.MetBy(p):
		return g.copiesNeed.Lack(p)
	}
	return ""
}

package mailout_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/compose"
	"letterlock/mailout/submit"
)

// exchangers is a transport to many domains, each of which answers as a test wants.
type exchangers struct {
	connect func(domain string) error
	send    func(domain string, m compose.Mail) error

	mu         sync.Mutex
	busy, most map[string]int
}

func (x *exchangers) NextHop(domain string) string { return domain }

func (x *exchangers) Connect(_ context.Context, domain string) (submit.Session, error) {
	x.mu.Lock()
	if x.busy == nil {
		x.busy, x.most = map[string]int{}, map[string]int{}
	}
	x.busy[domain]++
	x.most[domain] = max(x.most[domain], x.busy[domain])
	x.mu.Unlock()
	if x.connect != nil {
		if err := x.connect(domain); err != nil {
			x.left(domain)
			return nil, err
		}
	}
	return &visit{x: x, domain: domain}, nil
}

func (x *exchangers) left(domain string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.busy[domain]--
}

type visit struct {
	x      *exchangers
	domain string
}

func (v *visit) Path() bridge.Path { return bridge.PathTLS }
func (v *visit) Close()            { v.x.left(v.domain) }

func (v *visit) Send(_ context.Context, m compose.Mail) (string, error) {
	if v.x.send != nil {
		if err := v.x.send(v.domain, m); err != nil {
			return "", err
		}
	}
	return "250 ok", nil
}

// addTo queues notices to a domain.
func (b *box) addTo(n int, domain string) []bridge.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []bridge.ID
	for range n {
		d := &bridge.Delivery{ID: bridge.NewID(), Kind: bridge.DeliverMessage, Priority: 5, State: bridge.Queued, CreatedAt: b.nowLocked(), NextAt: b.nowLocked(), Domain: domain}
		b.all[d.ID] = d
		b.order = append(b.order, d.ID)
		ids = append(ids, d.ID)
	}
	b.wake()
	return ids
}

func TestSlowDomainHoldsUpNobody(t *testing.T) {
	b := newBox()
	release := make(chan struct{})
	x := &exchangers{send: func(domain string, _ compose.Mail) error {
		if domain == "slow.example" {
			<-release
		}
		return nil
	}}
	slow := b.addTo(1000, "slow.example")
	quick := b.addTo(1000, "quick.example")
	run(t, b, x, func(c *mailout.Config) { c.Concurrency, c.PerHop = 8, 3 })
	for _, id := range quick {
		b.await(t, id, bridge.Relayed, 1)
	}
	if n := b.count(bridge.Relayed); n != 1000 {
		t.Errorf("%d mails left, want the 1000 to the quick domain", n)
	}
	close(release)
	// What was put off comes back by itself; turning the clock saves the wait.
	for late := time.Now().Add(20 * time.Second); b.count(bridge.Relayed) < 2000 && time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		b.forward(10 * time.Second)
	}
	for _, id := range slow {
		if d := b.await(t, id, bridge.Relayed, 1); d.Attempts != 1 {
			t.Fatalf("got %+v", d)
		}
	}
	for domain, n := range x.most {
		if n > 3 {
			t.Errorf("%s had %d connections, want at most 3", domain, n)
		}
	}
}

func TestDeadDomainCostsFewAttemptsAndIsGivenUp(t *testing.T) {
	b := newBox()
	var tried atomic.Int32
	var back atomic.Bool
	x := &exchangers{connect: func(domain string) error {
		if domain == "dead.example" && !back.Load() {
			tried.Add(1)
			return &submit.Error{Stage: submit.StageConnect, Relay: true, Text: "nobody answers"}
		}
		return nil
	}}
	b.addTo(300, "dead.example")
	alive := b.addTo(300, "alive.example")
	run(t, b, x, func(c *mailout.Config) { c.Concurrency, c.PerHop = 8, 4 })
	for _, id := range alive {
		b.await(t, id, bridge.Relayed, 1)
	}
	if n := tried.Load(); n == 0 || n > 12 {
		t.Errorf("the dead domain was tried %d times", n)
	}
	back.Store(true)
	late := time.Now().Add(20 * time.Second)
	for b.count(bridge.Relayed) < 600 {
		if time.Now().After(late) {
			t.Fatalf("%d mails left, want all 600", b.count(bridge.Relayed))
		}
		b.forward(30 * time.Second)
		time.Sleep(20 * time.Millisecond)
	}

	back.Store(false)
	lost := b.addTo(50, "dead.example")
	for b.count(bridge.Failed) < 50 {
		if time.Now().After(late) {
			t.Fatalf("%d mails failed, want 50", b.count(bridge.Failed))
		}
		b.forward(time.Hour)
		time.Sleep(10 * time.Millisecond)
	}
	for _, id := range lost {
		if d := b.get(id); !strings.HasPrefix(d.Diagnostic, "given up after ") || !strings.HasSuffix(d.Diagnostic, "nobody answers") {
			t.Errorf("got %q", d.Diagnostic)
		}
	}
}

func TestTooManyConnectionsGetsFewer(t *testing.T) {
	b := newBox()
	var open, complaints atomic.Int32
	x := &exchangers{
		connect: func(string) error {
			if open.Add(1) > 3 {
				open.Add(-1)
				complaints.Add(1)
				return &submit.Error{Stage: submit.StageHello, Relay: true, Code: 421, Enhanced: "4.7.0", Text: "Error: too many connections from 192.0.2.1"}
			}
			return nil
		},
		send: func(string, compose.Mail) error {
			time.Sleep(time.Millisecond)
			open.Add(-1)
			return nil
		},
	}
	ids := b.addTo(400, "busy.example")
	run(t, b, x, func(c *mailout.Config) { c.Concurrency = 10 })
	late := time.Now().Add(20 * time.Second)
	for b.count(bridge.Relayed) < 400 {
		if time.Now().After(late) {
			t.Fatalf("%d mails left", b.count(bridge.Relayed))
		}
		b.forward(time.Second)
		time.Sleep(5 * time.Millisecond)
	}
	if n := complaints.Load(); n == 0 || n >= 400 {
		t.Errorf("it had to complain %d times", n)
	}
	for _, id := range ids {
		if d := b.get(id); d.Attempts != 1 {
			t.Errorf("a complaint of too many connections counted as an attempt: %+v", d)
			break
		}
	}
}

func TestRefusedAddressIsRecordedAsSuch(t *testing.T) {
	b := newBox()
	faults := map[string]*submit.Error{
		"gone.example":    {Permanent: true, Stage: submit.StageRcpt, Code: 550, Enhanced: "5.1.1", Text: "no such user"},
		"old.example":     {Permanent: true, Stage: submit.StageRcpt, Code: 550, Text: "unknown"},
		"policy.example":  {Permanent: true, Stage: submit.StageRcpt, Code: 550, Enhanced: "5.7.1", Text: "blocked"},
		"sender.example":  {Permanent: true, Stage: submit.StageMail, Code: 550, Enhanced: "5.1.0", Text: "not you"},
		"content.example": {Permanent: true, Stage: submit.StageContent, Code: 554, Text: "spam"},
		"full.example":    {Permanent: true, Stage: submit.StageRcpt, Code: 552, Enhanced: "5.2.2", Text: "full"},
	}
	x := &exchangers{send: func(domain string, _ compose.Mail) error { return refusal(faults[domain]) }}
	ids := map[string]bridge.ID{}
	for domain := range faults {
		ids[domain] = b.addTo(1, domain)[0]
	}
	run(t, b, x, nil)
	for domain, id := range ids {
		b.await(t, id, bridge.Failed, 1)
		b.mu.Lock()
		var bounced bool
		for _, other := range b.bounced {
			bounced = bounced || other == id
		}
		b.mu.Unlock()
		if want := domain == "gone.example" || domain == "old.example"; bounced != want {
			t.Errorf("%s: bounced %v, want %v", domain, bounced, want)
		}
	}
}

func TestUrgentMailOvertakesWhatWaits(t *testing.T) {
	b := newBox()
	var mu sync.Mutex
	var order []bool
	release := make(chan struct{})
	x := &exchangers{send: func(_ string, m compose.Mail) error {
		<-release
		mu.Lock()
		defer mu.Unlock()
		order = append(order, bytes.Contains(m.Data, []byte("123456")))
		return nil
	}}
	b.addTo(100, "one.example")
	run(t, b, x, func(c *mailout.Config) { c.Concurrency = 2 })
	late := time.Now().Add(10 * time.Second)
	for b.claimed() == 0 && time.Now().Before(late) {
		time.Sleep(time.Millisecond)
	}
	b.add(1, bridge.DeliverCode, 0)
	close(release)
	for b.count(bridge.Relayed) < 101 {
		if time.Now().After(late) {
			t.Fatal("not all left")
		}
		time.Sleep(time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	for at, code := range order {
		if code && at > 20 {
			t.Errorf("the code left as number %d", at+1)
		}
	}
}

func (b *box) claimed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.claims
}

func TestCrowded(t *testing.T) {
	for text, want := range map[string]bool{
		"Error: too many connections from 192.0.2.1":                         true,
		"Too many concurrent SMTP connections; please try again later.":      true,
		"Service not available, max connections exceeded":                    true,
		"Connection rate limit exceeded":                                     true,
		"too many sessions":                                                  true,
		"Service shutting down":                                              false,
		"too many errors":                                                    false,
		"The user is receiving mail at a rate that prevents additional mail": false,
		"closing connection":                                                 false,
	} {
		e := &submit.Error{Code: 421, Stage: submit.StageHello, Text: text}
		if e.Crowded() != want {
			t.Errorf("%q: got %v", text, !want)
		}
	}
	if (&submit.Error{Code: 452, Stage: submit.StageRcpt, Text: "too many connections"}).Crowded() {
		t.Error("a reply about a recipient")
	}
	var none *submit.Error
	if none.Crowded() || none.AddressRefused() {
		t.Error("no fault")
	}
}

// refusal is an error, which a nil *submit.Error is not.
func refusal(e *submit.Error) error {
	if e == nil {
		return nil
	}
	return e
}

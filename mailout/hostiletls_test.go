package mailout_test

import (
	"crypto/tls"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/submit"
	"letterlock/mailout/submit/relaytest"
)

// TestTLSThatIsTakenAway: nothing is said in clear, and nothing to somebody else; once the peer is itself again, all leaves.
func TestTLSThatIsTakenAway(t *testing.T) {
	good, pool := relaytest.Certificate(t, "127.0.0.1")
	other, _ := relaytest.Certificate(t, "127.0.0.1")
	authority := relaytest.NewAuthority(t)
	pool.AddCert(authority.Certificate)
	for name, h := range map[string]*hostile{
		"stripped":          {cert: good, fault: map[string]string{"EHLO": "250-mx.example\r\n250 DSN\r\n"}, times: 3},
		"refused":           {cert: good, fault: map[string]string{"STARTTLS": "454 4.7.0 not now\r\n"}, times: 3},
		"refused for good":  {cert: good, fault: map[string]string{"STARTTLS": "554 5.7.0 never\r\n"}, times: 3},
		"words before TLS":  {cert: good, fault: map[string]string{"STARTTLS": "220 go\r\n250 slipped in\r\n"}, times: 3},
		"dropped":           {cert: good, fault: map[string]string{"STARTTLS": drop}, times: 3},
		"421":               {cert: good, fault: map[string]string{"STARTTLS": "421 4.3.2 shutting down\r\n"}, times: 3},
		"never begun":       {cert: good, fault: map[string]string{"TLS": silence}, times: 3},
		"something else":    {cert: good, fault: map[string]string{"TLS": noise}, times: 3},
		"wrong certificate": {cert: other, times: 0},
		"wrong name":        {cert: authority.Issue(t, 0, "mx.elsewhere.example"), times: 0},
		"expired":           {cert: authority.Issue(t, 48*time.Hour, "127.0.0.1", "localhost"), times: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.start(t)
			b := newBox()
			ids := b.add(5, bridge.DeliverMessage, 5)
			run(t, b, impatientRelay(t, h.addr, submit.TLSRequired, &tls.Config{RootCAs: pool}), func(c *mailout.Config) { c.Concurrency = 2 })
			if h.times == 0 {
				b.awaitState(t, bridge.Deferred)
				h.mu.Lock()
				defer h.mu.Unlock()
				if len(h.kept) != 0 {
					t.Error("somebody else got a mail")
				}
				return
			}
			settle(t, b, ids)
			h.mu.Lock()
			defer h.mu.Unlock()
			if len(h.kept) != len(ids) || h.clear != 0 {
				t.Errorf("%d mails arrived, %d of them in clear", len(h.kept), h.clear)
			}
		})
	}
}

// awaitState waits until some delivery is in a state.
func (b *box) awaitState(t *testing.T, state bridge.DeliveryState) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); b.count(state) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("nothing is %s", state)
		}
	}
}

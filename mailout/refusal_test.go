package mailout_test

import (
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/submit"
)

// TestPeersThatSayNo: what is refused for good fails at once, with the words of the peer; what is wrong with the peer or our account there, or may
// pass, waits, and leaves once the peer is itself again.
func TestPeersThatSayNo(t *testing.T) {
	for name, tt := range map[string]struct {
		fault map[string]string
		state bridge.DeliveryState
		says  string
	}{
		"no such mailbox":             {map[string]string{"RCPT": "550 5.1.1 no such user\r\n"}, bridge.Failed, "550 5.1.1 no such user"},
		"mailbox full":                {map[string]string{"RCPT": "552 5.2.2 over quota\r\n"}, bridge.Deferred, "552 5.2.2 over quota"},
		"another mailbox":             {map[string]string{"RCPT": "551 5.1.6 try elsewhere\r\n"}, bridge.Failed, "551 5.1.6 try elsewhere"},
		"refused by policy":           {map[string]string{"end": "554 5.7.1 looks like spam\r\n"}, bridge.Failed, "554 5.7.1 looks like spam"},
		"too large, it finds":         {map[string]string{"end": "552 5.3.4 too large\r\n"}, bridge.Failed, "552 5.3.4 too large"},
		"refused at DATA":             {map[string]string{"DATA": "554 5.5.1 no valid recipients\r\n"}, bridge.Failed, "554 5.5.1 no valid recipients"},
		"refusal of many lines":       {map[string]string{"RCPT": "550-5.7.1 first\r\n550-5.7.1 second\r\n550 5.7.1 third\r\n"}, bridge.Failed, "second"},
		"offers room for ten octets":  {map[string]string{"EHLO": "250-mx.example\r\n250-AUTH PLAIN\r\n250 SIZE 10\r\n"}, bridge.Failed, "takes at most 10"},
		"no service here":             {map[string]string{"banner": "554 5.3.2 no service\r\n"}, bridge.Deferred, "no service"},
		"not for you":                 {map[string]string{"EHLO": "550 5.7.1 go away\r\n"}, bridge.Deferred, "go away"},
		"a wrong password":            {map[string]string{"AUTH": "535 5.7.8 wrong\r\n"}, bridge.Deferred, "wrong"},
		"no answer about a password":  {map[string]string{"AUTH": silence}, bridge.Deferred, ""},
		"gone at the password":        {map[string]string{"AUTH": drop}, bridge.Deferred, ""},
		"421 at the password":         {map[string]string{"AUTH": "421 4.3.2 shutting down\r\n"}, bridge.Deferred, "shutting down"},
		"never ready to take a mail":  {map[string]string{"MAIL": "451 4.3.2 not now\r\n"}, bridge.Deferred, "not now"},
		"never ready for a recipient": {map[string]string{"RCPT": "450 4.2.1 busy\r\n"}, bridge.Deferred, "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hostile{fault: tt.fault, times: 1 << 20, extensions: "250-AUTH PLAIN\r\n"}
			h.start(t)
			const short = 400 * time.Millisecond
			relay, err := submit.NewRelay(submit.RelayConfig{
				Address: h.addr, Security: submit.TLSNone, LocalName: "gateway.example", Username: "gateway", Password: "open sesame",
				ConnectTimeout: 2 * time.Second, CommandTimeout: short, BlockTimeout: short, FinalTimeout: short,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { relay.Close() })
			b := newBox()
			id := b.add(1, bridge.DeliverMessage, 5)[0]
			run(t, b, relay, func(c *mailout.Config) { c.Concurrency = 1 })
			d := b.await(t, id, tt.state, 1)
			if !strings.Contains(d.Diagnostic, tt.says) || d.Diagnostic == "" || strings.Contains(d.Diagnostic, "sesame") {
				t.Errorf("it is %s: %q, want %q", d.State, d.Diagnostic, tt.says)
			}
			h.mu.Lock()
			if len(h.kept) > 0 {
				t.Errorf("%d mails were kept", len(h.kept))
			}
			h.times = 0 // it is itself again
			h.mu.Unlock()
			if tt.state == bridge.Deferred {
				settle(t, b, []bridge.ID{id})
			}
		})
	}
}

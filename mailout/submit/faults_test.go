package submit

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestFaultsOfTheConnection(t *testing.T) {
	short := func(c *RelayConfig) {
		c.ConnectTimeout, c.CommandTimeout, c.BlockTimeout, c.FinalTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	}
	for _, test := range []struct {
		name  string
		peer  func(*peer)
		stage Stage
		relay bool
	}{
		{"never greets", func(p *peer) { p.next() }, StageHello, true},
		{"hangs up", func(*peer) {}, StageHello, true},
		{"greets without end", func(p *peer) {
			for p.say("220-hello there") {
			}
		}, StageHello, true},
		{"one line without end", func(p *peer) {
			for p.write(strings.Repeat("x", 4096)) {
			}
		}, StageHello, true},
		{"talks of something else", func(p *peer) { p.say("HTTP/1.1 400 Bad Request"); p.next() }, StageHello, true},
		{"hangs up at MAIL", func(p *peer) { p.greet(); p.expect("MAIL") }, StageMail, true},
		{"hangs up at RCPT", func(p *peer) { p.greet(); p.expect("MAIL"); p.say("250 ok"); p.expect("RCPT") }, StageRcpt, true},
		{"an odd reply to DATA", func(p *peer) {
			p.greet()
			p.expect("MAIL")
			p.say("250 ok")
			p.expect("RCPT")
			p.say("250 ok")
			p.expect("DATA")
			p.say("250 what?")
			p.next()
		}, StageData, true},
		{"drops after the data, before its reply", func(p *peer) { p.greet(); p.mail("") }, StageContent, false},
		{"never replies to the data", func(p *peer) { p.greet(); p.mail(""); p.next() }, StageContent, false},
		{"half a reply to the data", func(p *peer) { p.greet(); p.mail(""); p.write("250-o") }, StageContent, false},
		{"stops reading the data", func(p *peer) {
			p.greet()
			p.expect("MAIL")
			p.say("250 ok")
			p.expect("RCPT")
			p.say("250 ok")
			p.expect("DATA")
			p.say("354 go")
			time.Sleep(2 * time.Second)
		}, StageData, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := letter(1)
			if test.stage == StageData {
				m.Data = append(m.Data, strings.Repeat(strings.Repeat("x", 76)+"\r\n", 300_000)...)
			}
			e := fault(t, newRelay(t, script(t, test.peer), short), m)
			if e.Permanent || e.Stage != test.stage || e.Relay != test.relay || e.Stale || e.Said() == "" {
				t.Errorf("got %+v", e)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		r := newRelay(t, l.Addr().String(), nil)
		if e := fault(t, r, letter(1)); e.Permanent || !e.Relay || e.Stage != StageConnect {
			t.Errorf("got %+v", e)
		}
	})
}

func TestStaleConnection(t *testing.T) {
	for name, farewell := range map[string]string{"closed": "", "closed with a word": "421 4.4.2 idle too long"} {
		t.Run(name, func(t *testing.T) {
			server := script(t, func(p *peer) {
				p.greet()
				p.mail("250 ok")
				if farewell != "" {
					p.say(farewell)
				}
			})
			r := newRelay(t, server, nil)
			if _, err := r.Send(context.Background(), letter(1)); err != nil {
				t.Fatal(err)
			}
			e := fault(t, r, letter(2))
			if !e.Stale || e.Permanent || e.Stage != StageMail {
				t.Errorf("got %+v", e)
			}
			if _, err := r.Send(context.Background(), letter(2)); err != nil {
				t.Errorf("at once again: %v", err)
			}
		})
	}
}

func TestConnectReplacesADeadConnection(t *testing.T) {
	server := script(t, func(p *peer) {
		p.greet()
		p.mail("250 ok")
	})
	r := newRelay(t, server, nil)
	for n := range 3 {
		if _, err := r.Send(context.Background(), letter(n)); err != nil {
			t.Fatal(err)
		}
		for _, c := range r.pool.idle {
			c.used = c.used.Add(-time.Minute)
		}
	}
}

func TestCancelledWhileSending(t *testing.T) {
	server := script(t, func(p *peer) { p.greet(); p.mail(""); p.next() })
	r := newRelay(t, server, nil)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	_, err := r.Send(ctx, letter(1))
	var e *Error
	if !errors.As(err, &e) || e.Permanent || time.Since(began) > 2*time.Second {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
}

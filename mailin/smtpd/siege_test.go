package smtpd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailin"
)

// watchMemory returns what the heap and the stacks grew by at their peak since, in octets.
func watchMemory(t *testing.T) (grown func() uint64) {
	t.Helper()
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	runtime.GC()
	before := inUse()
	var peak atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), inUse()))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	stop := sync.OnceFunc(func() { close(done); <-ended })
	t.Cleanup(stop)
	return func() uint64 {
		stop()
		return max(peak.Load(), before) - before
	}
}

// bystander sends a mail from another network while a siege is on, and tells how long that took.
func bystander(t *testing.T, addr string) time.Duration {
	t.Helper()
	began := time.Now()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 77, 1)}}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Skipf("this machine has one loopback network only: %v", err)
	}
	defer conn.Close()
	c := &client{t, conn, bufio.NewReader(conn)}
	hello(c)
	c.talk("> From: ann@example.org\n>\n> Am I heard?\n> .\n<- 250 2.0.0 OK\n> QUIT\n<- 221")
	return time.Since(began)
}

// siege starts a server as it is by default, with the real parser.
func siege(t *testing.T, change func(*Config)) (addr string, o *office) {
	t.Helper()
	o = newOffice()
	addr, _ = start(t, o, func(c *Config) {
		c.MaxSize = 50 << 20
		c.Parse = func(raw []byte) *bridge.Mail { return mailin.Parse(raw, mailin.Limits{}) }
		if change != nil {
			change(c)
		}
	})
	return addr, o
}

// Ten thousand connections of one network: a hundred are let in and stay half-way, the others are told to come later and held open by their
// client; somebody else is served meanwhile, and memory grows little.
func TestSiegeOfConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("it opens 10,000 connections")
	}
	most := 10_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < uint64(most+1000) {
		most = int(limit.Cur) - 1000
		t.Logf("this process may have %d files open, so it is %d connections", limit.Cur, most)
	}
	addr, o := siege(t, nil)
	grown := watchMemory(t)
	began := time.Now()
	var open, refused atomic.Int64
	var clients sync.WaitGroup
	places := make(chan struct{}, 200)
	for range most {
		places <- struct{}{}
		clients.Go(func() {
			defer func() { <-places }()
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			b := make([]byte, 128)
			n, err := conn.Read(b)
			switch {
			case err != nil || strings.HasPrefix(string(b[:n]), "421 4.7.0"):
				refused.Add(1)
			default:
				open.Add(1)
				_, _ = io.WriteString(conn, "EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<reply+ann@desk.exa")
			}
		})
	}
	clients.Wait()
	took := time.Since(began)
	served := bystander(t, addr)
	if open.Load() != 100 || refused.Load() != int64(most-100) || len(o.got()) != 1 {
		t.Errorf("%d connections are open and %d refused, and %d mails came; want 100, %d and 1", open.Load(), refused.Load(), len(o.got()), most-100)
	}
	// The clients of this process are in it as well.
	n := grown()
	t.Logf("%d connections in %s; %d MiB at the peak, both ends; another network's mail took %s", most, took.Round(time.Millisecond), n>>20, served.Round(time.Millisecond))
	if n > 128<<20 {
		t.Errorf("memory grew by %d MiB", n>>20)
	}
}

// A mail of a gigabyte, sent by a client that listens to nobody: it is cut off after twice the limit, in the memory of one mail of the limit.
func TestSiegeByAGigabyte(t *testing.T) {
	if testing.Short() {
		t.Skip("it sends more than 100 MB")
	}
	for name, chunk := range map[string]string{
		"lines":               strings.Repeat(strings.Repeat("a", 998)+"\r\n", 256),
		"one endless line":    strings.Repeat("a", 256<<10),
		"an endless header":   strings.Repeat("X-Field: value\r\n", 16<<10),
		"an endless MIME":     strings.Repeat("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", 5<<10),
		"an endless bare LF":  strings.Repeat("a\n", 128<<10),
		"endless stray dots":  strings.Repeat("..\r\n", 64<<10),
		"endless base64 body": strings.Repeat(strings.Repeat("QUFB", 19)+"\r\n", 3<<10),
	} {
		t.Run(name, func(t *testing.T) {
			addr, o := siege(t, nil)
			c := dial(t, addr)
			hello(c)
			grown := watchMemory(t)
			if name == "one endless line" {
				c.send("Subject: ")
			}
			sent := 0
			for sent < 1<<30 {
				_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
				n, err := io.WriteString(c.conn, chunk)
				sent += n
				if err != nil {
					break
				}
			}
			if sent >= 1<<30 {
				t.Error("a gigabyte was read")
			}
			served := bystander(t, addr)
			n := grown()
			t.Logf("cut off after %d MiB; %d MiB at the peak; another network's mail took %s", sent>>20, n>>20, served.Round(time.Millisecond))
			if n > 200<<20 || len(o.got()) != 1 {
				t.Errorf("memory grew by %d MiB, and %d mails came", n>>20, len(o.got()))
			}
		})
	}
}

// A hundred thousand recipients in one mail, known and unknown: a hundred are taken, and after ten times as many too many it is enough.
func TestSiegeByRecipients(t *testing.T) {
	addr, o := siege(t, nil)
	for name, line := range map[string]string{
		"known":   "RCPT TO:<reply+ann@desk.example>\r\n",
		"unknown": "RCPT TO:<x%d@desk.example>\r\n",
		"many":    "RCPT TO:<r%d@many.example>\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "many" {
				o.mu.Lock()
				for i := range 100_000 {
					o.rcpt[fmt.Sprintf("r%d@many.example", i)] = nil
				}
				o.mu.Unlock()
			}
			c := dial(t, addr)
			c.talk("< 220\n> EHLO client.example\n<- 250\n> MAIL FROM:<ann@example.org>\n<- 250")
			grown := watchMemory(t)
			var codes sync.Map
			read := make(chan struct{})
			go func() {
				defer close(read)
				for scan := bufio.NewScanner(c.r); scan.Scan(); {
					n, _ := codes.LoadOrStore(scan.Text()[:3], new(atomic.Int64))
					n.(*atomic.Int64).Add(1)
				}
			}()
			began, sent := time.Now(), 0
			_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
			for ; sent < 100_000; sent++ {
				text := line
				if strings.Contains(line, "%d") {
					text = fmt.Sprintf(line, sent)
				}
				if _, err := io.WriteString(c.conn, text); err != nil {
					break
				}
			}
			<-read
			said := ""
			codes.Range(func(code, n any) bool {
				said += fmt.Sprintf(" %d times %s", n.(*atomic.Int64).Load(), code)
				return true
			})
			served := bystander(t, addr)
			n := grown()
			t.Logf("%d sent in %s:%s; %d KiB at the peak; another network's mail took %s", sent, time.Since(began).Round(time.Millisecond), said, n>>10, served.Round(time.Millisecond))
			if n > 32<<20 {
				t.Errorf("memory grew by %d MiB", n>>20)
			}
			if _, closed := codes.Load("421"); !closed {
				t.Errorf("got%s", said)
			}
		})
	}
}

// As many slow clients as one network may have: each sends an octet now and then in the middle of its mail.
func TestSiegeBySlowClients(t *testing.T) {
	addr, o := siege(t, nil)
	grown := watchMemory(t)
	var slow []net.Conn
	for range 100 {
		c := dial(t, addr)
		hello(c)
		slow = append(slow, c.conn)
	}
	for range 20 {
		for _, conn := range slow {
			if _, err := io.WriteString(conn, "a"); err != nil {
				t.Fatal(err)
			}
		}
	}
	served := bystander(t, addr)
	n := grown()
	t.Logf("100 slow clients: %d KiB at the peak, both ends; another network's mail took %s", n>>10, served.Round(time.Millisecond))
	if n > 64<<20 || len(o.got()) != 1 {
		t.Errorf("memory grew by %d MiB, and %d mails came", n>>20, len(o.got()))
	}
}

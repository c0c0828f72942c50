package tlsrpt_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	verifier "github.com/emersion/go-msgauth/dkim"

	"github.com/emersion/go-message"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/bridge/resolver/dnstest"
	"letterlock/mailout/compose"
	"letterlock/mailout/dkim"
	"letterlock/mailout/submit"
	"letterlock/mailout/submit/relaytest"
	"letterlock/mailout/tlsrpt"
	"letterlock/store"
	"letterlock/store/sqlitetest"
)

// today is in the morning, when all reports of the day before are due.
var today = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

const home = `home.example. MX 10 mx.home.example.
	mx.home.example. A 9.9.9.1
	tls.home.example. A 9.9.9.2
	_smtp._tls.home.example. TXT "v=TLSRPTv1; rua=mailto:tls@home.example," "https://tls.home.example/report"
	_mta-sts.home.example. TXT "v=STSv1; id=1"`

// world is a small internet: DNS, a mail server, a web server, and gateways that share a store.
type world struct {
	*testing.T
	dns       *dnstest.Server
	authority *relaytest.Authority
	db        *store.DB
	gateway   *bridge.Gateway
	mail      *relaytest.Relay
	log       *bytes.Buffer

	mu     sync.Mutex
	now    time.Time
	at     map[string]string // where an address really is
	posted [][]byte
	answer int // of the web server
	types  []string
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) forward(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) answers(code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = code
}

func (w *world) posts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.posted)
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	really := w.at[address]
	w.mu.Unlock()
	if really == "" {
		return nil, errors.New("connection refused")
	}
	return (&net.Dialer{}).DialContext(ctx, network, really)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newWorld(t *testing.T, zone string, c relaytest.Config) *world {
	t.Helper()
	w := &world{T: t, authority: relaytest.NewAuthority(t), now: today, at: map[string]string{}, answer: http.StatusCreated, log: &bytes.Buffer{}}
	var err error
	w.dns, err = dnstest.Start(zone)
	w.must(err)
	t.Cleanup(w.dns.Close)
	w.mail = relaytest.Start(t, c)
	w.at["9.9.9.1:25"] = w.mail.Addr
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil || q.Method != http.MethodPost || q.Host != "tls.home.example" || q.URL.Path != "/report" {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		w.posted, w.types = append(w.posted, b), append(w.types, q.Header.Get("Content-Type"))
		rw.WriteHeader(w.answer)
	}))
	web.TLS = &tls.Config{Certificates: []tls.Certificate{*w.authority.Issue(t, 0, "tls.home.example")}}
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	w.at["9.9.9.2:443"] = web.Listener.Addr().String()

	path, keys := sqlitetest.New(t)
	w.db, err = store.Open(t.Context(), store.Config{Path: path, Keys: keys})
	w.must(err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.gateway, err = bridge.New(bridge.Config{Store: w.db, Keyring: keys, Domain: "clinic.example", BaseURL: "https://portal.example", Organization: "Harbour Clinic"})
	w.must(err)
	return w
}

// reporter is one gateway's.
func (w *world) reporter() (*tlsrpt.Reporter, *submit.Direct) {
	w.Helper()
	return w.reporterWith(nil)
}

// reporterWith is one whose mails go another way, where that is not nil.
func (w *world) reporterWith(mails tlsrpt.Mails) (*tlsrpt.Reporter, *submit.Direct) {
	w.Helper()
	names, err := resolver.New(resolver.Config{Servers: []string{w.dns.Addr}, MinTTL: time.Nanosecond, MaxTTL: time.Nanosecond, Timeout: time.Second, Rounds: 1})
	w.must(err)
	direct, err := submit.NewDirect(submit.DirectConfig{
		Resolver: names, Keeper: w.db, LocalName: "gateway.clinic.example", TLS: &tls.Config{RootCAs: w.authority.Pool}, Dial: w.dial, Now: w.clock,
		ConnectTimeout: 3 * time.Second, CommandTimeout: 3 * time.Second, BlockTimeout: 3 * time.Second, FinalTimeout: 3 * time.Second,
	})
	w.must(err)
	w.Cleanup(func() { _ = direct.Close() })
	signer, err := dkim.New(dkim.Config{Keys: w.gateway, Domain: "clinic.example"})
	w.must(err)
	if mails == nil {
		mails = direct
	}
	r, err := tlsrpt.New(tlsrpt.Config{
		Keeper: w.db, Names: names, Mails: mails, Signer: signer, Web: direct.Web(), Domain: "clinic.example", Organization: "Harbour Clinic", Now: w.clock,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	w.must(err)
	return r, direct
}

// count has sessions of yesterday be known.
func (w *world) count(domain string) {
	w.Helper()
	day := today.Truncate(24 * time.Hour).Add(-24 * time.Hour)
	w.must(w.db.AddTLSResults(w.Context(), []bridge.TLSResult{
		{Day: day, Domain: domain, Host: "mx." + domain, Policy: "sts", Count: 40},
		{Day: day, Domain: domain, Host: "mx." + domain, Policy: "sts", Result: "certificate-expired", Count: 2},
		{Day: day.Add(24 * time.Hour), Domain: domain, Host: "mx." + domain, Policy: "sts", Count: 7}, // today's are not told yet
	}))
}

// read returns the JSON object of a report.
func read(t *testing.T, packed []byte) map[string]any {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var report map[string]any
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	return report
}

// TestReport follows a report to a mail server whose TLS is broken, under a policy that forbids mail there, and to a web server.
func TestReport(t *testing.T) {
	w := newWorld(t, home, relaytest.Config{})
	ctx := t.Context()
	text := "version: STSv1\nmode: enforce\nmx: mx.home.example\nmax_age: 604800\n"
	w.must(w.db.SetSTSPolicy(ctx, bridge.STSPolicy{Domain: "home.example", ID: "1", Text: text, FetchedAt: today, ExpiresAt: today.Add(time.Hour)}))
	pair, err := w.gateway.FirstSigningKeys(ctx)
	w.must(err)
	w.count("home.example")
	w.count("silent.example")
	r, direct := w.reporter()
	if _, err := direct.Connect(ctx, "home.example"); err == nil {
		t.Fatal("mail may go to a server without TLS")
	}
	r.Report(ctx)
	r.Report(ctx)
	mails := w.mail.Mails()
	if len(mails) != 1 || w.posts() != 1 {
		t.Fatalf("%d mails and %d posts, want one of each\n%s", len(mails), w.posts(), w.log)
	}

	m := mails[0]
	if m.From != "" || m.To != "tls@home.example" || m.TLS {
		t.Errorf("from %q to %q", m.From, m.To)
	}
	checks, err := verifier.VerifyWithOptions(bytes.NewReader(m.Data), &verifier.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		for _, k := range pair.Keys {
			if k.Name("clinic.example") == name+"." {
				return []string{k.Record()}, nil
			}
		}
		return nil, errors.New("no such key")
	}})
	if err != nil || len(checks) != 2 || checks[0].Err != nil || checks[1].Err != nil || checks[0].Domain != "clinic.example" {
		t.Errorf("the signatures: %v, %v", checks, err)
	}
	e, err := message.Read(bytes.NewReader(m.Data))
	w.must(err)
	for name, want := range map[string]string{
		"From": "no-reply@clinic.example", "To": "tls@home.example", "TLS-Report-Domain": "home.example", "TLS-Report-Submitter": "clinic.example",
		"TLS-Required": "No", "Auto-Submitted": "auto-generated",
		"Subject": "Report Domain: home.example Submitter: clinic.example Report-ID: <tls.20261119.home.example@clinic.example>",
	} {
		if got := e.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	kind, params, err := e.Header.ContentType()
	if err != nil || kind != "multipart/report" || params["report-type"] != "tlsrpt" {
		t.Errorf("got %s, %v, %v", kind, params, err)
	}
	parts := e.MultipartReader()
	first, err := parts.NextPart()
	w.must(err)
	if kind, _, _ := first.Header.ContentType(); kind != "text/plain" {
		t.Errorf("the first part is %s", kind)
	}
	second, err := parts.NextPart()
	w.must(err)
	kind, _, _ = second.Header.ContentType()
	_, params, _ = second.Header.ContentDisposition()
	if kind != "application/tlsrpt+gzip" || params["filename"] != "clinic.example!home.example!1795046400!1795132799.json.gz" {
		t.Errorf("the second part is %s, %v", kind, params)
	}
	packed, err := io.ReadAll(second.Body)
	w.must(err)
	if !bytes.Equal(packed, w.posted[0]) || w.types[0] != "application/tlsrpt+gzip" {
		t.Error("what was posted is not what was mailed")
	}
	if _, err := parts.NextPart(); !errors.Is(err, io.EOF) {
		t.Errorf("a third part: %v", err)
	}

	var want map[string]any
	w.must(json.Unmarshal([]byte(`{
		"organization-name": "Harbour Clinic", "contact-info": "postmaster@clinic.example", "report-id": "tls.20261119.home.example@clinic.example",
		"date-range": {"start-datetime": "2026-11-19T00:00:00Z", "end-datetime": "2026-11-19T23:59:59Z"},
		"policies": [{
			"policy": {"policy-type": "sts", "policy-domain": "home.example", "mx-host": ["mx.home.example"],
				"policy-string": ["version: STSv1", "mode: enforce", "mx: mx.home.example", "max_age: 604800"]},
			"summary": {"total-successful-session-count": 40, "total-failure-session-count": 2},
			"failure-details": [{"result-type": "certificate-expired", "receiving-mx-hostname": "mx.home.example", "failed-session-count": 2}]
		}]}`), &want))
	got, _ := json.Marshal(read(t, packed))
	if wanted, _ := json.Marshal(want); !bytes.Equal(got, wanted) {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}

	// The session that brought it is not counted.
	stopped, stop := context.WithCancel(ctx)
	stop()
	w.must(direct.Run(stopped))
	all, err := w.db.TLSResults(ctx, today.Truncate(24*time.Hour), 100)
	w.must(err)
	failed := int64(0)
	for _, one := range all {
		if one.Domain == "home.example" && one.Result != "" {
			failed += one.Count
		}
	}
	if failed != 1 { // Connect's
		t.Errorf("%d sessions failed today, want the one that was none of the report's: %+v", failed, all)
	}
}

// TestManyReporters has the gateways of one organization come to it at the same time, and again after a restart.
func TestManyReporters(t *testing.T) {
	w := newWorld(t, home, relaytest.Config{})
	_, err := w.gateway.FirstSigningKeys(t.Context())
	w.must(err)
	w.count("home.example")
	for range 2 {
		var all sync.WaitGroup
		for range 4 {
			r, _ := w.reporter()
			all.Go(func() { r.Report(t.Context()) })
		}
		all.Wait()
		w.forward(time.Hour)
	}
	if len(w.mail.Mails()) != 1 || w.posts() != 1 {
		t.Errorf("%d mails and %d posts, want one of each", len(w.mail.Mails()), w.posts())
	}
	// The next day has a report of its own.
	w.forward(24 * time.Hour)
	r, _ := w.reporter()
	r.Report(t.Context())
	if len(w.mail.Mails()) != 2 || w.posts() != 2 {
		t.Errorf("%d mails and %d posts after the next day, want two of each", len(w.mail.Mails()), w.posts())
	}
}

// TestReportThatIsNotTaken: what fails for now is tried again in an hour, and what is refused is not.
func TestReportThatIsNotTaken(t *testing.T) {
	var mu sync.Mutex
	refuse := true
	w := newWorld(t, home, relaytest.Config{OnRcpt: func(int, string) error {
		mu.Lock()
		defer mu.Unlock()
		if refuse {
			return errors.New("not now, says tls@home.example")
		}
		return nil
	}})
	_, err := w.gateway.FirstSigningKeys(t.Context())
	w.must(err)
	w.answers(http.StatusServiceUnavailable)
	w.count("home.example")
	r, _ := w.reporter()
	r.Report(t.Context())
	w.forward(10 * time.Minute)
	r.Report(t.Context())
	if w.posts() != 1 {
		t.Errorf("%d posts, want that an hour passes", w.posts())
	}
	w.answers(http.StatusOK)
	mu.Lock()
	refuse = false
	mu.Unlock()
	w.forward(time.Hour)
	r.Report(t.Context())
	r.Report(t.Context())
	if len(w.mail.Mails()) != 1 || w.posts() != 2 {
		t.Errorf("%d mails and %d posts, want that both were tried once more\n%s", len(w.mail.Mails()), w.posts(), w.log)
	}
	if strings.Contains(w.log.String(), "home.example") {
		t.Errorf("the log names who reports go to:\n%s", w.log)
	}

	// Refused for good.
	w = newWorld(t, home, relaytest.Config{})
	w.answers(http.StatusGone)
	w.count("home.example")
	r, _ = w.reporter() // there are no keys, so nothing is mailed
	for range 3 {
		r.Report(t.Context())
		w.forward(2 * time.Hour)
	}
	if len(w.mail.Mails()) != 0 || w.posts() != 1 {
		t.Errorf("%d mails and %d posts, want no mail without a signature, and one post", len(w.mail.Mails()), w.posts())
	}
}

// crowd takes reports once as many as can be on their way are.
type crowd struct {
	mu       sync.Mutex
	now, all int
	most     int
	met      chan struct{}
}

// crowded is how many reports are on their way at the same time.
const crowded = 8

// SendReport implements tlsrpt.Mails.
func (c *crowd) SendReport(ctx context.Context, _ compose.Mail) error {
	c.mu.Lock()
	c.all++
	c.now++
	if c.most = max(c.most, c.now); c.now == crowded && c.all == crowded {
		close(c.met)
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
	}()
	select {
	case <-c.met:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestSlowReceiversHoldUpNobody: reports to several domains are on their way at the same time, and not to all.
func TestSlowReceiversHoldUpNobody(t *testing.T) {
	zone := ""
	for i := range 3 * crowded {
		zone += fmt.Sprintf("_smtp._tls.d%d.example. TXT \"v=TLSRPTv1; rua=mailto:tls@d%d.example\"\n", i, i)
	}
	w := newWorld(t, zone, relaytest.Config{})
	_, err := w.gateway.FirstSigningKeys(t.Context())
	w.must(err)
	for i := range 3 * crowded {
		w.count(fmt.Sprintf("d%d.example", i))
	}
	c := &crowd{met: make(chan struct{})}
	r, _ := w.reporterWith(c)
	for range 2 {
		r.Report(t.Context())
	}
	if c.all != 3*crowded || c.most != crowded {
		t.Errorf("%d reports, at most %d at once; want %d and %d\n%s", c.all, c.most, 3*crowded, crowded, w.log)
	}
}

// TestNobodyToReportTo: nothing goes where nobody asks for it, to private addresses, or before the day is over and rested.
func TestNobodyToReportTo(t *testing.T) {
	for name, one := range map[string]struct {
		zone string
		now  time.Time
	}{
		"no record":          {strings.ReplaceAll(home, "_smtp._tls", "_smtp._other"), today},
		"private addresses":  {strings.ReplaceAll(home, "9.9.9.", "192.168.0."), today},
		"just past midnight": {home, today.Truncate(24 * time.Hour).Add(5 * time.Minute)},
	} {
		w := newWorld(t, one.zone, relaytest.Config{})
		w.at["192.168.0.1:25"], w.at["192.168.0.2:443"] = w.at["9.9.9.1:25"], w.at["9.9.9.2:443"]
		w.now = one.now
		_, err := w.gateway.FirstSigningKeys(t.Context())
		w.must(err)
		w.count("home.example")
		r, _ := w.reporter()
		r.Report(t.Context())
		if len(w.mail.Mails()) != 0 || w.posts() != 0 {
			t.Errorf("%s: %d mails and %d posts", name, len(w.mail.Mails()), w.posts())
		}
	}
}

// TestRunEnds: it ends with its context, at once.
func TestRunEnds(t *testing.T) {
	w := newWorld(t, home, relaytest.Config{})
	r, _ := w.reporter()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.must(r.Run(ctx))
}

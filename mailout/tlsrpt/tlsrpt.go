// Package tlsrpt reports to recipients' domains how TLS went with their mail servers (RFC 8460): once a day, to those who ask for it, what the sessions of the
// day before were like, by mail or over HTTPS.
//
// The counts are in a [Keeper], where those of all processes come together; it also sees to it that one process sends each report, and when one is tried again.
// A report says how many sessions there were with which host under which policy, and why how many failed. It names no person and no mail. A destination
// is a stranger's choice, so mail and requests go nowhere that mail to the domain would not go, and what comes back is not read.
//
// Run's goroutine starts one for each of the few domains whose reports are on their way; all have ended when Run returns.
//
// The package knows nothing of queues or of mail for people.
package tlsrpt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/mailout/compose"
	"letterlock/mailout/dkim"
	"letterlock/mailout/submit"
)

// Keeper keeps counts and what was reported. A *store.DB does.
type Keeper interface {
	TLSResults(ctx context.Context, day time.Time, limit int) ([]bridge.TLSResult, error)
	STSPolicy(ctx context.Context, domain string, now time.Time) (bridge.STSPolicy, error)
	// TakeTLSReport leases one report to one destination, and says for the how manieth time it is tried. It reports false where another process has it or it is to
	// wait, and returns bridge.ErrConflict where it was ended for good.
	TakeTLSReport(ctx context.Context, day time.Time, domain, to string, now time.Time, term time.Duration) (attempt int, taken bool, err error)
	// EndTLSReport ends it until next, or for good where that is zero.
	EndTLSReport(ctx context.Context, day time.Time, domain, to string, next time.Time) error
}

// Names asks DNS for TXT records. A *resolver.Resolver does.
type Names interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Mails brings reports by mail. A *submit.Direct does.
type Mails interface {
	SendReport(ctx context.Context, m compose.Mail) error
}

// Signer signs mails. A *dkim.Signer does.
type Signer interface {
	Sign(ctx context.Context, message []byte) (fields []byte, err error)
}

var (
	_ Names  = (*resolver.Resolver)(nil)
	_ Mails  = (*submit.Direct)(nil)
	_ Signer = (*dkim.Signer)(nil)
)

// Config is what a Reporter needs. All but Now and Log must be set.
type Config struct {
	Keeper       Keeper
	Names        Names
	Mails        Mails
	Signer       Signer
	Web          http.RoundTripper // for reports over HTTPS
	Domain       string            // ours: of From, and of who reports
	Organization string

	Now func() time.Time // time.Now
	Log *slog.Logger     // none
}

// Reporter sends the reports.
type Reporter struct {
	c      Config
	domain string // as DNS has it
	web    *http.Client

	// What is left to do of a day, by domain. Run's goroutine alone uses it.
	day  time.Time
	left map[string][]bridge.TLSResult
}

const (
	maxResults = 100_000 // kinds of results of one day that are looked at, the most frequent first
	firstDelay = 15 * time.Minute
	spread     = 4 * time.Hour    // over which reports are sent (RFC 8460, section 4.1)
	pauseTime  = 10 * time.Minute // between two looks
	sendTime   = 5 * time.Minute  // for one report
	atOnce     = 8                // domains to which reports are on their way at the same time
	retryTime  = time.Hour        // after one that could not be delivered; section 5.5 has it tried for a day
)

// New returns a Reporter.
func New(c Config) (*Reporter, error) {
	if c.Keeper == nil || c.Names == nil || c.Mails == nil || c.Signer == nil || c.Web == nil {
		return nil, errors.New("new reporter: something is missing")
	}
	domain, err := dkim.Domain(c.Domain)
	if err != nil || !isName(domain) {
		return nil, fmt.Errorf("new reporter: %q is no domain: %w", c.Domain, bridge.ErrInvalid)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Reporter{c: c, domain: domain, web: &http.Client{
		Transport: c.Web, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Run sends the reports of each day after its end until ctx ends.
func (r *Reporter) Run(ctx context.Context) error {
	for {
		// A day's counts are complete once all processes have written them down.
		r.Report(ctx)
		timer := time.NewTimer(pauseTime)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// Report sends those of yesterday's reports that are due at this moment and that no process has sent.
func (r *Reporter) Report(ctx context.Context) {
	now := r.c.Now().UTC()
	day := now.Truncate(24 * time.Hour).Add(-24 * time.Hour)
	if now.Sub(day) < 24*time.Hour+firstDelay {
		return
	}
	if !day.Equal(r.day) && !r.load(ctx, day) {
		return
	}
	var due []string
	for domain := range r.left {
		if now.Sub(day) >= 24*time.Hour+delay(day, domain) {
			due = append(due, domain)
		}
	}
	r.domains(ctx, day, due)
}

// domains sends the reports of some domains, several at the same time, so that one whose servers are slow does not hold up the others.
func (r *Reporter) domains(ctx context.Context, day time.Time, due []string) {
	done := make([]bool, len(due))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, domain := range due {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		results := r.left[domain]
		all.Go(func() {
			defer func() { <-places }()
			done[i] = r.domainReports(ctx, day, domain, results)
		})
	}
	all.Wait()
	for i, domain := range due {
		if done[i] {
			delete(r.left, domain)
		}
	}
}

// load reads a day's counts.
func (r *Reporter) load(ctx context.Context, day time.Time) bool {
	results, err := r.c.Keeper.TLSResults(ctx, day, maxResults)
	if err != nil {
		if ctx.Err() == nil {
			r.c.Log.ErrorContext(ctx, "counts of TLS can't be read, so nothing is reported for now", "error", err)
		}
		return false
	}
	r.day, r.left = day, map[string][]bridge.TLSResult{}
	for _, one := range results {
		if isName(one.Domain) {
			r.left[one.Domain] = append(r.left[one.Domain], one)
		}
	}
	return true
}

// delay is how long after a day's end its report is sent: not all at once, and by all processes at the same time, so that one does it once.
func delay(day time.Time, domain string) time.Duration {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", day.Unix(), domain)
	return firstDelay + time.Duration(h.Sum64()>>1)%(spread-firstDelay)
}

// domainReports sends one domain's report to all its destinations, and reports whether there is nothing left to do about it.
func (r *Reporter) domainReports(ctx context.Context, day time.Time, domain string, results []bridge.TLSResult) (done bool) {
	records, err := r.c.Names.LookupTXT(ctx, "_smtp._tls."+domain)
	if err != nil {
		return resolver.IsNotFound(err)
	}
	done = true
	for _, to := range ParseRecord(records) {
		done = r.destination(ctx, day, domain, results, to) && done
	}
	return done
}

// destination sends a report to one destination, unless somebody does or has. It reports whether there is nothing left to do about it.
func (r *Reporter) destination(ctx context.Context, day time.Time, domain string, results []bridge.TLSResult, to Destination) (done bool) {
	attempt, taken, err := r.c.Keeper.TakeTLSReport(ctx, day, domain, to.uri, r.c.Now(), 2*sendTime)
	if errors.Is(err, bridge.ErrConflict) {
		return true
	}
	if err != nil && ctx.Err() == nil {
		r.c.Log.ErrorContext(ctx, "a TLS report could not be taken up", "error", err)
	}
	if err != nil || !taken {
		return false
	}
	err = r.send(ctx, day, domain, results, to)
	next := time.Time{}
	if err != nil {
		again := !permanent(err)
		r.c.Log.WarnContext(ctx, "a TLS report was not delivered", "attempt", attempt, "again", again, "error", blunt(err))
		if again {
			next = r.c.Now().Add(retryTime)
		}
	}
	// What was sent must be known to be, also at the process's end.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := r.c.Keeper.EndTLSReport(end, day, domain, to.uri, next); err != nil {
		r.c.Log.ErrorContext(ctx, "that a TLS report was sent could not be recorded, so it may be sent twice", "error", err)
		return false
	}
	return next.IsZero()
}

// errForGood is a refusal that no other attempt will find different.
var errForGood = errors.New("refused for good")

// permanent reports whether a report is given up.
func permanent(err error) bool {
	fault, ok := errors.AsType[*submit.Error](err)
	return ok && fault.Permanent || errors.Is(err, errForGood)
}

// blunt is what the log is told of an error: of a mail server's answer the code alone, since its words may quote an address.
func blunt(err error) string {
	if fault, ok := errors.AsType[*submit.Error](err); ok {
		return fmt.Sprintf("by mail, at %q: code %d", fault.Stage, fault.Code)
	}
	if errors.Is(err, errForGood) {
		return err.Error()
	}
	return "no answer over HTTPS, or no signature"
}

// send sends a report to one destination.
func (r *Reporter) send(ctx context.Context, day time.Time, domain string, results []bridge.TLSResult, to Destination) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	// The same at each attempt, so that one that arrives twice is seen to be one.
	id := "tls." + day.Format("20060102") + "." + domain + "@" + r.domain
	sts := ""
	if slices.ContainsFunc(results, func(one bridge.TLSResult) bool { return one.Policy == policySTS }) {
		if p, err := r.c.Keeper.STSPolicy(ctx, domain, r.c.Now()); err == nil {
			sts = p.Text
		}
	}
	packed, err := pack(report{
		Organization: r.c.Organization, Contact: "postmaster@" + r.domain, ID: id, Policies: group(domain, results, sts),
		Range: span{day.Format(time.RFC3339), lastSecond(day).Format(time.RFC3339)},
	})
	if err != nil {
		return err
	}
	if to.URL != "" {
		return r.post(ctx, to.URL, packed)
	}
	m := r.letter(day, domain, id, to.Address, packed)
	fields, err := r.c.Signer.Sign(ctx, m.Data)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return fmt.Errorf("%w: it must be signed (RFC 8460, section 3), and there are no keys", errForGood)
	}
	m.Data = slices.Concat(fields, m.Data)
	return r.c.Mails.SendReport(ctx, m)
}

// post sends a report over HTTPS.
func (r *Reporter) post(ctx context.Context, to string, packed []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("%w: no such address", errForGood)
	}
	q.Header.Set("Content-Type", "application/tlsrpt+gzip")
	q.Header.Set("User-Agent", "Letterlock")
	answer, err := r.web.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10)
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests:
		return fmt.Errorf("%w: HTTP status %d", errForGood, code)
	default:
		return fmt.Errorf("HTTP status %d", code)
	}
}

// isName reports whether a domain is one that can stand in a header field and in a file's name: letters, digits, hyphens and underscores.
func isName(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

package admin

import (
	"cmp"
	"slices"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

// tlsDay is how TLS went on one day, for the page of signatures.
type tlsDay struct {
	Name    string
	Domains []tlsLine
	Others  int // domains that are not shown
}

// tlsLine is one domain on one day.
type tlsLine struct {
	Domain   string
	Good     int64 // sessions
	Failed   int64
	Failures []tlsFailure
}

type tlsFailure struct {
	Host, Why string
	Count     int64
}

const (
	maxTLSLines    = 40 // of one day
	maxTLSFailures = 5  // of one domain
)

// tlsDays returns yesterday and today, without those on which nothing was counted.
func (a *Admin) tlsDays(v *page.Visit) ([]tlsDay, error) {
	var days []tlsDay
	now := a.site.Now()
	for _, one := range []struct {
		name string
		at   time.Time
	}{{"Today", now}, {"Yesterday", now.Add(-24 * time.Hour)}} {
		results, err := a.gateway.ListTLSResults(v.Context(), v.Actor(), one.at)
		if err != nil {
			return nil, err
		}
		if len(results) > 0 {
			days = append(days, tlsDayOf(one.name, results))
		}
	}
	return days, nil
}

// tlsDayOf puts the domains first with which it went worst.
func tlsDayOf(name string, results []bridge.TLSResult) tlsDay {
	byDomain := map[string]*tlsLine{}
	for _, r := range results {
		line := byDomain[r.Domain]
		if line == nil {
			line = &tlsLine{Domain: r.Domain}
			byDomain[r.Domain] = line
		}
		if r.Result == "" {
			line.Good += r.Count
			continue
		}
		line.Failed += r.Count
		if len(line.Failures) < maxTLSFailures {
			line.Failures = append(line.Failures, tlsFailure{r.Host, tlsWhy(r.Result), r.Count})
		}
	}
	day := tlsDay{Name: name}
	for _, line := range byDomain {
		day.Domains = append(day.Domains, *line)
	}
	slices.SortFunc(day.Domains, func(a, b tlsLine) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Good, a.Good), cmp.Compare(a.Domain, b.Domain))
	})
	if n := len(day.Domains); n > maxTLSLines {
		day.Domains, day.Others = day.Domains[:maxTLSLines], n-maxTLSLines
	}
	return day
}

// tlsWhy says a result-type of RFC 8460, section 4.3, in words.
func tlsWhy(result string) string {
	switch result {
	case "starttls-not-supported":
		return "no TLS was offered"
	case "certificate-host-mismatch":
		return "the certificate is for another name"
	case "certificate-not-trusted":
		return "nobody known vouches for the certificate"
	case "certificate-expired":
		return "the certificate has expired"
	case "dnssec-invalid":
		return "DNS did not prove what the server must show"
	case "sts-policy-fetch-error":
		return "the domain's MTA-STS policy could not be fetched"
	case "sts-policy-invalid":
		return "the domain's MTA-STS policy can't be read"
	case "sts-webpki-invalid":
		return "the certificate of the MTA-STS policy's host is not valid"
	}
	return "the server did not prove who it is"
}

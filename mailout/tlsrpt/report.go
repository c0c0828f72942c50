package tlsrpt

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/mtasts"
)

// maxDetails bounds the kinds of failures of one policy in a report; the rarest are left out, and only counted.
const maxDetails = 500

// report is the JSON object of RFC 8460, section 4.4.
type report struct {
	Organization string   `json:"organization-name"`
	Range        span     `json:"date-range"`
	Contact      string   `json:"contact-info"`
	ID           string   `json:"report-id"`
	Policies     []policy `json:"policies"`
}

type span struct {
	Start string `json:"start-datetime"`
	End   string `json:"end-datetime"`
}

type policy struct {
	Policy  policyName `json:"policy"`
	Summary summary    `json:"summary"`
	Details []detail   `json:"failure-details,omitempty"`
}

type policyName struct {
	Type    string   `json:"policy-type"`
	Text    []string `json:"policy-string,omitempty"`
	Domain  string   `json:"policy-domain"`
	MXHosts []string `json:"mx-host,omitempty"`
}

type summary struct {
	Good   int64 `json:"total-successful-session-count"`
	Failed int64 `json:"total-failure-session-count"`
}

type detail struct {
	Result string `json:"result-type"`
	Host   string `json:"receiving-mx-hostname,omitempty"`
	Count  int64  `json:"failed-session-count"`
}

// The kinds of policies (RFC 8460, section 4.4).
const (
	policyTLSA = "tlsa"
	policySTS  = "sts"
)

// group makes the policies of a report out of a domain's counts of one day. An MTA-STS policy and no policy are the domain's; TLSA records are
// those of a host, whose name is the policy's domain then (RFC 8460, section 1.1). STS is the text of the domain's policy, if it is known.
func group(domain string, results []bridge.TLSResult, sts string) []policy {
	all := map[policyKey]*policy{}
	for _, r := range results {
		key := policyKey{r.Policy, domain}
		if r.Policy == policyTLSA && r.Host != "" {
			key.domain = r.Host
		}
		p := all[key]
		if p == nil {
			p = &policy{Policy: policyName{Type: key.kind, Domain: key.domain}}
			if key.kind == policySTS {
				p.Policy.Text, p.Policy.MXHosts = stsLines(sts)
			}
			all[key] = p
		}
		if r.Result == "" {
			p.Summary.Good += r.Count
			continue
		}
		p.Summary.Failed += r.Count
		p.Details = append(p.Details, detail{r.Result, r.Host, r.Count})
	}
	list := make([]policy, 0, len(all))
	for _, p := range all {
		slices.SortFunc(p.Details, func(a, b detail) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Result, b.Result), cmp.Compare(a.Host, b.Host))
		})
		p.Details = p.Details[:min(len(p.Details), maxDetails)]
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b policy) int {
		return cmp.Or(cmp.Compare(a.Policy.Type, b.Policy.Type), cmp.Compare(a.Policy.Domain, b.Policy.Domain))
	})
	return list
}

type policyKey struct{ kind, domain string }

// stsLines returns a policy's text in lines, and the hosts that it names.
func stsLines(text string) (lines, hosts []string) {
	p, err := mtasts.Parse(text)
	if err != nil {
		return nil, nil
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, strings.ToValidUTF8(line, "\uFFFD"))
		}
	}
	return lines, p.MX
}

// lastSecond is what a day's report names as its end.
func lastSecond(day time.Time) time.Time { return day.Add(24*time.Hour - time.Second) }

// pack writes a report as gzip (RFC 1952) of its JSON. The same report has the same octets.
func pack(r report) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

package tlsrpt

import (
	"net/url"
	"strings"

	"letterlock/bridge/mailaddr"
	"letterlock/mailout/dkim"
)

const (
	maxRecord       = 8 << 10 // octets of a TXT record that is looked at
	maxDestinations = 5       // of one record: it asks for one mail each
	maxURI          = 1 << 10
)

// Destination is where a report goes: one of the two.
type Destination struct {
	Address string // of mailto
	URL     string // of https
	uri     string // as the record has it, which names it among the record's
}

// ParseRecord reads the TXT records at _smtp._tls of a domain (RFC 8460, section 3). It returns where reports go: nowhere if there is not exactly one record
// of that kind, or none of its destinations is one that reports can go to. What it does not know it passes over.
func ParseRecord(records []string) []Destination {
	one := ""
	for _, r := range records {
		if version, _, _ := strings.Cut(r, ";"); strings.TrimRight(version, " \t") != "v=TLSRPTv1" {
			continue
		}
		if one != "" {
			return nil
		}
		one = r
	}
	if one == "" || len(one) > maxRecord {
		return nil
	}
	var all []Destination
	seen := map[string]bool{}
	for field := range strings.SplitSeq(one, ";") {
		list, ok := strings.CutPrefix(strings.Trim(field, " \t"), "rua=")
		if !ok {
			continue
		}
		for uri := range strings.SplitSeq(list, ",") {
			d, ok := parseURI(strings.Trim(uri, " \t"))
			if ok && !seen[d.uri] && len(all) < maxDestinations {
				seen[d.uri] = true
				all = append(all, d)
			}
		}
		break // a second field of the name is none
	}
	return all
}

// parseURI reads a URI of one of the two schemes. What it asks for beyond an address, such as a subject, is left out.
func parseURI(uri string) (Destination, bool) {
	if len(uri) > maxURI {
		return Destination{}, false
	}
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] >= 0x7f { // RFC 3986, section 2
			return Destination{}, false
		}
	}
	u, err := url.Parse(uri)
	if err != nil {
		return Destination{}, false
	}
	switch u.Scheme {
	case "mailto":
		address, err := url.PathUnescape(u.Opaque)
		if err != nil || mailaddr.Valid(address) != nil {
			return Destination{}, false
		}
		local, domain, _ := mailaddr.Split(address)
		if domain, err = dkim.Domain(domain); err != nil || !isName(domain) {
			return Destination{}, false
		}
		return Destination{Address: local + "@" + domain, uri: uri}, true
	case "https":
		if u.Hostname() == "" || u.User != nil || u.Port() != "" && u.Port() != "443" {
			return Destination{}, false
		}
		u.Fragment = ""
		return Destination{URL: u.String(), uri: uri}, true
	}
	return Destination{}, false
}

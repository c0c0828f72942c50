package main

import (
	"fmt"
	"io"
	"strings"

	"letterlock/bridge"
	"letterlock/mailout/dkim"
)

// dnsRecord is one record to publish.
type dnsRecord struct {
	Name  string `json:"name"` // with the final dot
	Type  string `json:"type"`
	Value string `json:"value"` // of a TXT record: its text, in one piece
}

// String writes the record as a line of a zone file.
func (r dnsRecord) String() string {
	value := r.Value
	if r.Type == "TXT" {
		value = dkim.ZoneText(value)
	}
	return fmt.Sprintf("%s  %s  %s", r.Name, r.Type, value)
}

func txtRecord(name, text string) dnsRecord {
	return dnsRecord{Name: strings.TrimSuffix(name, ".") + ".", Type: "TXT", Value: text}
}

func mxRecord(domain, host string) dnsRecord {
	return dnsRecord{Name: domain + ".", Type: "MX", Value: "10 " + host + "."}
}

// spfRecord says which hosts mail of the domain leaves through: those that take its mail and the relay, unless that is on this machine.
func spfRecord(domain, relayHost string) dnsRecord {
	if relayHost == "" || loopbackHost(relayHost) {
		return txtRecord(domain, "v=spf1 mx -all")
	}
	return txtRecord(domain, "v=spf1 mx "+spfMechanism(relayHost)+" ~all")
}

// dmarcRecord asks receivers to put aside what neither SPF nor DKIM proves.
func dmarcRecord(domain string) dnsRecord {
	return txtRecord("_dmarc."+domain, "v=DMARC1; p=quarantine; rua=mailto:postmaster@"+domain)
}

// keyRecords are those of a pair of signing keys.
func keyRecords(domain string, p bridge.SigningPair) []dnsRecord {
	var records []dnsRecord
	for _, k := range p.Keys {
		records = append(records, txtRecord(k.Name(domain), k.Record()))
	}
	return records
}

// printRecords writes records as lines of a zone file.
func printRecords(w io.Writer, indent string, records []dnsRecord) error {
	for _, r := range records {
		if _, err := fmt.Fprintf(w, "%s%s\n", indent, r); err != nil {
			return err
		}
	}
	return nil
}

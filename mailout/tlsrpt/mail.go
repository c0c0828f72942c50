package tlsrpt

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/compose"
)

// letter makes the mail that carries a report (RFC 8460, section 5.3). All that goes into it was checked to be printable ASCII without spaces: the names of domains,
// the report's id, and the recipient's address, which may have letters beyond ASCII and needs SMTPUTF8 then. It has a null reverse-path, so that nothing answers it.
func (r *Reporter) letter(day time.Time, domain, id, to string, packed []byte) compose.Mail {
	var b strings.Builder
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	field("Date", r.c.Now().UTC().Format(time.RFC1123Z))
	field("From", "no-reply@"+r.domain)
	field("To", to)
	field("Subject", "Report Domain: "+domain+"\r\n Submitter: "+r.domain+"\r\n Report-ID: <"+id+">")
	field("Message-ID", "<"+id+">")
	field("TLS-Report-Domain", domain)
	field("TLS-Report-Submitter", r.domain)
	// What TLS proves on the way must not keep the report from arriving (RFC 8460, section 3; RFC 8689, section 5).
	field("TLS-Required", "No")
	field("Auto-Submitted", "auto-generated")
	field("MIME-Version", "1.0")
	field("Content-Type", "multipart/report; report-type=\"tlsrpt\";\r\n boundary=\""+boundary+"\"")
	b.WriteString("\r\n--" + boundary + "\r\n")
	field("Content-Type", "text/plain; charset=us-ascii")
	field("Content-Transfer-Encoding", "7bit")
	fmt.Fprintf(&b, "\r\nThis is a report of how TLS went when %s brought mail to\r\n%s on %s (UTC), as RFC 8460 has it.\r\n", r.domain, domain, day.Format(time.DateOnly))
	b.WriteString("\r\n--" + boundary + "\r\n")
	field("Content-Type", "application/tlsrpt+gzip")
	field("Content-Transfer-Encoding", "base64")
	field("Content-Disposition", "attachment;\r\n filename=\""+fileName(r.domain, domain, day)+"\"")
	b.WriteString("\r\n")
	for text := base64.StdEncoding.EncodeToString(packed); text != ""; {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	b.WriteString("--" + boundary + "--\r\n")
	return compose.Mail{Delivery: bridge.NewID(), Recipient: to, Data: []byte(b.String()), UTF8: !isASCII(to), Form: bridge.FormNotice}
}

// boundary is none of what base64 writes.
const boundary = "=_letterlock_tlsrpt"

// fileName is that of RFC 8460, section 5.1.
func fileName(submitter, domain string, day time.Time) string {
	return fmt.Sprintf("%s!%s!%d!%d.json.gz", submitter, domain, day.Unix(), lastSecond(day).Unix())
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

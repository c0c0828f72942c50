package smtpd

import "bytes"

// scanner follows the octets of one mail as they travel (RFC 5321, section 4.1.1.4) up to the line with a single dot that ends
// it. Lines end in CR LF and in nothing else (section 2.3.8): a scanner that saw a CR or LF alone is bad, and the mail must be refused.
//
// Programs that take such an octet for the end of a line see a different end of the mail than programs that don't, and whoever
// writes the mail can use that to smuggle a second one through. So a bad scanner looks for an end that any of them would see, and
// after it nothing on the connection can be believed.
type scanner struct {
	state scanState
	bad   bool
}

type scanState uint8

const (
	atStart  scanState = iota // at the start of a line
	inLine                    // within a line that is not a dot alone
	afterDot                  // after a dot that began the line
	afterCR                   // within a line, after CR
	dotCR                     // after a dot that began the line, and CR
)

// feed takes the next octets and returns how many belong to the mail, the last line included, and whether that line is in. It stops
// early, with n counting the octet that it stopped at, when the mail turns bad.
func (s *scanner) feed(b []byte) (n int, end bool) {
	if s.bad {
		return s.feedBad(b)
	}
	for n < len(b) {
		if s.state == inLine {
			// Most octets are passed over here, at the speed of IndexByte.
			i := bytes.IndexByte(b[n:], '\r')
			run := b[n:]
			if i >= 0 {
				run = b[n : n+i]
			}
			if j := bytes.IndexByte(run, '\n'); j >= 0 {
				s.bad, s.state = true, atStart
				return n + j + 1, false
			}
			if i < 0 {
				return len(b), false
			}
			n += i + 1
			s.state = afterCR
			continue
		}
		c := b[n]
		n++
		switch {
		case c == '\n' && s.state == dotCR:
			s.state = atStart
			return n, true
		case c == '\n' && s.state == afterCR:
			s.state = atStart
		case c == '\n' || s.state == afterCR || s.state == dotCR:
			// LF without CR, or CR without LF. A dot alone on its line, however that ended, is an end to some.
			s.bad = true
			end = s.state == dotCR || s.state == afterDot
			switch {
			case c == '.' && s.state == afterCR:
				s.state = afterDot
			case c == '\n' || c == '\r':
				s.state = atStart
			default:
				s.state = inLine
			}
			return n, end
		case c == '\r' && s.state == afterDot:
			s.state = dotCR
		case c == '\r':
			s.state = afterCR
		case c == '.' && s.state == atStart:
			s.state = afterDot
		default:
			s.state = inLine
		}
	}
	return n, false
}

// feedBad takes CR and LF each for the end of a line.
func (s *scanner) feedBad(b []byte) (n int, end bool) {
	for _, c := range b {
		n++
		switch {
		case c == '\r' || c == '\n':
			if s.state == afterDot {
				return n, true
			}
			s.state = atStart
		case c == '.' && s.state == atStart:
			s.state = afterDot
		default:
			s.state = inLine
		}
	}
	return n, false
}

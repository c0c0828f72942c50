package mailin

// Limits bound what Parse does for one mail, so that a hostile one costs no more than an ordinary one of its size. What lies
// beyond a bound is not read, and Mail.OverBound says so. The zero value of a field means the default.
type Limits struct {
	Depth       int   // how deep parts may nest
	Parts       int   // parts in all, at every depth
	HeaderBytes int   // octets of one header
	Fields      int   // fields of one header
	Decoded     int64 // octets of decoded content in all
	Text        int   // octets of body text, and of body HTML, that are kept
}

// DefaultLimits suit a gateway that takes mails of up to about 50 MB.
func DefaultLimits() Limits {
	return Limits{Depth: 50, Parts: 1000, HeaderBytes: 512 << 10, Fields: 4000, Decoded: 128 << 20, Text: 10 << 20}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Parts <= 0 {
		l.Parts = d.Parts
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = d.HeaderBytes
	}
	if l.Fields <= 0 {
		l.Fields = d.Fields
	}
	if l.Decoded <= 0 {
		l.Decoded = d.Decoded
	}
	if l.Text <= 0 {
		l.Text = d.Text
	}
	return l
}

// notes collects what is wrong with a mail while it is read.
type notes struct {
	defects []string
	over    string
}

// maxDefects keeps the list readable: who sends a mail with a thousand faults has made one point.
const maxDefects = 50

// defect records a fault in words, once.
func (n *notes) defect(s string) {
	if len(n.defects) >= maxDefects {
		return
	}
	for _, d := range n.defects {
		if d == s {
			return
		}
	}
	n.defects = append(n.defects, s)
}

// overBound records the first bound that was met.
func (n *notes) overBound(s string) {
	if n.over == "" {
		n.over = s
	}
}

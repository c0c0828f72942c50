// Package mailin reads mail that comes in: out of the octets of one message (RFC 5322, MIME of RFC 2045 to 2049) it makes a [bridge.Mail],
// with its author, its new text, its attachments and what kind of mail it is.
//
// [Parse] reads anything. What is wrong with a mail goes to its Defects, what is larger than the [Limits] to its OverBound; neither
// makes it fail, since a customer's mail is read as far as it can be. Its cost is linear in the size of the mail, for any input.
// Parts that mail programs disagree on are read in each way, so that no attachment shows in somebody's client that was hidden here.
//
// The structure is walked by this package itself, in place and within bounds, where go-message would stop at the first fault and
// follow one reading only; its charset tables serve for what the WHATWG's do not name. The package opens no connection and
// keeps nothing: the SMTP server and the IMAP poller are its sub-packages, and what becomes of a mail is the Gateway's to say.
package mailin

import (
	"bytes"
	"crypto/sha256"
	"path"
	"slices"
	"strings"
	"unicode"

	"letterlock/bridge"
	"letterlock/bridge/richtext"
	"letterlock/mailin/report"
)

// Parse reads one mail. It never fails and never returns nil: see Mail.Defects and Mail.OverBound.
//
// The mail keeps raw if its lines end in CRLF, and else a copy with such lines; attachments may share its memory. So the caller
// must not change raw afterwards.
func Parse(raw []byte, limits Limits) (m *bridge.Mail) {
	defer func() {
		if fault := recover(); fault != nil {
			// A fault of ours must not turn the mail away again and again: it is held for a person to look at.
			m = &bridge.Mail{Kind: bridge.KindMessage, Raw: raw, OverBound: readerFailed, Digest: sha256.Sum256(raw), AutoSubmitted: true}
		}
	}()
	return parse(raw, limits.orDefault())
}

// readerFailed is the OverBound of a mail that made the reader panic. The fuzz target takes it for a failure.
const readerFailed = "the reader failed on it"

func parse(raw []byte, lim Limits) *bridge.Mail { return (&walker{lim: lim}).mail(raw) }

// mail reads one mail, wholly.
func (w *walker) mail(raw []byte) *bridge.Mail {
	// Parts in parts are decoded again at each depth; no mail of people needs more than a few times its size for that.
	w.lim.Decoded = min(w.lim.Decoded, 3*int64(len(raw))+1<<20)
	lim := w.lim
	m := &bridge.Mail{Kind: bridge.KindMessage}
	m.Raw = w.crlf(raw)
	if bytes.IndexByte(raw, '\n') < 0 {
		raw = m.Raw
	}
	// What is read is raw itself, so that files in clear text keep the line ends that they came with.
	blank := len(raw) - len(bytes.TrimLeft(raw, "\r\n"))
	if blank == len(raw) {
		w.defect("the mail is empty")
	}
	if blank > 0 && nameEnd(raw[blank:min(blank+maxName, len(raw))]) > 0 {
		w.defect("an empty line stands before the header")
	} else {
		blank = 0
	}
	h, skip := readHeader(raw[blank:], lim, &w.notes)
	if len(h.fields) == 0 && len(raw) > 0 {
		w.defect("the mail has no header")
	}
	if !h.has("content-type") {
		skip += w.cutHeader(&h, raw[blank+skip:])
	}
	w.originator(m, &h)

	w.parts++
	e := &entity{source: &source{data: raw}, place: place{top: true}, header: h, lo: blank + skip, hi: len(raw)}
	pieces := w.entity(e)
	text, html := w.joinPieces(pieces)
	if w.spare != nil && isBlankString(text) && isBlankString(html) {
		text, html = w.spare.text, w.spare.html
	}
	m.Attachments = w.attachments

	w.judge(m, e, text, html)
	w.body(m, text, html)
	m.Defects, m.OverBound = w.defects, w.over
	m.Digest = digest(m, text, html)
	return m
}

// cutHeader reads on where an empty line stands within the header: what follows it are the fields of MIME. It returns how many octets they take.
func (w *walker) cutHeader(h *header, rest []byte) int {
	trimmed := bytes.TrimLeft(rest, "\r\n")
	if !hasPrefixFold(trimmed, "content-type:") && !hasPrefixFold(trimmed, "mime-version:") {
		return 0
	}
	more, n := readHeader(trimmed, w.lim, &w.notes)
	if !more.has("content-type") || isSentence(more.first("content-type")) {
		return 0
	}
	w.defect("an empty line stands in the header")
	h.fields = append(h.fields, more.fields...)
	return len(rest) - len(trimmed) + n
}

// isSentence tells a letter's words behind the name of a field from the field's value: more of them follow the type, and no parameter.
func isSentence(value []byte) bool {
	_, rest, _ := bytes.Cut(bytes.TrimSpace(unfold(value)), []byte(" "))
	rest = bytes.TrimSpace(rest)
	return len(rest) > 0 && bytes.IndexByte(rest, '=') < 0 && bytes.IndexByte([]byte(";(/"), rest[0]) < 0
}

func isBlankString(s string) bool { return strings.TrimSpace(s) == "" }

// crlf makes every line end in CRLF. A bare CR ends a line only where no LF occurs at all.
func (w *walker) crlf(raw []byte) []byte {
	lf, pairs := 0, 0
	for rest := raw; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if lf++; i > 0 && rest[i-1] == '\r' {
			pairs++
		}
		rest = rest[i+1:]
	}
	if lf == 0 {
		if bytes.IndexByte(raw, '\r') < 0 {
			return raw
		}
		w.defect("its lines end in CR")
		return bytes.ReplaceAll(raw, []byte("\r"), []byte("\r\n"))
	}
	if pairs == lf {
		return raw
	}
	// A file has LF throughout; a mail with both was damaged, or made to be read in two ways.
	if pairs > 0 {
		w.defect("its lines end in CRLF and in LF")
	}
	out := make([]byte, 0, len(raw)+lf-pairs)
	for {
		i := bytes.IndexByte(raw, '\n')
		if i < 0 {
			return append(out, raw...)
		}
		if i > 0 && raw[i-1] == '\r' {
			out = append(out, raw[:i+1]...)
		} else {
			out = append(append(out, raw[:i]...), '\r', '\n')
		}
		raw = raw[i+1:]
	}
}

// originator reads the fields that say who wrote to whom, when, and in answer to what.
func (w *walker) originator(m *bridge.Mail, h *header) {
	from := h.all("from")
	switch {
	case len(from) == 0:
		w.defect("it has no From field")
	case len(from) > 1:
		w.defect("it has several From fields")
	}
	m.From = w.addresses(from, "From")
	if len(m.From) > 1 {
		w.defect("the From field names several authors")
	}
	m.To = w.addresses(h.all("to"), "To")
	m.Cc = w.addresses(h.all("cc"), "Cc")
	for _, n := range []string{"subject", "date", "message-id"} {
		if h.count(n) < 2 {
			continue
		}
		if vs := h.all(n); !bytes.Equal(vs[0], vs[1]) {
			w.defect("it has several " + n + " fields")
		}
	}
	if m.Subject = h.text("subject"); len(m.Subject) > maxSubject {
		w.defect("the Subject field is very long")
		m.Subject = clipText(m.Subject, maxSubject)
	}
	m.Date = w.date(h.first("date"))
	if ids := messageIDs(h.first("message-id"), 1); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	m.InReplyTo = messageIDs(h.joined("in-reply-to"), 50)
	m.References = messageIDs(h.joined("references"), 500)
	for _, name := range []string{"delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to", "x-real-to"} {
		if !h.has(name) {
			continue
		}
		for _, a := range (&notes{}).addresses(h.all(name), name) {
			if !slices.ContainsFunc(m.Delivered, func(s string) bool { return strings.EqualFold(s, a.Addr) }) && len(m.Delivered) < 50 {
				m.Delivered = append(m.Delivered, a.Addr)
			}
		}
	}
}

// maxSubject bounds the subject, in octets. People's subjects fit into the 998 of one line.
const maxSubject = 2000

// messageIDs reads a list of Message-IDs (RFC 5322, section 3.6.4), and words with an "@" where no brackets are. Of more than limit,
// the first and the last ones stay: the one that began the conversation and the nearest.
func messageIDs(value []byte, limit int) []string {
	v := unfold(value)
	var ids []string
	add := func(b []byte) {
		id := oneLine(decodeRaw(b))
		if strings.IndexFunc(id, unicode.IsSpace) >= 0 {
			id = strings.Join(strings.Fields(id), "")
		}
		if id == "" || len(id) > 998 || slices.Contains(ids[max(0, len(ids)-20):], id) {
			return
		}
		if len(ids) == limit {
			if limit == 1 {
				return
			}
			ids = append(ids[:1], ids[2:]...)
		}
		ids = append(ids, id)
	}
	for rest := v; ; {
		i := bytes.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		j := bytes.IndexByte(rest[i:], '>')
		if j < 0 {
			break
		}
		inner := rest[i+1 : i+j]
		if k := bytes.LastIndexByte(inner, '<'); k >= 0 {
			inner = inner[k+1:]
		}
		add(inner)
		rest = rest[i+j+1:]
	}
	if len(ids) == 0 {
		for _, f := range bytes.Fields(v) {
			if bytes.IndexByte(f, '@') > 0 {
				add(bytes.Trim(f, "<>,;"))
			}
		}
	}
	return ids
}

// judge says what kind of mail it is.
func (w *walker) judge(m *bridge.Mail, e *entity, text, html string) {
	r := reportInput(m, e, w)
	if w.carried(m, e, text) {
		return
	}
	strong, weak := vacationSubject(m.Subject, isAnswer(m))
	if len(w.reports) > 0 || r.Type == "multipart/report" || !strong && report.Suspect(r) {
		r.Text = text
		if strings.TrimSpace(text) == "" && html != "" {
			r.Text = w.htmlText(html)
		}
		if found, ok := report.Read(r); ok {
			m.Kind, m.Report, m.ReportedID, m.ReportedEnvelope = found.Kind, found.Recipients, found.MessageIDs, found.Envelope
			if len(m.ReportedID) == 0 {
				m.ReportedID = m.InReplyTo // Gmail and Exchange answer the mail that failed
			}
			m.AutoSubmitted = true
			m.List = isList(&e.header)
			// What the returned message holds is what we sent ourselves.
			m.Attachments = nil
			for i, a := range w.attachments {
				if !w.inside[i] {
					m.Attachments = append(m.Attachments, a)
				}
			}
			return
		}
	}
	// It only looked like a report, so its parts are attachments.
	for _, p := range w.reports {
		listed := func(a bridge.MailPart) bool {
			return a.ContentType == cleanType(p.Type) && bytes.Equal(a.Content, p.Content)
		}
		if report.IsPart(p.Type) && !slices.ContainsFunc(w.attachments, listed) {
			w.add(&entity{}, mediaType{main: p.Type}, "", p.Content)
		}
	}
	m.Attachments = w.attachments
	classify(m, &e.header, strong, weak, func() string {
		if strings.TrimSpace(text) == "" && html != "" {
			return w.htmlText(html[:min(len(html), 20<<10)])
		}
		return text
	})
}

// carried looks into a mail that a server made to carry another one, such as a journal report of Exchange or a digest of bounces: if that is a report,
// so is this.
func (w *walker) carried(m *bridge.Mail, e *entity, text string) bool {
	if w.inner || len(w.reports) == 0 || !e.has("x-ms-journal-report") && !w.passesReport(m, e) {
		return false
	}
	for _, p := range w.reports {
		if p.Type != "message/rfc822" {
			continue
		}
		in := (&walker{lim: w.lim, inner: true, decoded: w.decoded, work: w.work, parts: w.parts, textRead: w.textRead}).mail(p.Content)
		switch in.Kind {
		case bridge.KindBounce, bridge.KindComplaint, bridge.KindReceipt:
			m.Kind, m.Report, m.ReportedID, m.ReportedEnvelope, m.AutoSubmitted = in.Kind, in.Report, in.ReportedID, in.ReportedEnvelope, true
			m.List = isList(&e.header)
			return true
		}
		return false
	}
	return false
}

// passesReport reports whether a server sent the mail, and nothing but other mails in it: a digest, or one that a gateway passes on under the null
// reverse-path. What such a mail says may be the report itself, whose returned mail is not to be taken for one.
func (w *walker) passesReport(m *bridge.Mail, e *entity) bool {
	r := reportInput(m, e, w)
	if w.topType == "multipart/digest" {
		return report.Suspect(r)
	}
	if w.topType != "multipart/mixed" || !nullSender(&e.header) || !strings.HasPrefix(strings.ToLower(m.Subject), "fw") || len(w.reports) != 1 {
		return false
	}
	return report.Suspect(r)
}

func reportInput(m *bridge.Mail, e *entity, w *walker) report.Mail {
	t := parseMedia(e.first("content-type"))
	r := report.Mail{Type: t.main, ReportType: t.text("report-type"), Subject: m.Subject, NullSender: nullSender(&e.header) || e.has("from") && strings.Trim(e.text("from"), "<> \t") == "", Field: e.text, Parts: w.reports, InReplyTo: len(m.InReplyTo)+len(m.References) > 0}
	if !t.isMultipart() && w.topType != "" {
		r.Type = w.topType // it has parts all the same
	}
	if r.Type == "" {
		r.Type = "text/plain"
	}
	if len(m.From) > 0 {
		r.From, r.FromName = m.From[0].Addr, m.From[0].Name
	} else {
		r.FromName = e.text("from")
	}
	for i, a := range w.attachments {
		switch strings.ToLower(path.Ext(a.Filename)) {
		case ".zip", ".rar", ".7z", ".gz", ".iso", ".img", ".exe", ".scr", ".pif", ".com", ".bat", ".cmd", ".js", ".vbs", ".jar", ".lnk", ".htm", ".html", ".shtml":
			if !w.inside[i] {
				r.Attachments++
			}
		}
	}
	return r
}

// nullSender reports whether a trace field says that the reverse-path was <>.
func nullSender(h *header) bool {
	v := h.first("return-path")
	v, there := bytes.Trim(unfold(v), "<> \t"), v != nil
	return there && (len(v) == 0 || bytes.EqualFold(v, []byte("mailer-daemon")))
}

// body fills in what the mail says.
func (w *walker) body(m *bridge.Mail, text, html string) {
	if len(html) > w.lim.Text {
		w.overBound("its HTML is longer than is read")
		html = strings.ToValidUTF8(html[:w.lim.Text], "")
	}
	if html != "" {
		clean, err := w.clean(html)
		if err != nil {
			w.overBound("its HTML is longer than is read")
		}
		m.HTML = clean.HTML
	}
	if m.Kind == bridge.KindBounce || m.Kind == bridge.KindComplaint || m.Kind == bridge.KindReceipt {
		if m.Reply = strings.TrimSpace(text); m.Reply == "" {
			m.Reply = richtext.Text(m.HTML)
		}
		return
	}
	r := readReply(text, html)
	m.Reply, m.Quoted, m.Signature = r.Visible(), r.Quoted(), r.Signature()
}

// clean is richtext.Clean. It keeps what it made last, since an answer's HTML is looked at for what kind of mail it is, too.
func (w *walker) clean(html string) (richtext.Result, error) {
	if w.cleaned == nil || w.cleaned.of != html {
		r, err := richtext.Clean(html)
		w.cleaned = &cleaned{of: html, result: r, err: err}
	}
	return w.cleaned.result, w.cleaned.err
}

// cleaned is what richtext made of HTML.
type cleaned struct {
	of     string
	result richtext.Result
	err    error
}

func (w *walker) htmlText(html string) string {
	clean, err := w.clean(html)
	if err != nil {
		return ""
	}
	return richtext.Text(clean.HTML)
}

func textHTML(text string) string { return richtext.FromText(text) }

package mailin

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
)

// tnefFile is a file in a TNEF stream: winmail.dat of Outlook and Exchange ([MS-OXTNEF]).
type tnefFile struct {
	name, mediaType, contentID string
	content                    []byte
}

// tnefMessage is what a TNEF stream holds.
type tnefMessage struct {
	subject, text, html string
	files               []tnefFile
	whole               bool // everything in it was read
}

// Bounds on one TNEF stream.
const (
	maxTNEFFiles = 200
	maxTNEFDepth = 8
	maxTNEFProps = 20000
	maxTNEFText  = 10 << 20
)

var tnefSignature = []byte{0x78, 0x9f, 0x3e, 0x22}

func isTNEF(b []byte) bool { return bytes.HasPrefix(b, tnefSignature) }

// tnefReader reads little-endian fields and remembers when they ended too soon.
type tnefReader struct {
	b    []byte
	fail bool
}

func (r *tnefReader) take(n int) []byte {
	if r.fail || n < 0 || n > len(r.b) {
		r.fail = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *tnefReader) u16() uint16 {
	if v := r.take(2); v != nil {
		return binary.LittleEndian.Uint16(v)
	}
	return 0
}

func (r *tnefReader) u32() uint32 {
	if v := r.take(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// padded takes n octets and what fills them up to a multiple of four.
func (r *tnefReader) padded(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail = true
		return nil
	}
	v := r.take(int(n))
	if pad := (4 - int(n)%4) % 4; pad <= len(r.b) {
		r.b = r.b[pad:]
	}
	return v
}

// tnefProps are the MAPI properties that are used, by their number.
type tnefProps map[uint16]tnefValue

type tnefValue struct {
	kind uint16
	data []byte
}

// readTNEF decodes a stream. Files share its memory; the octets of RTF are taken from room, which is below zero if they were too many.
func readTNEF(b []byte, depth int, room *int64) (m tnefMessage, ok bool) {
	if !isTNEF(b) || len(b) < 6 || depth > maxTNEFDepth {
		return m, false
	}
	r := &tnefReader{b: b[6:]}
	m.whole = true
	codepage := ""
	var file *tnefFile
	var plain []byte
	for len(r.b) > 0 && !r.fail {
		level := r.take(1)
		id := r.u32()
		size := r.u32()
		if r.fail || level[0] != 1 && level[0] != 2 || uint64(size) > uint64(len(r.b)) {
			m.whole = false
			// A stream cut short: what is left of a file is its beginning.
			if !r.fail && id == 0x0006800f && file != nil && len(r.b) > 0 {
				file.content = r.b
			}
			break
		}
		data := r.take(int(size))
		r.take(min(2, len(r.b))) // the checksum
		if file == nil && (id == 0x00018010 || id == 0x0006800f || id == 0x00069005) {
			m.files = append(m.files, tnefFile{}) // what should begin the file is missing
			file = &m.files[0]
		}
		switch id {
		case 0x00069007: // attOemCodepage
			if len(data) >= 4 {
				codepage = codepageLabel(binary.LittleEndian.Uint32(data))
			}
		case 0x00018004: // attSubject
			m.subject = tnefText(data, codepage)
		case 0x0002800c: // attBody
			plain = data
		case 0x00069003: // attMAPIProps
			m.body(readProps(data, &m.whole), codepage, room)
		case 0x00069002: // attAttachRenddata: the next file begins
			if len(m.files) >= maxTNEFFiles {
				m.whole = false
				return m, true
			}
			m.files = append(m.files, tnefFile{})
			file = &m.files[len(m.files)-1]
		case 0x00018010: // attAttachTitle
			if file != nil && file.name == "" {
				file.name = tnefText(data, codepage)
			}
		case 0x0006800f: // attAttachData
			switch {
			case file == nil:
			case len(file.content) == 0:
				file.content = data
			case !bytes.Equal(file.content, data):
				m.whole = false // some readers take the one, some the other
			}
		case 0x00069005: // attAttachment
			if file != nil {
				at := len(m.files) - 1
				m.attachment(at, readProps(data, &m.whole), codepage, depth, room)
				if len(m.files) > maxTNEFFiles {
					m.whole = false
					return m, true
				}
				file = &m.files[at]
			}
		}
	}
	if m.text == "" && len(plain) > 0 {
		m.text = tnefText(plain, codepage)
	}
	files := m.files[:0]
	for _, f := range m.files {
		if len(f.content) > 0 || f.name != "" {
			files = append(files, f)
		}
	}
	m.files = files
	return m, true
}

// body takes the message's text out of its properties: plain, HTML, or compressed RTF.
func (m *tnefMessage) body(p tnefProps, codepage string, room *int64) {
	if v, ok := p[0x3fde]; ok && len(v.data) >= 4 { // PidTagInternetCodepage
		if l := codepageLabel(binary.LittleEndian.Uint32(v.data)); l != "" {
			codepage = l
		}
	}
	if v, ok := p[0x1000]; ok { // PidTagBody
		m.text = v.text(codepage)
	}
	if v, ok := p[0x1013]; ok { // PidTagHtml
		if v.kind == 0x102 {
			m.html = strings.TrimRight(decodeCharset(v.data[:min(len(v.data), maxTNEFText)], codepage, true), "\x00")
		} else {
			m.html = v.text(codepage)
		}
	}
	if v, ok := p[0x0037]; ok && m.subject == "" { // PidTagSubject
		m.subject = v.text(codepage)
	}
	if v, ok := p[0x1009]; ok && m.html == "" { // PidTagRtfCompressed
		rtf, ok := inflateRTF(v.data)
		if *room -= int64(len(rtf)); ok && *room >= 0 {
			text, html := readRTF(rtf)
			m.html = html
			if strings.TrimSpace(m.text) == "" {
				m.text = text
			}
		} else {
			m.whole = false
		}
	}
}

// attachment takes the names of file at, and its content where the properties hold that; a message in it gives its own files.
func (m *tnefMessage) attachment(at int, p tnefProps, codepage string, depth int, room *int64) {
	f := &m.files[at]
	for _, id := range []uint16{0x3001, 0x3704, 0x3707} { // display name, short and long file name
		if v, ok := p[id]; ok {
			if s := v.text(codepage); s != "" && (id != 0x3001 || f.name == "") {
				f.name = s
			}
		}
	}
	if v, ok := p[0x370e]; ok {
		f.mediaType = strings.ToLower(v.text(codepage))
	}
	if v, ok := p[0x3712]; ok {
		f.contentID = v.text(codepage)
	}
	v, ok := p[0x3701]
	if !ok || len(v.data) == 0 {
		return
	}
	if v.kind != 0x0d {
		if len(f.content) > 0 && !bytes.Equal(f.content, v.data) {
			m.whole = false
		} else {
			f.content = v.data
		}
		return
	}
	if len(f.content) > 0 {
		m.whole = false // the message takes its place
	}
	data := v.data
	if len(data) > 16 {
		data = data[16:] // the GUID of the interface that the object speaks
	}
	inner, ok := readTNEF(data, depth+1, room)
	if !ok {
		f.content = data
		return
	}
	if f.name == "" {
		f.name = inner.subject
	}
	// An embedded message is shown as its text, and its files beside it.
	switch {
	case inner.html != "":
		f.content, f.mediaType = []byte(inner.html), "text/html"
		f.name = strings.TrimSuffix(f.name, ".msg") + ".html"
	default:
		f.content, f.mediaType = []byte(inner.text), "text/plain"
		f.name = strings.TrimSuffix(f.name, ".msg") + ".txt"
	}
	m.whole = m.whole && inner.whole
	m.files = append(m.files, inner.files...)
}

func (v tnefValue) text(codepage string) string {
	b := v.data[:min(len(v.data), maxTNEFText)]
	switch v.kind {
	case 0x1f:
		return tnefText(b, "utf-16le")
	case 0x1e, 0x102:
		return tnefText(b, codepage)
	}
	return ""
}

func tnefText(b []byte, codepage string) string {
	return strings.TrimRight(decodeCharset(b[:min(len(b), maxTNEFText)], codepage, false), "\x00")
}

// codepageLabel names a Windows code page.
func codepageLabel(n uint32) string {
	switch n {
	case 0, 1, 20127:
		return ""
	case 1200:
		return "utf-16le"
	case 65000:
		return "utf-7"
	case 65001:
		return "utf-8"
	case 932, 936, 949, 950:
		return "cp" + strconv.Itoa(int(n))
	case 874:
		return "windows-874"
	case 20866:
		return "koi8-r"
	case 21866:
		return "koi8-u"
	case 50220, 50221, 50222:
		return "iso-2022-jp"
	case 51932:
		return "euc-jp"
	case 51949:
		return "euc-kr"
	case 54936:
		return "gb18030"
	case 10000:
		return "macintosh"
	}
	switch {
	case n >= 1250 && n <= 1258:
		return "windows-" + strconv.Itoa(int(n))
	case n >= 28591 && n <= 28605:
		return "iso-8859-" + strconv.Itoa(int(n-28590))
	case n < 1250:
		return "cp" + strconv.Itoa(int(n))
	}
	return ""
}

// readProps reads a list of MAPI properties ([MS-OXTNEF], section 2.1.3.5). Only the first value of each is kept.
func readProps(b []byte, whole *bool) tnefProps {
	r := &tnefReader{b: b}
	n := r.u32()
	props := tnefProps{}
	for i := uint32(0); i < n && !r.fail; i++ {
		if i >= maxTNEFProps {
			*whole = false
			return props
		}
		kind, id := r.u16(), r.u16()
		if id >= 0x8000 {
			r.take(16)
			if r.u32() == 0 {
				r.u32()
			} else {
				r.padded(r.u32())
			}
			id = 0 // named: none of those are used
		}
		many := kind&0x1000 != 0
		kind &^= 0x1000
		size := 0
		switch kind {
		case 0x02, 0x03, 0x04, 0x0a, 0x0b:
			size = 4
		case 0x05, 0x06, 0x07, 0x14, 0x40:
			size = 8
		case 0x48:
			size = 16
		case 0x0d, 0x1e, 0x1f, 0x102:
		default:
			*whole = false // the length of what is unknown is unknown
			return props
		}
		count := uint32(1)
		if many || size == 0 {
			count = r.u32()
		}
		for j := uint32(0); j < count && !r.fail; j++ {
			var data []byte
			if size > 0 {
				data = r.take(size)
			} else {
				data = r.padded(r.u32())
			}
			switch have, there := props[id]; {
			case id == 0 || r.fail:
			case !there:
				props[id] = tnefValue{kind, data}
			case id == 0x3701 && !bytes.Equal(have.data, data):
				*whole = false // another content
			}
		}
	}
	if r.fail {
		*whole = false
	}
	return props
}

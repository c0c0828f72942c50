// Package download answers requests for a file: whole, in ranges (RFC 9110, section 14), under conditions (section 13) and by HEAD.
//
// It must not know who may have the file, nor what is said of it beyond its octets: that is with whoever calls it.
package download

import (
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"letterlock/bridge"
)

// ErrRange means that the client asked for a part that the file doesn't have. Nothing is written yet but fields; the status is 416.
var ErrRange = errors.New("the file has no such part")

// pieceTime is how long one piece of a file may take to be written, so that the slow have the time they need and the silent don't.
const pieceTime = 30 * time.Second

// Serve answers with a file or the part of it that the request asks for. Content-Type and Content-Disposition are set already. The content of a
// file never changes, so its check sum is a strong validator.
//
// An error other than ErrRange is one of the content, of which a part may be on its way already: then only breaking the connection off
// tells the client that the file is not whole.
func Serve(w http.ResponseWriter, r *http.Request, b bridge.Blob, content io.ReadSeeker) error {
	w.Header().Set("ETag", `"`+hex.EncodeToString(b.SHA256[:])+`"`)
	if strings.Contains(r.Header.Get("Range"), ",") {
		// Many small parts make us open much to send little. A server may ignore the field (RFC 9110, section 14.2).
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	src := &source{ReadSeeker: content}
	out := &pieces{ResponseWriter: w, control: http.NewResponseController(w)}
	http.ServeContent(out, r, "", time.Time{}, src)
	if out.refused {
		h := w.Header()
		h.Del("Content-Type")
		h.Del("Content-Disposition")
		return ErrRange
	}
	return src.err
}

// source remembers why the content could not be read.
type source struct {
	io.ReadSeeker
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// pieces gives each piece its time, and keeps the refusal of a range for the caller to word.
type pieces struct {
	http.ResponseWriter
	control *http.ResponseController
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (p *pieces) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable {
		p.refused = true
		return
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *pieces) Write(b []byte) (int, error) {
	if p.refused {
		return len(b), nil
	}
	// A writer without deadlines, as in tests, is no reason to fail.
	_ = p.control.SetWriteDeadline(time.Now().Add(pieceTime))
	return p.ResponseWriter.Write(b)
}

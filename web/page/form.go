package page

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"letterlock/bridge"
)

const (
	maxPlainForm = 64 << 10 // octets of a form without a message
	maxText      = 4 << 20  // octets of all fields of a form with a message but its files, as sent; bridge has the exact limit
	maxParts     = 150
	uploadTime   = 15 * time.Minute
)

// Form is what somebody typed: valid UTF-8 with LF line endings.
type Form struct {
	values map[string][]string
	octets int                 // of the fields read so far
	Files  []bridge.Attachment // staged
}

// Get returns the first value of a field, or nothing.
func (f Form) Get(name string) string {
	if v := f.values[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// All returns all values of a field.
func (f Form) All(name string) []string { return f.values[name] }

// Form reads an application/x-www-form-urlencoded body (URL Standard, section 5). Fields of the query don't count.
func (v *Visit) Form() (Form, error) {
	kind, _, _ := mime.ParseMediaType(v.R.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" {
		return Form{}, fmt.Errorf("this is not a form: %w", bridge.ErrInvalid)
	}
	v.R.Body = http.MaxBytesReader(v.W, v.R.Body, maxPlainForm)
	if err := v.R.ParseForm(); err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return Form{}, bridge.ErrTooLarge
		}
		return Form{}, fmt.Errorf("the form can't be read: %w", bridge.ErrInvalid)
	}
	f := Form{values: map[string][]string{}}
	for name, values := range v.R.PostForm {
		for _, value := range values {
			f.values[name] = append(f.values[name], tidy(value))
		}
	}
	return f, nil
}

// Letter reads a form with a message: multipart/form-data (RFC 7578), whose files are staged as they come, so that they are
// never whole in memory. On an error of size or content the fields that were read before it are returned too, so that the
// page can show them again.
func (v *Visit) Letter() (Form, error) {
	kind, params, err := mime.ParseMediaType(v.R.Header.Get("Content-Type"))
	if err == nil && kind == "application/x-www-form-urlencoded" {
		return v.Form()
	}
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return Form{}, fmt.Errorf("this is not a form: %w", bridge.ErrInvalid)
	}
	rc := http.NewResponseController(v.W)
	now := time.Now()
	_ = rc.SetReadDeadline(now.Add(uploadTime)) // not every connection has deadlines
	_ = rc.SetWriteDeadline(now.Add(uploadTime + time.Minute))
	limit := v.site.cfg.MaxFiles + maxText
	f, err := v.parts(multipart.NewReader(&capped{r: v.R.Body, left: limit}, params["boundary"]))
	if errors.Is(err, bridge.ErrTooLarge) {
		// Read on for a while, or the browser shows a broken connection and never our answer.
		_, _ = io.CopyN(io.Discard, v.R.Body, 2*limit)
	}
	return f, err
}

func (v *Visit) parts(r *multipart.Reader) (Form, error) {
	f := Form{values: map[string][]string{}}
	for n := 0; ; n++ {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err == nil && n >= maxParts {
			err = fmt.Errorf("at most %d files at once: %w", maxParts, bridge.ErrInvalid)
		}
		if err != nil {
			return f, readFault(err)
		}
		if err := v.part(&f, p); err != nil {
			return f, err
		}
	}
}

func (v *Visit) part(f *Form, p *multipart.Part) error {
	defer p.Close()
	_, params, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if _, isFile := params["filename"]; !isFile {
		b, err := io.ReadAll(io.LimitReader(p, int64(maxText-f.octets)+1))
		if err != nil {
			return readFault(err)
		}
		if f.octets += len(b); f.octets > maxText {
			return fmt.Errorf("the text is too long: %w", bridge.ErrTooLarge)
		}
		f.values[p.FormName()] = append(f.values[p.FormName()], tidy(string(b)))
		return nil
	}
	if p.FormName() != "files" || p.FileName() == "" {
		return nil // the file field left empty
	}
	file, err := v.site.gateway.StageFile(v.Context(), v.Actor(), params["filename"], p.Header.Get("Content-Type"), p)
	if err != nil {
		return readFault(err)
	}
	f.Files = append(f.Files, file)
	return nil
}

// readFault turns what goes wrong while a body is read into the domain's errors; those it leaves alone.
func readFault(err error) error {
	for _, known := range []error{bridge.ErrTooLarge, bridge.ErrInvalid, bridge.ErrSignedOut, bridge.ErrForbidden, bridge.ErrUnavailable} {
		if errors.Is(err, known) {
			return err
		}
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong), errors.Is(err, multipart.ErrMessageTooLarge):
		return bridge.ErrTooLarge
	case errors.Is(err, io.ErrUnexpectedEOF), strings.HasPrefix(err.Error(), "multipart:"), strings.HasPrefix(err.Error(), "malformed MIME"):
		return fmt.Errorf("the form did not arrive whole: %w", bridge.ErrInvalid)
	}
	return err
}

// capped is a reader that fails with ErrTooLarge beyond its limit.
type capped struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, bridge.ErrTooLarge
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	return n, err
}

// tidy makes what was typed valid UTF-8 without NUL, with LF line endings.
func tidy(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	return strings.ReplaceAll(s, "\x00", "")
}

package portal

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

// How long sending a file may take.
const downloadTime = time.Hour

// download is GET /files/FILE. A file is always saved and never opened on our own origin: it comes from strangers.
func (p *Portal) download(v *page.Visit) error {
	a, content, err := p.open(v)
	if err != nil {
		return err
	}
	defer content.Close()
	h := v.W.Header()
	h.Set("Content-Type", servedType(a.ContentType))
	h.Set("Content-Disposition", page.Disposition("attachment", a.Filename))
	return p.pour(v, a, content)
}

// servedType is a file's own type, but for those that a browser would run if it ever opened them here.
func servedType(contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "application/octet-stream"
	}
	for _, active := range []string{"html", "xml", "script", "svg", "flash"} {
		if strings.Contains(kind, active) {
			return "application/octet-stream"
		}
	}
	return kind
}

// preview is GET /files/FILE/preview: a raster image, to be shown in a page.
func (p *Portal) preview(v *page.Visit) error {
	a, content, err := p.open(v)
	if err != nil {
		return err
	}
	defer content.Close()
	if !page.CanPreview(a.ContentType) {
		return bridge.ErrNotFound
	}
	h := v.W.Header()
	h.Set("Content-Type", a.ContentType)
	h.Set("Content-Disposition", page.Disposition("inline", a.Filename))
	h.Set("Cache-Control", "private, max-age=600")
	return p.pour(v, a, content)
}

func (p *Portal) open(v *page.Visit) (bridge.Attachment, io.ReadCloser, error) {
	id, err := v.ID("file")
	if err != nil {
		return bridge.Attachment{}, nil, err
	}
	return p.gateway.OpenAttachment(v.Context(), v.Actor(), id)
}

// pour writes the content of a file. Its own policy lets nothing in it act, whatever it is and however it is opened.
func (p *Portal) pour(v *page.Visit, a bridge.Attachment, content io.Reader) error {
	h := v.W.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Length", strconv.FormatInt(a.Blob.Size, 10))
	if err := http.NewResponseController(v.W).SetWriteDeadline(time.Now().Add(downloadTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if v.R.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(v.W, content); err != nil {
		// The status is long gone: breaking the connection off is the one way to say that the file is not whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}

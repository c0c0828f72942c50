package portal

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"letterlock/bridge"
	"letterlock/web/download"
	"letterlock/web/page"
)

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
	return p.pour(v, a, content)
}

func (p *Portal) open(v *page.Visit) (bridge.Attachment, io.ReadSeekCloser, error) {
	id, err := v.ID("file")
	if err != nil {
		return bridge.Attachment{}, nil, err
	}
	return p.gateway.OpenAttachment(v.Context(), v.Actor(), id)
}

// pour writes the content of a file, or the part that is asked for. Its own policy lets nothing in it act, whatever it is and however it is opened.
func (p *Portal) pour(v *page.Visit, a bridge.Attachment, content io.ReadSeeker) error {
	v.W.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	switch err := download.Serve(v.W, v.R, a.Blob, content); {
	case errors.Is(err, download.ErrRange):
		v.W.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	case err != nil:
		// The status is long gone: breaking the connection off is the one way to say that the file is not whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}

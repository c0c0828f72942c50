package filetype

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"
)

// inZip tells what a ZIP is: an Archive, Office or Executable first, and then what is in it. It ends in Unreadable if not all of it could be
// looked at. The error is r's alone.
func inZip(r io.ReaderAt, size int64) ([]Found, error) {
	unreadable := []Found{{Kind: Archive}, {Kind: Unreadable}}
	// The reader makes an entry of each header in the directory, however many there are, so they are counted first.
	headers, err := count(r, size, "PK\x01\x02", maxEntries)
	if err != nil {
		return nil, err
	}
	if headers > maxEntries {
		return unreadable, nil
	}
	watched := &watch{r: r}
	z, err := zip.NewReader(watched, size)
	if watched.err != nil {
		return nil, watched.err
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return unreadable, nil
	}
	whole := ofDirectory(z)
	found := []Found{{Kind: whole}}
	complete, macros := true, false
	spent := int64(0)
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		macros = macros || whole == Office && isMacro(f.Name)
		head, readable := headOf(f, &spent)
		if watched.err != nil {
			return nil, watched.err
		}
		complete = complete && readable
		kind := ofHead(f.Name, head)
		if !readable && len(head) == 0 {
			// Encrypted or damaged: its name is all that is known.
			if kind = byName[extension(f.Name)]; kind == "" {
				continue
			}
		}
		switch {
		case whole != Archive && kind != Executable && kind != Script && kind != Shortcut:
			continue // parts of a document
		case whole == Executable:
			continue
		case kind == Archive:
			complete = false // one level deep, and no deeper
		}
		found = append(found, Found{kind, f.Name})
	}
	if macros {
		found = append(found, Found{Kind: Macros})
	}
	if !complete && whole == Archive {
		found = append(unique(found), Found{Kind: Unreadable})
	}
	return found, nil
}

// ofDirectory tells by the names in a ZIP what it is as a whole.
func ofDirectory(z *zip.Reader) Kind {
	var types, part, manifest, class, odf, android bool
	for _, f := range z.File {
		low := strings.ToLower(f.Name)
		types = types || low == "[content_types].xml"
		part = part || strings.HasPrefix(low, "word/") || strings.HasPrefix(low, "xl/") || strings.HasPrefix(low, "ppt/") || strings.HasPrefix(low, "visio/")
		manifest = manifest || low == "meta-inf/manifest.mf"
		class = class || strings.HasSuffix(low, ".class")
		odf = odf || low == "meta-inf/manifest.xml"
		android = android || low == "androidmanifest.xml"
	}
	switch {
	case manifest && class, android:
		return Executable
	case types && part, odf:
		return Office
	}
	return Archive
}

// isMacro reports whether a part of an Office document holds macros.
func isMacro(name string) bool {
	low := strings.ToLower(name)
	base := path.Base(low)
	return base == "vbaproject.bin" || strings.HasPrefix(base, "vbadata") || strings.HasPrefix(low, "xl/macrosheets/") || strings.HasPrefix(low, "xl/intlmacrosheets/") ||
		strings.HasPrefix(low, "basic/") && strings.HasSuffix(low, ".xml") || strings.HasPrefix(low, "scripts/")
}

// headOf returns the first octets of a file in a ZIP, and whether it could be read.
func headOf(f *zip.File, spent *int64) (head []byte, readable bool) {
	const encrypted = 1
	if f.Flags&encrypted != 0 || *spent > maxPacked {
		return nil, false
	}
	c, err := f.Open()
	if err != nil {
		return nil, false
	}
	defer c.Close()
	head, err = io.ReadAll(io.LimitReader(c, headSize))
	*spent += int64(len(head))
	return head, err == nil
}

// inGzip tells what is in a gzip file: a tar archive, or one file.
func inGzip(name string, r io.Reader) []Found {
	unreadable := []Found{{Kind: Unreadable}}
	z, err := gzip.NewReader(r)
	if err != nil {
		return unreadable
	}
	content := bufio.NewReaderSize(z, headSize)
	head, err := content.Peek(headSize)
	if err != nil && err != io.EOF {
		return unreadable
	}
	if isTar(head) {
		return inTar(content, maxPacked)
	}
	inner := strings.TrimSuffix(name, path.Ext(name))
	kind := ofHead(inner, head)
	found := []Found{{kind, inner}}
	if kind == Archive {
		found = append(found, Found{Kind: Unreadable})
	}
	return found
}

// inTar tells what is in a tar archive, up to so many octets of it.
func inTar(r io.Reader, most int64) []Found {
	limited := &io.LimitedReader{R: r, N: most}
	files := tar.NewReader(limited)
	var found []Found
	for range maxEntries {
		h, err := files.Next()
		if err == io.EOF && limited.N > 0 {
			return found
		}
		if err != nil {
			break
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		head, err := io.ReadAll(io.LimitReader(files, headSize))
		if err != nil {
			break
		}
		kind := ofHead(h.Name, head)
		if kind == Archive {
			found = append(found, Found{Kind: Unreadable})
		}
		found = append(unique(found), Found{kind, h.Name})
	}
	return append(found, Found{Kind: Unreadable})
}

// count counts how often a short string occurs, up to most and one more.
func count(r io.ReaderAt, size int64, what string, most int) (int, error) {
	n := 0
	for at := int64(0); at < size && n <= most; {
		b, err := readAt(r, at, min(size-at, 256<<10))
		if err != nil {
			return 0, err
		}
		if len(b) == 0 {
			break
		}
		n += bytes.Count(b, []byte(what))
		if at+int64(len(b)) >= size {
			break
		}
		at += int64(len(b) - len(what) + 1)
	}
	return n, nil
}

// watch remembers an error of the reader itself, which zip.Reader would mix with what is wrong in the file.
type watch struct {
	r   io.ReaderAt
	err error
}

// ReadAt implements io.ReaderAt.
func (w *watch) ReadAt(p []byte, at int64) (int, error) {
	n, err := w.r.ReadAt(p, at)
	if err != nil && err != io.EOF && at >= 0 {
		w.err = err
	}
	return n, err
}

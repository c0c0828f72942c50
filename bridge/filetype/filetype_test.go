package filetype

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// program is what a Windows program begins with.
var program = "MZ\x90\x00\x03\x00\x00\x00" + strings.Repeat("\x00", 56) + "PE\x00\x00 rest"

// zipped packs names and contents, in pairs.
func zipped(t testing.TB, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err == nil {
			_, err = io.WriteString(w, pairs[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t testing.TB, pairs ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		err := z.WriteHeader(&tar.Header{Name: pairs[i], Size: int64(len(pairs[i+1])), Mode: 0o644, ModTime: time.Unix(0, 0)})
		if err == nil {
			_, err = io.WriteString(z, pairs[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// encrypted sets the flag in all headers of a ZIP.
func encrypted(s string) string {
	b := []byte(s)
	for i := range b {
		switch {
		case bytes.HasPrefix(b[i:], []byte("PK\x03\x04")):
			b[i+6] |= 1
		case bytes.HasPrefix(b[i:], []byte("PK\x01\x02")):
			b[i+8] |= 1
		}
	}
	return string(b)
}

// compound is the beginning of a compound file with a class for its root.
func compound(class string, more string) string {
	b := make([]byte, 1024+128)
	copy(b, oleSign)
	b[0x1e] = 9
	copy(b[0x30:], "\x01\x00\x00\x00")
	copy(b[1024+80:], class)
	return string(b) + more
}

// told writes kinds and entries as the tables below have them.
func told(found []Found) string {
	var words []string
	for _, f := range found {
		if f.Entry != "" {
			words = append(words, fmt.Sprintf("%s(%s)", f.Kind, f.Entry))
			continue
		}
		words = append(words, string(f.Kind))
	}
	return strings.Join(words, " ")
}

func TestOf(t *testing.T) {
	docx := []string{"[Content_Types].xml", "<Types/>", "word/document.xml", "<w/>", "word/media/image1.png", "\x89PNG\r\n\x1a\n"}
	iso := strings.Repeat("\x00", 0x8000) + "\x01CD001\x01"
	tests := []struct{ name, content, want string }{
		{"empty.bin", "", "text"},
		{"holiday.jpg", program, "executable"},
		{"report.pdf", "\x7fELF\x02\x01\x01", "executable"},
		{"app", "\xcf\xfa\xed\xfe\x07\x00\x00\x01", "executable"},
		{"A.class", "\xca\xfe\xba\xbe\x00\x00\x00\x34", "executable"},
		{"MZ.txt", "MZ is the sign of programs, and this is a text that begins with it, long enough to be one.", "text"},
		{"run.txt", "#!/bin/sh\necho hello\n", "script"},
		{"x.txt", "@echo off\r\nformat c:", "script"},
		{"invoice.js", "var a = 1;", "script"},
		{"invoice.js. .", "var a = 1;", "script"},
		{"notes.md", "alert('hello')", "text"},
		{"x.com", "\x90\x90\xcd\x20\x00", "executable"},
		{"doc.txt", "L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0", "shortcut"},
		{"a.txt", "[InternetShortcut]\r\nURL=file://x", "shortcut"},
		{"a.txt", "\r\n <!-- x --> <!DOCTYPE html><p>", "html"},
		{"a.txt", "<?xml version='1.0'?><svg xmlns='x'>", "html"},
		{"a.txt", "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", "html"},
		{"a.xml", "<?xml version='1.0'?><order/>", "text"},
		{"page.html", "hello", "html"},
		{"a.pdf", "%PDF-1.7\n", "pdf"},
		{"a.pdf", "\n\n\x00junk%PDF-1.7\n", "pdf"},
		{"a.png", "\x89PNG\r\n\x1a\n\x00\x00", "image"},
		{"a.bmp", "BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00", "image"},
		{"a.amr", "#!AMR\n\x00", "audio"},
		{"a.mp4", "\x00\x00\x00\x18ftypmp42", "video"},
		{"a.heic", "\x00\x00\x00\x18ftypheic", "image"},
		{"a.eml", "From: ann@example.org\r\nSubject: hello\r\n\r\ntext", "mail"},
		{"a.csv", "name;amount\r\nGr\xfcn;3\r\n", "text"},
		{"a.dat", "\x01\x02\x03\x00", "other"},
		{"a.docx", zipped(t, docx...), "office"},
		{"a.docx", zipped(t, append(docx, "word/vbaProject.bin", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")...), "office macros"},
		{"a.docx", zipped(t, append(docx, "word/run.bin", program)...), "office executable(word/run.bin)"},
		{"a.odt", zipped(t, "mimetype", "application/vnd.oasis.opendocument.text", "META-INF/manifest.xml", "<m/>", "Basic/Standard/Module1.xml", "<x/>"), "office macros"},
		{"a.jar", zipped(t, "META-INF/MANIFEST.MF", "Main-Class: A", "A.class", "\xca\xfe\xba\xbe\x00\x00\x00\x34"), "executable"},
		{"a.doc", compound("", wide("WordDocument")), "office"},
		{"a.doc", compound("", wide("WordDocument")+wide("_VBA_PROJECT")), "office macros"},
		{"a.msg", compound("", wide("__properties_version1.0")), "mail"},
		{"a.doc", compound("\x84\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46", ""), "executable"},
		{"a.rtf", `{\rtf1 hello}`, "office"},
		{"a.zip", zipped(t, "a/", "", "a/picture.png", program, "b.txt", "hello"), "archive executable(a/picture.png) text(b.txt)"},
		{"a.zip", zipped(t), "archive"},
		{"a.zip", encrypted(zipped(t, "setup.exe", program, "b", "hello")), "archive executable(setup.exe) unreadable"},
		{"a.zip", zipped(t, "inner.zip", zipped(t, "a", "b")), "archive unreadable"},
		{"a.zip", zipped(t, "a.txt", "hello")[:60], "archive unreadable"},
		{"a.gif", "GIF89a" + zipped(t, "run.exe", program), "image archive executable(run.exe)"},
		{"a.png", "\x89PNG\r\n\x1a\n PK\x05\x06 by chance", "image"},
		{"a.rar", "Rar!\x1a\x07\x01\x00", "archive unreadable"},
		{"a.7z", "7z\xbc\xaf\x27\x1c\x00\x04", "archive unreadable"},
		{"a.tar", tarred(t, "a.txt", "hello", "b/run", program), "archive text(a.txt) executable(b/run)"},
		{"a.tar.gz", gzipped(t, tarred(t, "a.txt", "hello", "run", "#!/bin/sh")), "archive text(a.txt) script(run)"},
		{"a.tar", tarred(t, "a.txt", "hello")[:512], "archive unreadable"},
		{"setup.exe.gz", gzipped(t, program), "archive executable(setup.exe)"},
		{"a.gz", gzipped(t, "hello")[:8], "archive unreadable"},
		{"a.iso", iso, "other disk_image"},
		{"a.vhd", "x\x00" + strings.Repeat("\x00", 700) + "conectix" + strings.Repeat("\x00", 504), "other disk_image"},
	}
	for _, tt := range tests {
		got, err := Of(tt.name, strings.NewReader(tt.content), int64(len(tt.content)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if told(got) != tt.want {
			t.Errorf("%s %.20q: got %q, want %q", tt.name, tt.content, told(got), tt.want)
		}
	}
}

// Whoever makes archives to exhaust their reader gets no further than the bounds.
func TestBounds(t *testing.T) {
	many := make([]string, 0, 2*(maxEntries+1))
	for i := range maxEntries + 1 {
		many = append(many, fmt.Sprint(i), "")
	}
	for name, content := range map[string]string{
		"many.zip": zipped(t, many...),
		"long.gz":  gzipped(t, tarred(t, "zeros", strings.Repeat("\x00", maxPacked))),
		"many.tar": tarred(t, many...),
	} {
		got, err := Of(name, strings.NewReader(content), int64(len(content)))
		if err != nil || len(got) > len(kinds) || !strings.Contains(told(got), "unreadable") {
			t.Errorf("%s: got %q, %v", name, told(got), err)
		}
	}
}

// failing is a file on a disk that fails.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errors.New("the disk fails") }

func TestReadError(t *testing.T) {
	if _, err := Of("a", failing{}, 10); err == nil {
		t.Error("got no error")
	}
	content := zipped(t, "a", "b")
	for n := range int64(len(content)) {
		r := partly{strings.NewReader(content), n}
		if _, err := Of("a.zip", r, int64(len(content))); err == nil {
			t.Errorf("from octet %d on it can't be read, and that was not told", n)
		}
	}
}

// partly can be read up to an octet.
type partly struct {
	io.ReaderAt
	most int64
}

func (p partly) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > p.most {
		return 0, errors.New("the disk fails")
	}
	return p.ReaderAt.ReadAt(b, at)
}

func TestParse(t *testing.T) {
	for _, k := range kinds {
		if got, err := Parse(" " + strings.ToUpper(string(k))); err != nil || got != k {
			t.Errorf("%s: got %q, %v", k, got, err)
		}
		if k != Other && strings.Contains(k.Words(), "not known") {
			t.Errorf("%s has no words", k)
		}
	}
	if _, err := Parse("exe"); err == nil || !strings.Contains(err.Error(), "executable, script") {
		t.Errorf("got %v", err)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("a.zip", []byte(zipped(f, "a.txt", "hello", "word/vbaProject.bin", program)))
	f.Add("a.tar.gz", []byte(gzipped(f, tarred(f, "a", "b"))))
	f.Add("a.doc", []byte(compound("\x84\x10\x0c\x00", wide("Macros"))))
	f.Add("a.html", []byte("<!-- <!-- --> <html>"))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		found, err := Of(name, bytes.NewReader(content), int64(len(content)))
		if err != nil || len(found) == 0 || len(found) > len(kinds) {
			t.Fatalf("got %v, %v", found, err)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	for name, content := range map[string]string{
		"text": strings.Repeat("hello ", 4<<10), "zip": zipped(b, "a.txt", "hello", "b.png", "\x89PNG\r\n\x1a\n"), "image 5 MB": "\xff\xd8\xff" + strings.Repeat("x", 5<<20),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			r := strings.NewReader(content)
			for b.Loop() {
				if _, err := Of(name, r, int64(len(content))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

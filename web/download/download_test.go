package download_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/web/download"
)

var letters = []byte("abcdefghijklmnopqrstuvwxyz")

func serve(t *testing.T, method string, fields map[string]string) (*http.Response, string, error) {
	t.Helper()
	r := httptest.NewRequest(method, "/files/x", nil)
	for k, v := range fields {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", "attachment")
	err := download.Serve(w, r, bridge.Blob{Size: int64(len(letters)), SHA256: sha256.Sum256(letters)}, bytes.NewReader(letters))
	res := w.Result()
	b, _ := io.ReadAll(res.Body)
	return res, string(b), err
}

func TestServe(t *testing.T) {
	sum := sha256.Sum256(letters)
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	for name, one := range map[string]struct {
		method string
		fields map[string]string
		status int
		body   string
		length string
		part   string
	}{
		"whole":                {"GET", nil, 200, string(letters), "26", ""},
		"head":                 {"HEAD", nil, 200, "", "26", ""},
		"a part":               {"GET", map[string]string{"Range": "bytes=2-4"}, 206, "cde", "3", "bytes 2-4/26"},
		"head of a part":       {"HEAD", map[string]string{"Range": "bytes=2-4"}, 206, "", "3", "bytes 2-4/26"},
		"from there on":        {"GET", map[string]string{"Range": "bytes=23-"}, 206, "xyz", "3", "bytes 23-25/26"},
		"the end":              {"GET", map[string]string{"Range": "bytes=-2"}, 206, "yz", "2", "bytes 24-25/26"},
		"beyond the end":       {"GET", map[string]string{"Range": "bytes=24-99"}, 206, "yz", "2", "bytes 24-25/26"},
		"if it is still that":  {"GET", map[string]string{"Range": "bytes=0-0", "If-Range": tag}, 206, "a", "1", "bytes 0-0/26"},
		"if it is another":     {"GET", map[string]string{"Range": "bytes=0-0", "If-Range": `"x"`}, 200, string(letters), "26", ""},
		"if a weak tag":        {"GET", map[string]string{"Range": "bytes=0-0", "If-Range": "W/" + tag}, 200, string(letters), "26", ""},
		"unless it is that":    {"GET", map[string]string{"If-None-Match": tag}, 304, "", "", ""},
		"only if it is that":   {"GET", map[string]string{"If-Match": `"x"`}, 412, "", "", ""},
		"many parts":           {"GET", map[string]string{"Range": "bytes=0-0," + strings.Repeat("2-2,", 1000) + "4-4"}, 200, string(letters), "26", ""},
		"overlapping parts":    {"GET", map[string]string{"Range": "bytes=0-,0-,0-"}, 200, string(letters), "26", ""},
		"another unit of size": {"GET", map[string]string{"Range": "pages=1-2"}, 416, "", "", ""},
	} {
		res, body, err := serve(t, one.method, one.fields)
		if one.status == 416 {
			if !errors.Is(err, download.ErrRange) || body != "" || res.Header.Get("Content-Disposition") != "" {
				t.Errorf("%s: got %v, %q, want ErrRange and nothing written", name, err, body)
			}
			continue
		}
		if err != nil || res.StatusCode != one.status || body != one.body || res.Header.Get("Content-Range") != one.part {
			t.Errorf("%s: got %d, %q, %q, %v", name, res.StatusCode, body, res.Header.Get("Content-Range"), err)
		}
		if got := res.Header.Get("Content-Length"); one.length != "" && got != one.length {
			t.Errorf("%s: got length %q, want %s", name, got, one.length)
		}
		if one.status < 300 && (res.Header.Get("Accept-Ranges") != "bytes" || res.Header.Get("ETag") != tag || res.Header.Get("Content-Disposition") != "attachment" || res.Header.Get("Content-Type") != "application/pdf") {
			t.Errorf("%s: got %v", name, res.Header)
		}
	}
	if res, _, err := serve(t, "GET", map[string]string{"Range": "bytes=26-"}); !errors.Is(err, download.ErrRange) || res.Header.Get("Content-Range") != "bytes */26" {
		t.Errorf("a part that is not there: got %v, %v", res.Header, err)
	}
}

type broken struct{ io.ReadSeeker }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p[:min(len(p), 5)])
	if err == io.EOF {
		err = errors.New("the seal is broken")
	}
	return n, err
}

func TestBrokenContentIsTold(t *testing.T) {
	w := httptest.NewRecorder()
	err := download.Serve(w, httptest.NewRequest("GET", "/", nil), bridge.Blob{Size: 26}, longer{broken{bytes.NewReader(letters[:10])}})
	if err == nil || errors.Is(err, download.ErrRange) {
		t.Errorf("got %v, want the content's error", err)
	}
}

// longer says that it has 26 octets.
type longer struct{ io.ReadSeeker }

func (l longer) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 26 + offset, nil
	}
	return l.ReadSeeker.Seek(offset, whence)
}

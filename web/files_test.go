package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// noise is a stream of octets that nobody can guess and everybody can make again.
func noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1, 2, 3}), n)
}

// request asks for a path with header fields.
func (b *browser) request(method, path string, fields map[string]string) *answer {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.url+path, nil)
	b.w.must(err)
	for k, v := range fields {
		r.Header.Set(k, v)
	}
	return b.do(r)
}

func TestDownloadInRanges(t *testing.T) {
	w := newWorld(t)
	ctx, mina := t.Context(), bridge.AsPerson(w.mina.ID)
	content, err := io.ReadAll(noise(1 << 20))
	w.must(err)
	a, err := w.g.StageFile(ctx, mina, "holiday.mp4", "video/mp4", bytes.NewReader(content))
	w.must(err)
	m, err := w.g.Post(ctx, mina, bridge.Post{Thread: w.thread.ID, Text: "A film.", Files: []bridge.Attachment{a}})
	w.must(err)
	path := "/files/" + m.Attachments[0].ID.String()
	b := w.as(w.staff)
	check := func(name string, a *answer, status int, body []byte, part string) {
		t.Helper()
		a.want(status)
		h := a.header
		if a.body != string(body) || h.Get("Content-Range") != part {
			t.Errorf("%s: got %d octets, range %q", name, len(a.body), h.Get("Content-Range"))
		}
		if h.Get("Accept-Ranges") != "bytes" || h.Get("Content-Type") != "video/mp4" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") ||
			h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: it is served with %v", name, h)
		}
	}
	whole := b.get(path)
	check("whole", whole, 200, content, "")
	tag := whole.header.Get("ETag")
	check("head", b.request("HEAD", path, nil), 200, nil, "")
	check("a part", b.request("GET", path, map[string]string{"Range": "bytes=700000-799999"}), 206, content[700_000:800_000], "bytes 700000-799999/1048576")
	check("its end", b.request("GET", path, map[string]string{"Range": "bytes=-10"}), 206, content[len(content)-10:], "bytes 1048566-1048575/1048576")
	check("a part of the same", b.request("GET", path, map[string]string{"Range": "bytes=1-2", "If-Range": tag}), 206, content[1:3], "bytes 1-2/1048576")
	check("a part of another", b.request("GET", path, map[string]string{"Range": "bytes=1-2", "If-Range": `"other"`}), 200, content, "")
	check("many parts", b.request("GET", path, map[string]string{"Range": "bytes=1-2,900000-900001"}), 200, content, "")
	if got := b.request("GET", path, map[string]string{"Range": "bytes=1048576-"}).want(416); got.header.Get("Content-Range") != "bytes */1048576" || got.body != "" {
		t.Errorf("a part that isn't there: got %v", got.header)
	}
	w.as(w.jonas).request("GET", path, map[string]string{"Range": "bytes=0-0"}).want(404)
	w.browser().request("GET", path, map[string]string{"Range": "bytes=0-0"}).at("/sign-in?next=%2Ffiles%2F" + m.Attachments[0].ID.String())
}

// heap watches how much memory is in use at most, from now until the returned function is called.
func heap() func() (most uint64) {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	began := stats.HeapAlloc
	var peak atomic.Uint64
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var stats runtime.MemStats
		for ctx.Err() == nil {
			runtime.ReadMemStats(&stats)
			if stats.HeapAlloc > began {
				peak.Store(max(peak.Load(), stats.HeapAlloc-began))
			}
			<-tick.C
		}
	}()
	return func() uint64 {
		stop()
		<-done
		return peak.Load()
	}
}

// TestHugeFilesDoNotFillTheMemory sends a file of 200 MB through the form and reads it back. Client and server share this memory.
func TestHugeFilesDoNotFillTheMemory(t *testing.T) {
	const size, bound = 200 << 20, 32 << 20
	w := newRoomyWorld(t, 256<<20)
	b := w.as(w.mina)
	path := "/t/" + w.thread.ID.String()

	sent := sha256.New()
	out, in := io.Pipe()
	form := multipart.NewWriter(in)
	go func() { in.CloseWithError(sendForm(form, io.TeeReader(noise(size), sent))) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, out)
	w.must(err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	watched := heap()
	page := b.do(r).want(200, "film.mp4")
	if most := watched(); most > bound || most == 0 {
		t.Errorf("an upload of %d MB took %d octets of memory, want at most %d", size>>20, most, bound)
	} else {
		t.Logf("upload: %d kB of memory", most>>10)
	}

	link := regexp.MustCompile(`href="(/files/[^"]+)"`).FindStringSubmatch(page.body)[1]
	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+link, nil)
	w.must(err)
	got := sha256.New()
	watched = heap()
	w.must(pour(b, r, got))
	if most := watched(); most > bound || most == 0 {
		t.Errorf("a download of %d MB took %d octets of memory, want at most %d", size>>20, most, bound)
	} else {
		t.Logf("download: %d kB of memory", most>>10)
	}
	if !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Error("what came back is not what was sent")
	}
}

func sendForm(form *multipart.Writer, content io.Reader) error {
	if err := form.WriteField("text", "A long film."); err != nil {
		return err
	}
	p, err := form.CreateFormFile("files", "film.mp4")
	if err != nil {
		return err
	}
	if _, err := io.Copy(p, content); err != nil {
		return err
	}
	return form.Close()
}

func pour(b *browser, r *http.Request, to hash.Hash) error {
	res, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if n, err := io.Copy(to, res.Body); err != nil || n != res.ContentLength {
		return fmt.Errorf("got %d octets of %d: %w", n, res.ContentLength, err)
	}
	return nil
}

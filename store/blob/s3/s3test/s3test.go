// Package s3test is an S3-compatible store for tests: real HTTP, and signatures that are checked octet by octet. It keeps everything in memory.
//
// It is written from the Amazon S3 API Reference and shares no code with the client.
package s3test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the server takes.
const (
	Bucket    = "letters"
	Region    = "test-1"
	AccessKey = "AKIDTEST"
	SecretKey = "a secret/with+odd characters"
	Domain    = "store.test" // where the bucket's name stands before it, it isn't in the path
)

// PageSize is how many objects a list names at once.
const PageSize = 7

// Server is one store with one bucket.
type Server struct {
	URL string
	// Before, if set, sees each request before it is answered, and answers it itself if it returns true.
	Before func(w http.ResponseWriter, r *http.Request) bool
	// Ahead is by how much the server's clock is ahead.
	Ahead time.Duration

	mu       sync.Mutex
	objects  map[string]object
	requests map[string]int
}

type object struct {
	content  []byte
	modified time.Time
}

// New starts a server, which ends with the test.
func New(t testing.TB) *Server {
	s := &Server{objects: map[string]object{}, requests: map[string]int{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Requests returns how many requests of a method came.
func (s *Server) Requests(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[method]
}

// Keys returns the keys of all objects, in order.
func (s *Server) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys("")
}

func (s *Server) keys(prefix string) []string {
	keys := []string{}
	for k := range s.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return keys
}

// Content returns what an object holds.
func (s *Server) Content(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key].content
}

// Replace changes an object's content, or makes one, with a moment at which it is said to have been put.
func (s *Server) Replace(key string, content []byte, modified time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[key] = object{content, modified}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests[r.Method]++
	s.mu.Unlock()
	if s.Before != nil && s.Before(w, r) {
		return
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, 400, "IncompleteBody")
		return
	}
	if code := verify(r, content, time.Now().Add(s.Ahead)); code != "" {
		refuse(w, 403, code)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	bucket, key, _ := strings.Cut(path, "/")
	if name, _, ok := strings.Cut(r.Host, "."+Domain); ok {
		bucket, key = name, path
	}
	if bucket != Bucket {
		refuse(w, 404, "NoSuchBucket")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, found := s.objects[key]
	switch {
	case key == "" && r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		s.list(w, r.URL.Query())
	case key == "":
		refuse(w, 400, "InvalidRequest")
	case r.Method == http.MethodPut:
		s.objects[key] = object{content, time.Now()}
		w.WriteHeader(200)
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(204)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(w, 405, "MethodNotAllowed")
	case !found:
		refuse(w, 404, "NoSuchKey")
	default:
		serve(w, r, o)
	}
}

func serve(w http.ResponseWriter, r *http.Request, o object) {
	from, part := int64(0), false
	if v, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		n, err := strconv.ParseInt(strings.TrimSuffix(v, "-"), 10, 64)
		if err != nil || n >= int64(len(o.content)) {
			refuse(w, 416, "InvalidRange")
			return
		}
		from, part = n, true
	}
	w.Header().Set("Content-Length", strconv.FormatInt(int64(len(o.content))-from, 10))
	w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	if part {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(o.content)-1, len(o.content)))
		w.WriteHeader(206)
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(o.content[from:]) // a client that went away has had enough
	}
}

func (s *Server) list(w http.ResponseWriter, q url.Values) {
	type line struct {
		Key          string
		LastModified string
		Size         int
	}
	var answer struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Contents              []line
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
	}
	most := PageSize
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		most = min(n, most)
	}
	after := strings.TrimPrefix(q.Get("continuation-token"), "after & ")
	for _, k := range s.keys(q.Get("prefix")) {
		if k <= after {
			continue
		}
		if len(answer.Contents) == most {
			answer.IsTruncated, answer.NextContinuationToken = true, "after & "+answer.Contents[most-1].Key
			break
		}
		o := s.objects[k]
		answer.Contents = append(answer.Contents, line{k, o.modified.UTC().Format("2006-01-02T15:04:05.000Z"), len(o.content)})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(answer)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)
}

// verify returns why a request is not to be let in, or nothing.
func verify(r *http.Request, content []byte, now time.Time) string {
	var scope, signed, signature string
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope = value
		case "SignedHeaders":
			signed = value
		case "Signature":
			signature = value
		}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	day := at.Format("20060102")
	switch {
	case !ok || err != nil:
		return "AccessDenied"
	case scope != AccessKey+"/"+day+"/"+Region+"/s3/aws4_request":
		return "InvalidAccessKeyId"
	case now.Sub(at).Abs() > 15*time.Minute:
		return "RequestTimeTooSkewed"
	}
	sum := sha256.Sum256(content)
	if r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) {
		return "XAmzContentSHA256Mismatch"
	}
	fields := ""
	for name := range strings.SplitSeq(signed, ";") {
		value := strings.Join(r.Header[http.CanonicalHeaderKey(name)], ",")
		if name == "host" {
			value = r.Host
		}
		fields += name + ":" + value + "\n"
	}
	for _, must := range []string{"host", "x-amz-date", "x-amz-content-sha256"} {
		if !strings.Contains(";"+signed+";", ";"+must+";") {
			return "AccessDenied"
		}
	}
	path := strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(r.URL.Path), "%2F", "/"), "+", "%20")
	query := strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")
	canonical := sha256.Sum256([]byte(strings.Join([]string{r.Method, path, query, fields, signed, hex.EncodeToString(sum[:])}, "\n")))
	key := hash([]byte("AWS4"+SecretKey), day)
	for _, part := range []string{Region, "s3", "aws4_request"} {
		key = hash(key, part)
	}
	want := hash(key, "AWS4-HMAC-SHA256\n"+r.Header.Get("X-Amz-Date")+"\n"+strings.TrimPrefix(scope, AccessKey+"/")+"\n"+hex.EncodeToString(canonical[:]))
	if signature != hex.EncodeToString(want) {
		return "SignatureDoesNotMatch"
	}
	return ""
}

func hash(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	stampLayout = "20060102T150405Z"
	emptySum    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of nothing
)

// sign gives a request its Authorization field (Signature Version 4, as the Amazon S3 API Reference has it under "Authenticating
// Requests: Using the Authorization Header"). It signs Host and every field that the request has by then. payload is the SHA-256 of
// the body in hex.
func sign(r *http.Request, accessKey, secretKey, region, payload string, now time.Time) {
	stamp := now.UTC().Format(stampLayout)
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", payload)

	values := map[string]string{"host": r.URL.Host}
	for name, v := range r.Header {
		values[strings.ToLower(name)] = strings.Join(v, ",")
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n" + r.URL.RawQuery + "\n")
	for _, name := range names {
		b.WriteString(name + ":" + strings.TrimSpace(values[name]) + "\n")
	}
	signed := strings.Join(names, ";")
	b.WriteString("\n" + signed + "\n" + payload)
	request := sha256.Sum256([]byte(b.String()))

	scope := strings.Join([]string{stamp[:8], region, "s3", "aws4_request"}, "/")
	key := []byte("AWS4" + secretKey)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	code := mac(key, strings.Join([]string{algorithm, stamp, scope, hex.EncodeToString(request[:])}, "\n"))
	r.Header.Set("Authorization", algorithm+" Credential="+accessKey+"/"+scope+",SignedHeaders="+signed+",Signature="+hex.EncodeToString(code))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// escape writes a text as Signature Version 4 wants it in paths and queries: everything but unreserved characters (RFC 3986, section 2.3)
// is percent-encoded, in capitals. A slash stays where keep says so.
func escape(s string, keepSlash bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

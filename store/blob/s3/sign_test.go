package s3

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The examples of the Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", with the signatures printed there.
func TestSignaturesOfTheReference(t *testing.T) {
	now := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for _, one := range []struct {
		method, path, query string
		fields              map[string]string
		payload, want       string
	}{
		{"GET", "/test.txt", "", map[string]string{"Range": "bytes=0-9"}, emptySum, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{
			"PUT", "/test$file.text", "",
			map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY"},
			"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		{"GET", "/", "lifecycle=", nil, emptySum, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"GET", "/", "max-keys=2&prefix=J", nil, emptySum, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r, err := http.NewRequest(one.method, "https://examplebucket.s3.amazonaws.com"+escape(one.path, true)+"?"+one.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range one.fields {
			r.Header.Set(k, v)
		}
		sign(r, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", one.payload, now)
		if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+one.want) {
			t.Errorf("%s %s?%s:\n got %s\nwant %s", one.method, one.path, one.query, got, one.want)
		}
	}
}

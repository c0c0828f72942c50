package main

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"letterlock/store/blob/s3/s3test"
)

func bucketConfig(endpoint string) BlobsConfig {
	return BlobsConfig{
		Kind: "s3", Endpoint: endpoint, Bucket: s3test.Bucket, Region: s3test.Region, Style: "path",
		AccessKey: s3test.AccessKey, Secret: s3test.SecretKey, TLS: "none", Prefix: "letterlock/",
	}
}

func TestBlobsConfig(t *testing.T) {
	for name, one := range map[string]struct {
		change func(*BlobsConfig)
		want   string // in the error; empty for none
	}{
		"all is set":            {func(*BlobsConfig) {}, ""},
		"no endpoint":           {func(b *BlobsConfig) { b.Endpoint = "" }, ""},
		"IPv6":                  {func(b *BlobsConfig) { b.Endpoint = "[::1]:9000" }, ""},
		"no bucket":             {func(b *BlobsConfig) { b.Bucket = "" }, "blobs.bucket is not set"},
		"no key":                {func(b *BlobsConfig) { b.AccessKey = "" }, "blobs.access_key is not set"},
		"no secret":             {func(b *BlobsConfig) { b.Secret = "" }, "blobs.secret_file is not set"},
		"an address":            {func(b *BlobsConfig) { b.Endpoint = "https://s3.example.com" }, "blobs.endpoint"},
		"a path":                {func(b *BlobsConfig) { b.Endpoint = "s3.example.com/bucket" }, "blobs.endpoint"},
		"a bucket before an IP": {func(b *BlobsConfig) { b.Style = "host" }, "blobs.style"},
		"a prefix with a slash": {func(b *BlobsConfig) { b.Prefix = "/x" }, "blobs.prefix"},
		"a bucket for a folder": {func(b *BlobsConfig) { *b = BlobsConfig{Kind: "folder", Bucket: "x"} }, "blobs.kind"},
		"a secret for a folder": {func(b *BlobsConfig) { *b = BlobsConfig{Kind: "folder", SecretFile: "x"} }, "blobs.kind"},
		"nothing":               {func(b *BlobsConfig) { *b = BlobsConfig{Kind: "folder"} }, ""},
	} {
		b := bucketConfig("127.0.0.1:9000")
		one.change(&b)
		err := b.complete()
		if (err == nil) != (one.want == "") || err != nil && !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: got %v, want %q", name, err, one.want)
		}
		if err == nil && b.Kind == "s3" && b.Endpoint == "" {
			t.Errorf("%s: it has no endpoint", name)
		}
	}
}

func TestBucketIsReached(t *testing.T) {
	ctx, server := t.Context(), s3test.New(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "secret")
	if err := os.WriteFile(file, []byte(s3test.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := bucketConfig(strings.TrimPrefix(server.URL, "http://"))
	b.Secret, b.SecretFile = "", file
	if err := b.complete(); err != nil {
		t.Fatal(err)
	}
	bucket, err := b.shelf(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Check(ctx); err != nil || refusedBucket(b, err) != nil {
		t.Errorf("got %v", err)
	}
	b.Secret = "both"
	if _, err := b.shelf(ctx); err == nil || !strings.Contains(err.Error(), "secret and") && !strings.Contains(err.Error(), "only one of secret") {
		t.Errorf("two secrets: got %v", err)
	}
	b.SecretFile, b.Secret = "", "guessed"
	if bucket, err = b.shelf(ctx); err != nil {
		t.Fatal(err)
	}
	if err := refusedBucket(b, bucket.Check(ctx)); err == nil || !strings.Contains(err.Error(), "check blobs.bucket") || strings.Contains(err.Error(), "guessed") {
		t.Errorf("a wrong secret: got %v", err)
	}

	// By TLS, with an authority that the system doesn't know.
	secure := httptest.NewTLSServer(server)
	defer secure.Close()
	ca := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	b = bucketConfig(strings.TrimPrefix(secure.URL, "https://"))
	b.TLS, b.TLSCA = "required", ca
	if bucket, err = b.shelf(ctx); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Check(ctx); err != nil {
		t.Errorf("by TLS: %v", err)
	}
	b.TLSCA = file
	if _, err := b.shelf(ctx); err == nil {
		t.Error("a file without a certificate was taken for an authority")
	}
	b.TLSCA = ""
	if bucket, err = b.shelf(ctx); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Check(ctx); err == nil || refusedBucket(b, err) != nil {
		t.Errorf("a certificate that nobody knows: got %v, want an error of the connection", err)
	}
}

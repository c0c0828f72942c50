package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"letterlock/store/blob"
	"letterlock/store/blob/s3"
)

// BlobsConfig is where attachments and raw mail are kept that are too large for the database. They are sealed wherever that is.
type BlobsConfig struct {
	Kind       string `toml:"kind" default:"folder" enum:"folder,s3" placeholder:"KIND" help:"folder: in the data folder (the default). s3: in a bucket of an S3-compatible store."`
	Endpoint   string `toml:"endpoint" placeholder:"HOST[:PORT]" help:"The store's host. Amazon's for the region if it is not set."`
	Bucket     string `toml:"bucket" placeholder:"NAME" help:"The bucket. It must be there, and be this gateway's alone or have a prefix for it."`
	Prefix     string `toml:"prefix" placeholder:"PREFIX" help:"What each object's name begins with, such as letterlock/."`
	Region     string `toml:"region" default:"us-east-1" placeholder:"REGION" help:"The store's region (${default}, which most stores outside of Amazon take)."`
	Style      string `toml:"style" default:"path" enum:"path,host" placeholder:"STYLE" help:"Where the bucket's name goes: path, as any store takes it (the default), or host."`
	AccessKey  string `name:"access-key" toml:"access_key" placeholder:"ID" help:"The id of the key to the bucket."`
	Secret     string `toml:"secret" placeholder:"SECRET" help:"The secret of that key. Better in blobs-secret-file: a flag is seen by every user of this machine."`
	SecretFile string `name:"secret-file" toml:"secret_file" placeholder:"FILE" help:"A file whose first line is the secret."`
	TLS        string `name:"tls" toml:"tls" default:"required" enum:"required,none" placeholder:"WHEN" help:"required: with a valid certificate (the default). none: on networks of your own; names and sizes of files show there, and their content doesn't."`
	TLSCA      string `name:"tls-ca" toml:"tls_ca" placeholder:"FILE" help:"PEM certificates of the authority behind the store's certificate, if the system doesn't know it."`
}

// complete checks the table. Its error is one to show.
func (b *BlobsConfig) complete() error {
	if b.Kind != "s3" {
		for _, set := range []struct{ key, value string }{
			{"endpoint", b.Endpoint}, {"bucket", b.Bucket}, {"prefix", b.Prefix}, {"access_key", b.AccessKey}, {"secret", b.Secret}, {"secret_file", b.SecretFile},
		} {
			if set.value != "" {
				return fmt.Errorf("blobs.%s is set, but files are kept in a folder: set blobs.kind = \"s3\" too", set.key)
			}
		}
		return nil
	}
	switch {
	case b.Bucket == "":
		return unset("blobs.bucket")
	case b.AccessKey == "":
		return unset("blobs.access_key")
	case b.Secret == "" && b.SecretFile == "":
		return unset("blobs.secret_file")
	case strings.HasPrefix(b.Prefix, "/") || strings.Contains(b.Prefix, "//") || len(b.Prefix) > 200:
		return fmt.Errorf("blobs.prefix: %q is not the beginning of an object's name, such as letterlock/", b.Prefix)
	}
	if b.Region == "" {
		b.Region = "us-east-1"
	}
	if b.Endpoint == "" {
		b.Endpoint = "s3." + b.Region + ".amazonaws.com"
	}
	host, _, err := net.SplitHostPort(b.Endpoint)
	if err != nil {
		host = b.Endpoint
	}
	if host == "" || strings.ContainsAny(b.Endpoint, "/@?# ") {
		return fmt.Errorf("blobs.endpoint: %q is not HOST or HOST:PORT", b.Endpoint)
	}
	if (net.ParseIP(strings.Trim(host, "[]")) != nil || host == "localhost") && b.Style == "host" {
		return fmt.Errorf("blobs.style is \"host\", but blobs.endpoint is no domain that a bucket's name can be put before: set it to \"path\"")
	}
	return nil
}

// shelf returns where the files are kept, or nil for the data folder. The table is complete.
func (b *BlobsConfig) shelf(ctx context.Context) (*blob.Bucket, error) {
	if b.Kind != "s3" {
		return nil, nil
	}
	secret, err := secretIn(ctx, "blobs", "secret", b.Secret, b.SecretFile, "")
	if err != nil {
		return nil, err
	}
	scheme := "https"
	if b.TLS == "none" {
		scheme = "http"
	}
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.TLSCA != "" {
		pem, err := readBounded(b.TLSCA, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("blobs.tls_ca: %w", err)
		}
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, fmt.Errorf("blobs.tls_ca: %s has no PEM certificate", b.TLSCA)
		}
	}
	c, err := s3.New(s3.Config{
		Endpoint: (&url.URL{Scheme: scheme, Host: b.Endpoint}).String(), Region: b.Region, Bucket: b.Bucket, AccessKey: b.AccessKey, SecretKey: secret,
		HostStyle: b.Style == "host", Transport: s3.NewTransport(tlsConfig),
	})
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	return blob.NewBucket(c, b.Prefix), nil
}

// refusedBucket explains why a store won't work, or returns nil for an error that may pass.
func refusedBucket(b BlobsConfig, err error) error {
	if !errors.Is(err, s3.ErrRefused) {
		return nil
	}
	return fmt.Errorf("blobs: the bucket %s at %s can't be used: check blobs.bucket, blobs.region, the key and this machine's clock: %w", b.Bucket, b.Endpoint, err)
}

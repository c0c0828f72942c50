package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runIt runs one command in this process.
func runIt(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(stdin), &out, &errs, hooks{})
	return status, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"version"}, exitOK, ""},
		{[]string{"--help"}, exitOK, ""},
		{[]string{"serve", "--help"}, exitOK, ""},
		{[]string{"sreve"}, exitUsage, "sreve"},
		{[]string{"serve", "--smtp-listn", ":25"}, exitUsage, "--smtp-listen"},
		{[]string{"serve", "--smtp-max-size", "big"}, exitUsage, "25MiB"},
		{[]string{"serve", "--config", "nowhere.toml"}, exitUsage, "letterlock init"},
		{[]string{"serve"}, exitUsage, "domain is not set"},
		{[]string{"mode", "open"}, exitUsage, `must be one of "secure","convenience"`},
		{[]string{"queue", "show", "--state", "lost"}, exitUsage, `must be one of "queued","deferred","held","failed"`},
		{[]string{"parse", "mail.eml"}, exitUsage, "--jsonl"},
		{[]string{"parse", "--jsonl"}, exitUsage, "--jsonl"},
		{[]string{"user", "add"}, exitUsage, "<address>"},
		{[]string{"init"}, exitUsage, "--domain"},
		{[]string{"mode", "--domain", "mail.example.com", "--base-url", "https://p.example.com"}, exitFailure, "letterlock init"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			status, _, stderr := runIt("", tt.args...)
			if status != tt.want {
				t.Errorf("got status %d, want %d (%s)", status, tt.want, stderr)
			}
			if !strings.Contains(stderr, tt.says) {
				t.Errorf("got %q, want something about %q", stderr, tt.says)
			}
			if n := strings.Count(stderr, "\n"); tt.want != exitOK && n != 1 {
				t.Errorf("got %d lines of error, want one: %q", n, stderr)
			}
		})
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	_, out, _ := runIt("")
	for _, command := range []string{"demo", "init", "serve", "parse", "sanitize", "mode", "user add", "contact add", "key add", "version"} {
		if !strings.Contains(out, command) {
			t.Errorf("the help lacks %q:\n%s", command, out)
		}
	}
}

func TestInit(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	status, out, stderr := runIt("", "init", "--domain", "mail.example.com", "--base-url", "https://portal.example.com", "--organization", `The "Best" \ Clinic`)
	if status != exitOK {
		t.Fatalf("got status %d: %s", status, stderr)
	}
	for _, want := range []string{"MX  10 portal.example.com.", "v=spf1", "_dmarc.mail.example.com.", "user add", "--admin", "recover"} {
		if !strings.Contains(out, want) {
			t.Errorf("got no %q in\n%s", want, out)
		}
	}
	for _, want := range []string{`-rsa._domainkey.mail.example.com.  TXT  "v=DKIM1; k=rsa; p=`, `-ed._domainkey.mail.example.com.  TXT  "v=DKIM1; k=ed25519; p=`} {
		if !strings.Contains(out, want) {
			t.Errorf("got no key %q in\n%s", want, out)
		}
	}
	for name, want := range map[string]os.FileMode{"letterlock.toml": 0o600, "letterlock.key": 0o600, "data": os.ModeDir | 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != want {
			t.Errorf("%s: got mode %v, want %v", name, got, want)
		}
	}

	// What it made is read as it was meant.
	f, err := readConfigFile("letterlock.toml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.config.Organization, `The "Best" \ Clinic`; got != want {
		t.Errorf("organization: got %q, want %q", got, want)
	}
	if got, want := f.config.SenderPolicy, "standard"; got != want {
		t.Errorf("sender_policy: got %q, want %q", got, want)
	}

	// Nothing is written over.
	before, err := os.ReadFile("letterlock.key")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{}, {"--config", "other.toml"}, {"--config", "other.toml", "--data", "other"}} {
		status, _, stderr := runIt("", append([]string{"init", "--domain", "mail.example.com"}, args...)...)
		if status != exitFailure || !strings.Contains(stderr, "there already") {
			t.Errorf("init %q again: got status %d and %q", args, status, stderr)
		}
	}
	after, err := os.ReadFile("letterlock.key")
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key file has changed (%v)", err)
	}
	if status, _, stderr := runIt("", "init", "--domain", "mail.example.com", "--config", "c.toml", "--data", "d", "--key-file", "d/key"); status != exitUsage || !strings.Contains(stderr, "in the data folder") {
		t.Errorf("a key in the data folder: got status %d and %q", status, stderr)
	}
}

// The operator's commands, one after the other, on data that init made.
func TestOperator(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	steps := []struct {
		stdin string
		args  []string
		want  int
		says  string
	}{
		{"", []string{"init", "--domain", "mail.example.com", "--base-url", "https://portal.example.com"}, exitOK, "Made"},
		{"", []string{"mode"}, exitOK, "secure"},
		{"", []string{"mode", "convenience"}, exitOK, "convenience"},
		{"", []string{"mode"}, exitOK, "convenience"},
		{"", []string{"mode", "--json"}, exitOK, `"mode": "convenience"`},
		{"", []string{"user", "list"}, exitOK, "ADDRESS"},
		{"", []string{"user", "list", "--json"}, exitOK, "[]"},
		{"correct horse battery\n", []string{"user", "add", "--admin", "--name", "Rosa Lind", "--password-file", "-", "Rosa@Example.com"}, exitOK, "rosa@example.com"},
		{"", []string{"user", "add", "rosa@example.com"}, exitFailure, "already"},
		{"short\n", []string{"user", "add", "--password-file", "-", "x@example.com"}, exitFailure, "at least"},
		{"", []string{"user", "add", "--role", "staff", "--make-password", "mo@example.com"}, exitOK, "password"},
		{"", []string{"user", "list"}, exitOK, "Rosa Lind"},
		{"", []string{"user", "list", "--json"}, exitOK, `"address": "mo@example.com"`},
		{"", []string{"user", "role", "mo@example.com", "admin"}, exitOK, "admin"},
		{"", []string{"user", "password", "mo@example.com"}, exitUsage, "--make-password"},
		{"", []string{"user", "password", "--make-password", "mo@example.com"}, exitOK, "new password"},
		{"", []string{"user", "disable", "mo@example.com"}, exitOK, "can't sign in"},
		{"", []string{"user", "disable", "rosa@example.com"}, exitFailure, "admin"},
		{"", []string{"user", "enable", "mo@example.com"}, exitOK, "again"},
		{"", []string{"user", "enable", "nobody@example.com"}, exitFailure, "user list"},
		{"", []string{"contact", "add", "--name", "Ann", "ann@example.org"}, exitOK, "ann@example.org"},
		{"", []string{"contact", "mode", "ann@example.org", "secure"}, exitOK, "notices only"},
		{"", []string{"contact", "list"}, exitOK, "secure"},
		{"", []string{"contact", "mode", "ann@example.org", "inherit"}, exitOK, "allows"},
		{"", []string{"contact", "disable", "rosa@example.com"}, exitFailure, "contact list"},
		{"", []string{"key", "add", "--role", "admin", "billing"}, exitOK, ""},
		{"", []string{"key", "add", "--json", "shop"}, exitOK, `"secret"`},
		{"", []string{"key", "list"}, exitOK, "billing"},
		{"", []string{"key", "revoke", "nonsense"}, exitUsage, "key list"},
		{"", []string{"key", "revoke", "01900000-0000-7000-8000-000000000000"}, exitFailure, "key list"},
	}
	for _, s := range steps {
		status, stdout, stderr := runIt(s.stdin, s.args...)
		if status != s.want || !strings.Contains(stdout+stderr, s.says) {
			t.Errorf("%q: got status %d, %q and %q; want %d and %q", s.args, status, stdout, stderr, s.want, s.says)
		}
	}
	var keys []keyRow
	_, out, _ := runIt("", "key", "list", "--json")
	if err := json.Unmarshal([]byte(out), &keys); err != nil || len(keys) != 2 {
		t.Fatalf("key list --json: got %q, %v", out, err)
	}
	if status, _, stderr := runIt("", "key", "revoke", keys[0].ID.String()); status != exitOK {
		t.Errorf("key revoke: got status %d, %q", status, stderr)
	}
	// A key file that others can read is not used.
	if err := os.Chmod("letterlock.key", 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := runIt("", "mode"); status != exitFailure || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("an open key file: got status %d and %q", status, stderr)
	}
}

const plainMail = "From: Ann <ann@example.org>\nTo: office@example.com\nSubject: Hello\nMessage-ID: <1@example.org>\n\nThe new text.\n\nOn Mon, 1 Jun 2026, Bo wrote:\n> The old text.\n"

func TestParseCommand(t *testing.T) {
	status, out, stderr := runIt(plainMail, "parse")
	if status != exitOK {
		t.Fatalf("got status %d: %s", status, stderr)
	}
	var got struct {
		Kind, Subject, Reply, Quoted string
		From                         []struct{ Name, Address string }
	}
	d := json.NewDecoder(strings.NewReader(out))
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("got more than one JSON object: %s", out)
	}
	if got.Kind != "message" || got.Subject != "Hello" || len(got.From) != 1 || got.From[0].Address != "ann@example.org" || strings.TrimSpace(got.Reply) != "The new text." || !strings.Contains(got.Quoted, "The old text.") {
		t.Errorf("got %+v", got)
	}
	for name, stdin := range map[string]string{"nothing": "", "noise": "\x00\xff\xfe\r\r\n\n\x80", "only a header": "Subject: x", "only NUL": strings.Repeat("\x00", 10000)} {
		status, out, stderr := runIt(stdin, "parse")
		if status != exitOK || !json.Valid([]byte(out)) {
			t.Errorf("%s: got status %d, %q, %q; want JSON all the same", name, status, out, stderr)
		}
	}
}

func TestParseFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "in", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in/b.eml", "in/a.eml", "in/deep/c.eml", "d.eml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(plainMail), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	status, out, stderr := runIt("", "parse", "--jsonl", "in", "d.eml")
	if status != exitOK {
		t.Fatalf("got status %d: %s", status, stderr)
	}
	var paths []string
	for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
		var p struct{ Path, Kind string }
		if err := json.Unmarshal([]byte(line), &p); err != nil || p.Kind != "message" {
			t.Fatalf("got line %q: %v", line, err)
		}
		paths = append(paths, p.Path)
	}
	if got, want := strings.Join(paths, " "), "in/a.eml in/b.eml in/deep/c.eml d.eml"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// One that is not there does not keep the rest from being read.
	status, out, stderr = runIt("", "parse", "--jsonl", "gone.eml", "d.eml")
	if status != exitFailure || !strings.Contains(out, `"path":"d.eml"`) || !strings.Contains(stderr, "gone.eml: no such file") {
		t.Errorf("got status %d, %q, %q", status, out, stderr)
	}
}

func TestSanitizeCommand(t *testing.T) {
	status, out, stderr := runIt(`<p onclick="x()">Dear <b>Ann</b><script>alert(1)</script><img src="https://tracker.example/x.gif"></p>`, "sanitize")
	if status != exitOK {
		t.Fatalf("got status %d: %s", status, stderr)
	}
	if !strings.Contains(out, "<b>Ann</b>") || strings.Contains(out, "script") || strings.Contains(out, "tracker") || strings.Contains(out, "onclick") {
		t.Errorf("got %q", out)
	}
}

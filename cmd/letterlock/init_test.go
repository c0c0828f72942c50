package main

import (
	"os"
	"strings"
	"testing"

	"letterlock/store/pgtest"
)

// TestInitOnPostgreSQL begins with a database that the configuration names from then on, and that holds the keys whose records were printed.
func TestInitOnPostgreSQL(t *testing.T) {
	dsn := pgtest.New(t)
	t.Chdir(t.TempDir())
	t.Setenv("LETTERLOCK_DATABASE", "")
	os.Unsetenv("LETTERLOCK_DATABASE")
	status, printed, stderr := runIt("", "init", "--domain", "mail.example.com", "--database", dsn)
	if status != exitOK {
		t.Fatal(stderr)
	}
	status, zone, stderr := runIt("", "dkim", "show")
	if status != exitOK {
		t.Fatal(stderr)
	}
	keys := 0
	for line := range strings.Lines(zone) {
		if strings.Contains(line, "_domainkey") {
			keys++
			if !strings.Contains(printed, strings.TrimSpace(line)) {
				t.Errorf("init did not print %s", line)
			}
		}
	}
	if keys != 2 {
		t.Errorf("got %d keys, want 2 in the database on the server:\n%s", keys, zone)
	}
}

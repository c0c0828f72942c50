package main

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"letterlock/store/seal"
)

// TestKeysFromElsewhere takes the keys from each place that they can come from, and wants no error to show any of them.
func TestKeysFromElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letterlock.key")
	want, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := string(text[:len(text)/2])
	flipped := strings.Replace(string(text), `"value": "`, `"value": "!`, 1)
	coded := base64.StdEncoding.EncodeToString(text)
	for name, one := range map[string]struct {
		variable, command, file string
		want                    string // in the error; empty for none
	}{
		"a file":                          {file: path},
		"the variable":                    {variable: string(text)},
		"the variable, in base64":         {variable: coded},
		"the variable, in lines":          {variable: coded[:70] + "\n" + coded[70:] + "\n"},
		"the variable wins over a file":   {variable: string(text), file: "/nowhere"},
		"a command":                       {command: "cat " + path},
		"a command that prints base64":    {command: "base64 " + path},
		"a command wins over a file":      {command: "cat " + path, file: "/nowhere"},
		"two places":                      {variable: string(text), command: "cat " + path, want: "only one of them"},
		"no place":                        {want: "key_file is not set"},
		"half of the keys":                {variable: half, want: "LETTERLOCK_KEY does not give"},
		"keys that were changed":          {variable: flipped, want: "LETTERLOCK_KEY does not give"},
		"half of them in base64":          {variable: coded[:101], want: "neither JSON nor base64"},
		"something else":                  {variable: "correct horse!", want: "neither JSON nor base64"},
		"a command that prints nothing":   {command: "true", want: "it is empty"},
		"a command that fails":            {command: "cat " + path + "; cat " + path + " >&2; exit 3", want: "exit status 3"},
		"a command that is not there":     {command: "no-such-command-anywhere", want: "exit status 127"},
		"a command that prints for ever":  {command: "cat /dev/zero", want: "more than 1048576 octets"},
		"a command that knows the others": {command: `test -z "$LETTERLOCK_KEY" && cat ` + path},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(keyVariable, one.variable)
			g := General{KeyCommand: one.command, KeyFile: one.file}
			k, err := g.keys(t.Context())
			if (err == nil) != (one.want == "") || err != nil && !strings.Contains(err.Error(), one.want) {
				t.Fatalf("got %v, want %q", err, one.want)
			}
			if err == nil {
				if k.KeyID() != want.KeyID() || !k.Verify("p", []byte("x"), want.Sign("p", []byte("x"))) {
					t.Error("they are other keys")
				}
				return
			}
			for _, line := range strings.Split(half, "\n") {
				if _, secret, ok := strings.Cut(line, `": "`); ok && len(secret) > 20 && strings.Contains(err.Error(), strings.Trim(secret, `",`)) {
					t.Errorf("the error shows a key: %v", err)
				}
			}
			if strings.Contains(err.Error(), coded[:40]) || strings.Contains(err.Error(), "horse") {
				t.Errorf("the error shows what was given: %v", err)
			}
		})
	}
	g := General{KeyFile: "/nowhere/letterlock.key"}
	if _, err := g.keys(t.Context()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(g.noKeys(err, "make one").Error(), "make one") {
		t.Errorf("got %v", err)
	}
}

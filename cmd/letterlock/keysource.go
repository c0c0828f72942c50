package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"letterlock/store/seal"
)

// keyVariable is the environment variable that holds the keys themselves, for machines on which a secret store fills it. It is no key of
// the configuration and no flag: neither is a place for keys.
const keyVariable = "LETTERLOCK_KEY"

const (
	maxKeys     = 1 << 20          // octets
	keysTimeout = 30 * time.Second // of key_command
)

// keysInFile reports whether the keys are in key_file. Otherwise they are where this program can't write them.
func (g *General) keysInFile() bool { return os.Getenv(keyVariable) == "" && g.KeyCommand == "" }

// keysFrom names where the keys come from, for people.
func (g *General) keysFrom() string {
	switch {
	case os.Getenv(keyVariable) != "":
		return keyVariable
	case g.KeyCommand != "":
		return "key_command"
	}
	return "the key file " + g.KeyFile
}

// completeKeys checks that the keys come from one place.
func (g *General) completeKeys() error {
	if os.Getenv(keyVariable) != "" && g.KeyCommand != "" {
		return fmt.Errorf("%s and key_command are both set, and only one of them can say what the keys are: take one away", keyVariable)
	}
	if g.KeyFile == "" && g.keysInFile() {
		return unset("key_file")
	}
	return nil
}

// keys returns the keys that seal what is stored. Its errors wrap fs.ErrNotExist if there is no key file, and never show a part of a key.
func (g *General) keys(ctx context.Context) (*seal.Keyring, error) {
	if err := g.completeKeys(); err != nil {
		return nil, usageError{err}
	}
	if g.keysInFile() {
		return seal.Load(g.KeyFile)
	}
	text := []byte(os.Getenv(keyVariable))
	if g.KeyCommand != "" {
		var err error
		if text, err = keysOfCommand(ctx, g.KeyCommand); err != nil {
			return nil, fmt.Errorf("key_command: %w", err)
		}
	}
	k, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s does not give the content of a key file: %w", g.keysFrom(), err)
	}
	return k, nil
}

// parseKeys reads the content of a key file, or the same in base64, as many secret stores want it.
func parseKeys(text []byte) (*seal.Keyring, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	if text[0] != '{' {
		plain, err := base64.StdEncoding.AppendDecode(nil, bytes.Join(bytes.Fields(text), nil))
		if err != nil {
			return nil, errors.New("it is neither JSON nor base64")
		}
		text = plain
	}
	return seal.Parse(text)
}

// keysOfCommand runs a command and returns what it prints. What it says on standard error is not passed on: it might show the keys.
func keysOfCommand(ctx context.Context, command string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	out := &boundedBuffer{room: maxKeys}
	c := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	c.Env, c.Stdout, c.WaitDelay = withoutKeys(os.Environ()), out, time.Second
	err := c.Run()
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return nil, fmt.Errorf("it did not end within %s", keysTimeout)
	case out.full:
		return nil, fmt.Errorf("it printed more than %d octets, which is no key file", maxKeys)
	case err != nil:
		return nil, fmt.Errorf("it failed (%w): run it as the gateway's user to see why", err)
	}
	return out.b, nil
}

// withoutKeys takes the keys out of an environment, for commands that need not know them.
func withoutKeys(environ []string) []string {
	out := make([]string, 0, len(environ))
	for _, e := range environ {
		if !strings.HasPrefix(e, keyVariable+"=") {
			out = append(out, e)
		}
	}
	return out
}

// boundedBuffer takes only so much.
type boundedBuffer struct {
	b    []byte
	room int
	full bool
}

// Write implements io.Writer.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if len(b.b)+len(p) > b.room {
		b.full = true
		return 0, io.ErrShortBuffer
	}
	b.b = append(b.b, p...)
	return len(p), nil
}

// noKeys explains a key file that is not there.
func (g *General) noKeys(err error, advice string) error {
	if errors.Is(err, fs.ErrNotExist) && g.keysInFile() {
		return fmt.Errorf("there is no key file %s: %s", g.KeyFile, advice)
	}
	return err
}

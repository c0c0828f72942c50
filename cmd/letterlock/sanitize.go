package main

import (
	"fmt"
	"io"

	"letterlock/bridge/richtext"
)

// maxStdin bounds what parse and sanitize read from standard input, in octets.
const maxStdin = 256 << 20

// sanitizeCommand shows what the viewer would show of a piece of HTML.
type sanitizeCommand struct{}

// Help is the longer help.
func (sanitizeCommand) Help() string {
	return "Scripts, forms, styles that could hide or move things, and everything that would make a browser ask another host are gone; what people wrote stays. Example: letterlock sanitize < body.html"
}

// Run cleans standard input.
func (sanitizeCommand) Run(env *environment) error {
	html, err := io.ReadAll(io.LimitReader(env.stdin, maxStdin))
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	clean, err := richtext.Clean(string(html))
	if err != nil {
		return fmt.Errorf("sanitize: %w", err)
	}
	_, err = io.WriteString(env.stdout, clean.HTML)
	return err
}

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCommand prints which program this is.
type versionCommand struct{}

// Run prints one line: the version, or the commit it was built from, and what it was built with and for.
func (versionCommand) Run(env *environment) error {
	_, err := fmt.Fprintf(env.stdout, "letterlock %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version returns the module's version, or else the commit, as the Go command recorded it in the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, changed := "(devel)", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				changed = "+changes"
			}
		}
	}
	return revision + changed
}

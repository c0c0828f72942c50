package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// goPackage is what the Go command says of a package.
type goPackage struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
}

func listPackages(t *testing.T, args ...string) map[string]goPackage {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command is not on the PATH: install it to check the imports")
	}
	c := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Standard,Imports,Deps,TestImports,XTestImports"}, args...)...)
	c.Dir = "../.."
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, &stderr)
	}
	packages := map[string]goPackage{}
	d := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}

// house returns the top folder of one of our packages, or nothing for somebody else's.
func house(path string) string {
	rest, ours := strings.CutPrefix(path, "letterlock/")
	if !ours {
		return ""
	}
	top, _, _ := strings.Cut(rest, "/")
	return top
}

// Imports go one way: cmd knows everybody, the four know bridge alone, bridge knows nobody. This holds for tests as well, but that
// a test outside its package may keep things in the real store: a rule that only holds on a fake is none.
func TestImportsGoOneWay(t *testing.T) {
	packages := listPackages(t, "./...")
	if len(packages) < 10 {
		t.Fatalf("got %d packages, want the whole house", len(packages))
	}
	allowed := map[string][]string{
		"cmd":     {"cmd", "mailin", "mailout", "web", "store", "bridge"},
		"mailin":  {"mailin", "bridge"},
		"mailout": {"mailout", "bridge"},
		"web":     {"web", "bridge"},
		"store":   {"store", "bridge"},
		"bridge":  {"bridge"},
	}
	for path, p := range packages {
		from, known := allowed[house(path)]
		if !known {
			t.Errorf("%s stands in a folder that the design does not have", path)
			continue
		}
		for what, imports := range map[string][]string{"imports": p.Imports, "depends on": p.Deps, "in a test imports": p.TestImports, "in a test outside imports": p.XTestImports} {
			for _, to := range imports {
				to, _, _ = strings.Cut(to, " ")
				if what == "in a test outside imports" && house(to) == "store" {
					continue
				}
				top := house(to)
				if top == "store" && strings.HasPrefix(what, "in a test") {
					continue
				}
				if top != "" && !slices.Contains(from, top) {
					t.Errorf("%s %s %s: %s may know only %s", path, what, to, house(path), strings.Join(from, ", "))
				}
			}
		}
	}
}

// Package bridge itself has the standard library, ids, and the packages beside it; those know nothing else of ours.
func TestBridgeKnowsNobody(t *testing.T) {
	packages := listPackages(t, "-deps", "./bridge/...")
	for path, p := range packages {
		if house(path) != "bridge" {
			continue
		}
		for _, to := range p.Imports {
			switch {
			case packages[to].Standard:
			case path != "letterlock/bridge" && house(to) == "":
				// A package beside it may use a library.
			case path == "letterlock/bridge" && (to == "github.com/google/uuid" || strings.HasPrefix(to, "letterlock/bridge/")):
			default:
				t.Errorf("%s imports %s", path, to)
			}
		}
	}
	for _, to := range packages["letterlock/bridge"].Imports {
		switch to {
		case "database/sql", "net/smtp", "net/http":
			t.Errorf("letterlock/bridge imports %s", to)
		}
	}
}

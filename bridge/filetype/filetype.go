// Package filetype tells what a file is by its content, so that a rule about kinds of files can't be got round by a name.
//
// It knows the signatures of what is worth a rule: programs, scripts, shortcuts, Office files and their macros, archives and what is in them one
// level deep, web pages, disk images, pictures and the like. What it does not know is [Other]. Some scripts have no signature: a text whose name
// makes Windows run it is a [Script] by that name, so a name can make a verdict stricter and never milder.
//
// It reads a bounded part of a file, its work is linear in the file's size, and it keeps nothing. It must not know what a rule is, nor a message.
package filetype

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Kind is what a file is, as rules name it.
type Kind string

// The kinds.
const (
	Executable Kind = "executable" // programs, libraries and installers: PE, ELF, Mach-O, Java, Android, MSI, CHM
	Script     Kind = "script"     // text that some interpreter runs
	Shortcut   Kind = "shortcut"   // files that point a desktop at something to start
	Macros     Kind = "macros"     // Office files with macros; they are Office too
	Office     Kind = "office"     // documents, sheets and slides of Microsoft Office and OpenDocument, RTF
	Archive    Kind = "archive"    // ZIP, gzip, tar, 7z, RAR and the like
	Unreadable Kind = "unreadable" // archives that can't be looked into here: encrypted, damaged, nested, or no ZIP, tar or gzip; they are Archive too
	DiskImage  Kind = "disk_image" // ISO 9660, UDF, VHD, VHDX, VMDK, DMG, qcow
	HTML       Kind = "html"       // web pages, also as MHTML, and SVG, which can hold scripts
	PDF        Kind = "pdf"
	Image      Kind = "image"
	Audio      Kind = "audio"
	Video      Kind = "video"
	Mail       Kind = "mail" // a message of its own (RFC 5322), and Outlook's
	Text       Kind = "text"
	Other      Kind = "other"
)

var kinds = []Kind{Executable, Script, Shortcut, Macros, Office, Archive, Unreadable, DiskImage, HTML, PDF, Image, Audio, Video, Mail, Text, Other}

// Kinds returns all of them.
func Kinds() []Kind { return slices.Clone(kinds) }

// Parse returns the Kind of a name in a rule, or an error that lists them all.
func Parse(name string) (Kind, error) {
	if k := Kind(strings.ToLower(strings.TrimSpace(name))); slices.Contains(kinds, k) {
		return k, nil
	}
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = string(k)
	}
	return "", fmt.Errorf("%q is no kind of files; there are %s", name, strings.Join(all, ", "))
}

// Words says what a file of the kind is, for a sentence: "it is a program".
func (k Kind) Words() string {
	switch k {
	case Executable:
		return "a program"
	case Script:
		return "a script"
	case Shortcut:
		return "a shortcut"
	case Macros:
		return "a document with macros"
	case Office:
		return "an Office document"
	case Archive:
		return "an archive"
	case Unreadable:
		return "an archive that can't be looked into"
	case DiskImage:
		return "a disk image"
	case HTML:
		return "a web page"
	case PDF:
		return "a PDF file"
	case Image:
		return "a picture"
	case Audio:
		return "a sound file"
	case Video:
		return "a film"
	case Mail:
		return "a mail"
	case Text:
		return "a text"
	}
	return "of a kind that is not known"
}

// Found is a kind that a file is, or that something in it is.
type Found struct {
	Kind  Kind
	Entry string // the name of the file in the archive, as it stands there; empty for the file itself
}

// The bounds.
const (
	headSize   = 4 << 10  // octets looked at from the beginning of a file, and of each file in an archive
	tailSize   = 66 << 10 // octets looked at from its end: the end of a ZIP may be followed by a comment of 64 KiB
	maxEntries = 2000     // files of an archive that are looked at
	maxPacked  = 64 << 20 // octets that are unpacked to look into one archive
)

// Of tells what a file is. There is at least one kind. The name may be anything. The error is r's alone: whatever the content is, it is no error.
func Of(name string, r io.ReaderAt, size int64) ([]Found, error) {
	head, err := readAt(r, 0, min(size, headSize))
	if err != nil {
		return nil, err
	}
	kind := ofHead(name, head)
	found := []Found{{Kind: kind}}
	switch {
	case kind == Office && bytes.HasPrefix(head, oleSign):
		return ofOLE(r, size, head)
	case kind == Archive && bytes.HasPrefix(head, gzipSign):
		found = append(found, inGzip(name, io.NewSectionReader(r, 0, size))...)
	case kind == Archive && isTar(head):
		found = append(found, inTar(io.NewSectionReader(r, 0, size), maxPacked)...)
	case kind == Archive && !isZip(head):
		found = append(found, Found{Kind: Unreadable})
	}
	if image, err := isDiskImage(r, size, head); err != nil {
		return nil, err
	} else if image {
		found = append(found, Found{Kind: DiskImage})
	}
	// A ZIP is found by its end, and may stand behind anything else.
	from := max(0, size-tailSize)
	tail, err := readAt(r, from, size-from)
	if err != nil {
		return nil, err
	}
	if whole := isZip(head); whole || bytes.Contains(tail, []byte("PK\x05\x06")) {
		inside, err := inZip(r, size)
		if err != nil {
			return nil, err
		}
		if whole && inside[0].Kind != Archive {
			found = nil // an Office document, or a program
		}
		if !whole && inside[0].Kind == Archive && inside[len(inside)-1].Kind == Unreadable {
			inside = nil // those four octets stood there by chance
		}
		found = append(found, inside...)
	}
	return unique(found), nil
}

func unique(found []Found) []Found {
	seen := make(map[Kind]bool, len(found))
	kept := found[:0]
	for _, f := range found {
		if !seen[f.Kind] {
			seen[f.Kind] = true
			kept = append(kept, f)
		}
	}
	return kept
}

// readAt returns n octets from a place on, or fewer where the file ends.
func readAt(r io.ReaderAt, at, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := r.ReadAt(b, at)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return b[:got], nil
}

// extension returns the last extension of a file name in lower case, without what some systems drop from the end of a name.
func extension(name string) string {
	return strings.ToLower(path.Ext(strings.TrimRight(name, ". \t")))
}

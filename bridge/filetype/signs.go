package filetype

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"
)

var (
	oleSign  = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	zipSign  = []byte("PK\x03\x04")
	gzipSign = []byte("\x1f\x8b")
)

// signs are what files begin with. The first that matches holds.
var signs = []struct {
	at   int
	sign string
	kind Kind
}{
	{0, "\x7fELF", Executable},
	{0, "\xfe\xed\xfa\xce", Executable}, // Mach-O
	{0, "\xfe\xed\xfa\xcf", Executable},
	{0, "\xce\xfa\xed\xfe", Executable},
	{0, "\xcf\xfa\xed\xfe", Executable},
	{0, "\xca\xfe\xba\xbe", Executable}, // Mach-O for several processors, and Java classes
	{0, "\xca\xfe\xba\xbf", Executable},
	{0, "\xbe\xba\xfe\xca", Executable},
	{0, "dex\n", Executable},
	{0, "\x00asm", Executable},
	{0, "ITSF", Executable}, // compiled HTML help, which runs scripts
	{0, "L\x00\x00\x00\x01\x14\x02\x00", Shortcut},
	{0, "#!", Script},
	{0, string(oleSign), Office},
	{0, "{\\rtf", Office},
	{0, string(zipSign), Archive},
	{0, "PK\x05\x06", Archive},
	{0, "PK\x07\x08", Archive},
	{0, string(gzipSign), Archive},
	{0, "BZh", Archive},
	{0, "\xfd7zXZ\x00", Archive},
	{0, "7z\xbc\xaf\x27\x1c", Archive},
	{0, "Rar!\x1a\x07", Archive},
	{0, "\x28\xb5\x2f\xfd", Archive}, // Zstandard
	{0, "\x04\x22\x4d\x18", Archive}, // LZ4
	{0, "LZIP", Archive},
	{0, "\x1f\x9d", Archive}, // compress
	{0, "\x60\xea", Archive}, // ARJ
	{0, "MSCF", Archive},     // Cabinet
	{0, "**ACE**", Archive},
	{7, "**ACE**", Archive},
	{2, "-lh", Archive},
	{0, "!<arch>\n", Archive},
	{0, "conectix", DiskImage},
	{0, "vhdxfile", DiskImage},
	{0, "KDMV", DiskImage},
	{0, "QFI\xfb", DiskImage},
	{0, "%PDF-", PDF},
	{0, "\x89PNG\r\n\x1a\n", Image},
	{0, "\xff\xd8\xff", Image},
	{0, "GIF8", Image},
	{0, "II*\x00", Image},
	{0, "MM\x00*", Image},
	{8, "WEBP", Image},
	{4, "ftypheic", Image},
	{4, "ftypheix", Image},
	{4, "ftypmif1", Image},
	{4, "ftypavif", Image},
	{0, "8BPS", Image},
	{0, "\x00\x00\x01\x00", Image},
	{0, "ID3", Audio},
	{0, "OggS", Audio},
	{0, "fLaC", Audio},
	{8, "WAVE", Audio},
	{4, "ftypM4A", Audio},
	{0, "#!AMR", Audio},
	{0, "\xff\xfb", Audio},
	{0, "\xff\xf3", Audio},
	{0, "\xff\xf1", Audio},
	{8, "AVI ", Video},
	{4, "ftyp", Video},
	{0, "\x1aE\xdf\xa3", Video},
	{0, "\x00\x00\x01\xba", Video},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", Video},
}

// byName is what a file is by its name, if its content says no more than that it is a text or nothing known: what Windows and desktops run.
var byName = map[string]Kind{
	".bat": Script, ".cmd": Script, ".ps1": Script, ".psm1": Script, ".psd1": Script, ".vbs": Script, ".vbe": Script, ".vb": Script, ".js": Script,
	".jse": Script, ".mjs": Script, ".wsf": Script, ".wsh": Script, ".wsc": Script, ".sct": Script, ".hta": Script, ".reg": Script, ".inf": Script,
	".msc": Script, ".sh": Script, ".command": Script, ".applescript": Script, ".scpt": Script, ".xll": Executable, ".iqy": Script, ".slk": Script,
	".com": Executable, ".pif": Executable, ".scr": Executable, ".cpl": Executable, ".exe": Executable, ".dll": Executable, ".msi": Executable,
	".url": Shortcut, ".lnk": Shortcut, ".scf": Shortcut, ".desktop": Shortcut, ".webloc": Shortcut, ".library-ms": Shortcut, ".settingcontent-ms": Shortcut,
	".shtml": HTML, ".html": HTML, ".htm": HTML, ".xhtml": HTML, ".mht": HTML, ".mhtml": HTML, ".svg": HTML,
}

// ofHead tells what a file is by its first octets, and by its name where those say little.
func ofHead(name string, head []byte) Kind {
	if isPE(head) {
		return Executable
	}
	if bytes.HasPrefix(head, []byte("BM")) && len(head) > 14 && binary.LittleEndian.Uint32(head[6:]) == 0 {
		return Image
	}
	for _, s := range signs {
		if len(head) >= s.at && bytes.HasPrefix(head[s.at:], []byte(s.sign)) {
			if s.sign == "#!" && bytes.HasPrefix(head, []byte("#!AMR")) {
				continue
			}
			return s.kind
		}
	}
	// A PDF may have some octets before its signature, as its readers allow.
	if i := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-")); i > 0 {
		return PDF
	}
	if isTar(head) {
		return Archive
	}
	kind := ofText(head)
	switch named := byName[extension(name)]; {
	case len(head) == 0:
		return Text
	case named != "" && (kind == Text || kind == Other):
		return named
	}
	return kind
}

// isPE reports whether a file is a DOS or Windows program: MZ, and where the new header would be, if there is one, one of those that are known.
func isPE(head []byte) bool {
	if !bytes.HasPrefix(head, []byte("MZ")) || len(head) < 0x40 {
		return false
	}
	// Plain DOS programs have none. A text that begins with MZ has no zeros.
	return bytes.IndexByte(head[:0x40], 0) >= 0
}

// isZip reports whether a file begins as a ZIP: with a file, with the end of an empty one, or as one part of several.
func isZip(head []byte) bool {
	return bytes.HasPrefix(head, zipSign) || bytes.HasPrefix(head, []byte("PK\x05\x06")) || bytes.HasPrefix(head, []byte("PK\x07\x08"))
}

func isTar(head []byte) bool { return len(head) >= 512 && string(head[257:262]) == "ustar" }

// isDiskImage looks where images of disks have their signatures, which is not at their beginning.
func isDiskImage(r io.ReaderAt, size int64, head []byte) (bool, error) {
	// A partition table: nothing else of note has its mark there with an active or an inactive partition.
	if len(head) >= 512 && head[510] == 0x55 && head[511] == 0xaa && head[446]&0x7f == 0 && (head[0] == 0xeb || head[0] == 0xe9 || head[0] == 0x33 || head[0] == 0xfa) {
		return true, nil
	}
	if len(head) >= 512 && (string(head[3:7]) == "NTFS" || string(head[54:57]) == "FAT" || string(head[82:85]) == "FAT") && head[510] == 0x55 && head[511] == 0xaa {
		return true, nil
	}
	if size >= 0x8006 {
		mark, err := readAt(r, 0x8001, 5)
		if err != nil {
			return false, err
		}
		switch string(mark) {
		case "CD001", "BEA01", "NSR02", "NSR03":
			return true, nil
		}
	}
	if size >= 512 {
		trailer, err := readAt(r, size-512, 8)
		if err != nil {
			return false, err
		}
		if bytes.HasPrefix(trailer, []byte("koly")) || string(trailer) == "conectix" {
			return true, nil
		}
	}
	return false, nil
}

// ofText tells texts apart by how they begin.
func ofText(head []byte) Kind {
	text := head
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		text = bytes.ReplaceAll(head[2:], []byte{0}, nil) // UTF-16: good enough for what is looked for, which is ASCII
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		text = head[3:]
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return Other
	}
	low := strings.ToLower(strings.TrimLeft(string(text), " \t\r\n\f"))
	for _, s := range []struct {
		begins string
		kind   Kind
	}{
		{"[internetshortcut]", Shortcut},
		{"[desktop entry]", Shortcut},
		{"[shell]", Shortcut},
		{"@echo ", Script},
		{"<job", Script},
		{"<package>", Script},
		{"<?php", Script},
		{"<scriptlet", Script},
		{"windows registry editor", Script},
		{"regedit4", Script},
	} {
		if strings.HasPrefix(low, s.begins) {
			return s.kind
		}
	}
	if isHTML(low) {
		return HTML
	}
	if isMail(low) {
		if strings.Contains(low, "multipart/related") && strings.Contains(low, "snapshot-content-location") {
			return HTML
		}
		return Mail
	}
	// The head may end within a character.
	for range utf8.UTFMax {
		if utf8.Valid(text) {
			return Text
		}
		if len(text) == 0 || len(head) < headSize {
			break
		}
		text = text[:len(text)-1]
	}
	// Texts of older character sets: no control characters but those of texts.
	for _, c := range text {
		if c < ' ' && !strings.ContainsRune("\t\r\n\f\x1b", rune(c)) {
			return Other
		}
	}
	return Text
}

// isHTML reports whether a browser would show a text as a page. Comments and an XML declaration may stand before its first element.
func isHTML(low string) bool {
	for range 32 {
		low = strings.TrimLeft(low, " \t\r\n\f")
		var end string
		switch {
		case strings.HasPrefix(low, "<!--"):
			end = "-->"
		case strings.HasPrefix(low, "<?xml"), strings.HasPrefix(low, "<!doctype") && !strings.HasPrefix(low, "<!doctype html"):
			end = ">"
		default:
			for _, tag := range []string{
				"<!doctype html", "<html", "<head", "<body", "<script", "<iframe", "<svg", "<title", "<meta", "<link", "<style", "<table", "<form", "<img", "<object", "<embed",
				"<div", "<h1", "<p>", "<br", "<a ", "<font", "<frameset", "<base",
			} {
				if strings.HasPrefix(low, tag) {
					return true
				}
			}
			return false
		}
		_, rest, ok := strings.Cut(low, end)
		if !ok {
			return false
		}
		low = rest
	}
	return false
}

// isMail reports whether a text begins with a header as mail has it.
func isMail(low string) bool {
	known := 0
	for line := range strings.SplitSeq(low, "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" {
			break
		}
		name, _, ok := strings.Cut(line, ":")
		switch {
		case line[0] == ' ' || line[0] == '\t':
			continue
		case !ok || strings.ContainsAny(name, " \t<"):
			return false
		}
		switch name {
		case "received", "return-path", "from", "message-id", "mime-version", "date", "subject", "to":
			known++
		}
	}
	return known >= 2
}

package filetype

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
)

// ofOLE tells what a compound file is ([MS-CFB]): an old Office document, with macros or not, Outlook's message, or an installer. The names of
// its streams stand in it as UTF-16, so they are looked for as octets; a text that holds one by chance makes the verdict stricter.
func ofOLE(r io.ReaderAt, size int64, head []byte) ([]Found, error) {
	installer, err := isInstaller(r, head)
	if err != nil {
		return nil, err
	}
	if installer {
		return []Found{{Kind: Executable}}, nil
	}
	for _, s := range []struct {
		name  string
		found []Found
	}{
		{"_VBA_PROJECT", []Found{{Kind: Office}, {Kind: Macros}}},
		{"Macros", []Found{{Kind: Office}, {Kind: Macros}}},
		{"__properties_version1.0", []Found{{Kind: Mail}}},
	} {
		n, err := count(r, size, wide(s.name), 0)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return s.found, nil
		}
	}
	return []Found{{Kind: Office}}, nil
}

// wide returns a text as UTF-16, little end first.
func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// isInstaller looks at the class of the root directory entry, which is that of MSI packages, patches or transforms.
func isInstaller(r io.ReaderAt, head []byte) (bool, error) {
	if len(head) < 0x34 {
		return false, nil
	}
	shift, first := binary.LittleEndian.Uint16(head[0x1e:]), binary.LittleEndian.Uint32(head[0x30:])
	if shift != 9 && shift != 12 {
		return false, nil
	}
	root, err := readAt(r, (int64(first)+1)<<shift, 128)
	if err != nil || len(root) < 96 {
		return false, err
	}
	class := root[80:96]
	known := string(class[1:]) == "\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
	return known && (class[0] == 0x82 || class[0] == 0x84 || class[0] == 0x86), nil
}

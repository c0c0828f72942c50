package mailin

import (
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFilename is what file systems take, in octets, with room for a counter.
const maxFilename = 200

// Filename makes the name that a part gives itself safe to show and to save under: its last path component, without control,
// formatting and direction characters, without what file systems or shells of any kind give a meaning, at most 200 octets with
// its extension kept. Where nothing is left of it, the name is made from the part's number and media type. It is never empty, ".", ".." or hidden.
func Filename(name, contentType string, n int) string {
	name = strings.ToValidUTF8(name, "_")
	name = strings.TrimRight(name, `/\ `)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 && strings.Trim(name[i+1:], " .") != "" {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), r == '\u2028', r == '\u2029':
			return -1
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		}
		return r
	}, name)
	name = spaced(name)
	name = strings.TrimRight(strings.TrimLeft(name, ". "), ". ")
	if name == "" || strings.Trim(name, "_ ") == "" {
		return "attachment-" + strconv.Itoa(n) + extension(contentType)
	}
	if isDevice(name) {
		name = "_" + name
	}
	if len(name) > maxFilename {
		ext := path.Ext(name)
		if len(ext) > 20 {
			ext = ""
		}
		name = strings.TrimRight(clipText(strings.TrimSuffix(name, ext), maxFilename-len(ext)), ". ") + ext
	}
	return name
}

// clipText cuts a string to at most n octets, between characters.
func clipText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// isDevice reports whether Windows would open a device for that name, whatever its extension.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToLower(strings.TrimSpace(base))
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt")) && base[3] >= '0' && base[3] <= '9'
}

// extensions is a fixed table, since the operating system's would give each machine other names.
var extensions = map[string]string{
	"message/rfc822": ".eml", "message/global": ".eml", "text/plain": ".txt", "text/html": ".html", "text/rtf": ".rtf", "text/markdown": ".md", "text/calendar": ".ics", "text/csv": ".csv",
	"text/vcard": ".vcf", "text/x-vcard": ".vcf", "text/rfc822-headers": ".txt", "application/pdf": ".pdf", "application/zip": ".zip",
	"application/pgp-signature": ".asc", "application/pgp-keys": ".asc", "application/pgp-encrypted": ".txt", "application/pkcs7-signature": ".p7s",
	"application/x-pkcs7-signature": ".p7s", "application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m", "application/ms-tnef": ".dat",
	"application/vnd.ms-tnef": ".dat", "application/json": ".json", "application/xml": ".xml", "text/xml": ".xml", "application/rtf": ".rtf", "application/ics": ".ics",
	"application/msword": ".doc", "application/vnd.ms-excel": ".xls", "application/vnd.ms-powerpoint": ".ppt", "application/gzip": ".gz",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/tiff": ".tif", "image/heic": ".heic", "image/svg+xml": ".svg", "image/bmp": ".bmp",
	"audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/ogg": ".ogg", "audio/wav": ".wav", "audio/amr": ".amr", "video/mp4": ".mp4", "video/quicktime": ".mov", "video/3gpp": ".3gp",
	"application/applefile": ".applefile", "application/octet-stream": ".bin",
}

func extension(contentType string) string { return extensions[contentType] }

// typeByName guesses a media type for a file that came without one.
func typeByName(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".pdf", ".zip", ".json", ".rtf":
		return "application/" + ext[1:]
	case ".png", ".gif", ".webp", ".bmp":
		return "image/" + ext[1:]
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".txt":
		return "text/plain"
	case ".csv":
		return "text/csv"
	}
	return "application/octet-stream"
}

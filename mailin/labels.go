package mailin

import (
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// labels maps what mailers write to what is meant.
var labels = map[string]string{
	"utf8": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-8-mac": "utf-8", "utf8mb4": "utf-8", "x-utf-8": "utf-8", "cp65001": "utf-8",
	"ascii": "us-ascii", "ansi": "windows-1252", "ansi_x3.4-1968": "us-ascii", "646": "us-ascii", "iso646-us": "us-ascii", "default": "", "unknown": "",
	"unknown-8bit": "", "x-unknown": "", "x-user-defined": "", "binary": "", "8bit": "", "7bit": "", "none": "", "en": "", "x-unkown": "",
	"latin1": "iso-8859-1", "latin-1": "iso-8859-1", "iso8859-1": "iso-8859-1", "iso_8859-1": "iso-8859-1", "iso88591": "iso-8859-1", "8859-1": "iso-8859-1", "l1": "iso-8859-1",
	"cp1252": "windows-1252", "x-cp1252": "windows-1252", "win-1252": "windows-1252", "cp-1252": "windows-1252", "windows1252": "windows-1252",
	"iso8859-15": "iso-8859-15", "iso_8859-15": "iso-8859-15", "latin9": "iso-8859-15", "latin-9": "iso-8859-15", "iso88592": "iso-8859-2",
	"cp936": "gbk", "x-gbk": "gbk", "gb_2312-80": "gb2312", "gb2312_charset": "gb2312", "x-gb18030": "gb18030", "chinese": "gbk", "hz": "hz-gb-2312",
	"cp932": "shift_jis", "ms932": "shift_jis", "windows-31j": "shift_jis", "x-sjis": "shift_jis", "sjis": "shift_jis", "shift-jis": "shift_jis", "x-ms-cp932": "shift_jis",
	"iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp", "cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp",
	"ks_c_5601": "euc-kr", "ks_c_5601-1987": "euc-kr", "ks_c_5601-1989": "euc-kr", "ksc5601": "euc-kr", "cp949": "euc-kr", "ms949": "euc-kr", "uhc": "euc-kr", "korean": "euc-kr",
	"iso-2022-kr-ms": "iso-2022-kr", "csiso2022kr": "iso-2022-kr", "csiso2022jp": "iso-2022-jp", "jis": "iso-2022-jp", "x-iso-2022-jp": "iso-2022-jp", "cp50222": "iso-2022-jp", "iso-2022-cn-ext": "iso-2022-cn",
	"x-windows-949": "euc-kr", "ks_c_5601-1992": "euc-kr", "ksc_5601": "euc-kr", "euckr": "euc-kr", "eucjp": "euc-jp", "x-euc": "euc-jp", "ujis": "euc-jp", "cp51932": "euc-jp", "x-sjis-cp932": "shift_jis", "shift_jisx0213": "shift_jis", "cp943": "shift_jis", "ibm943": "shift_jis",
	"big5hkscs": "big5", "big5-hkscs:2004": "big5", "big5-eten": "big5", "gb2312-80": "gb2312", "euc-cn": "gb2312", "euccn": "gb2312", "x-euc-cn": "gb2312", "cp54936": "gb18030", "gb18030-2000": "gb18030", "gb18030-2022": "gb18030", "gbk2k": "gb18030",
	"tis620": "windows-874", "tis-620": "windows-874", "tis-620-2533": "windows-874", "iso-8859-11": "windows-874", "cp874": "windows-874", "x-mac-roman": "macintosh", "macroman": "macintosh", "mac": "macintosh", "x-macintosh": "macintosh", "applemacintosh": "macintosh", "x-mac-ukrainian": "x-mac-cyrillic", "mac-cyrillic": "x-mac-cyrillic",
	"x-mac-centraleurroman": "x-mac-ce", "x-mac-centraleurope": "x-mac-ce", "mac-ce": "x-mac-ce", "maccentraleurope": "x-mac-ce", "mac-centraleurope": "x-mac-ce", "ibm737": "cp737", "ibm775": "cp775", "ibm857": "cp857", "ibm861": "cp861", "ibm864": "cp864", "ibm869": "cp869", "strk1048-2002": "kz-1048", "rk1048": "kz-1048", "koi8-ru": "koi8-u", "koi": "koi8-r", "koi8": "koi8-r", "koi-8": "koi8-r", "x-koi8-r": "koi8-r", "hp-roman-8": "hp-roman8", "roman8": "hp-roman8", "x-cp866": "ibm866", "ibm1125": "cp1125", "cp866u": "cp1125",
	"iso-8859-6-i": "iso-8859-6", "iso-8859-6-e": "iso-8859-6", "iso-8859-8-e": "iso-8859-8", "unicode": "utf-16", "ucs-2": "utf-16", "ucs-2le": "utf-16le", "ucs-2be": "utf-16be", "iso-10646-ucs-2": "utf-16", "csunicode": "utf-16", "utf16": "utf-16", "utf-16-le": "utf-16le", "utf-16-be": "utf-16be", "ucs-4": "utf-32", "iso-10646-ucs-4": "utf-32", "utf32": "utf-32",
	"cp950": "big5", "x-big5": "big5", "big-5": "big5", "utf7": "utf-7", "unicode-1-1-utf-7": "utf-7", "x-utf-7": "utf-7", "csutf7": "utf-7",
	"cp1250": "windows-1250", "cp1251": "windows-1251", "win-1251": "windows-1251", "cp1253": "windows-1253", "cp1254": "windows-1254", "cp1255": "windows-1255",
	"cp1256": "windows-1256", "cp1257": "windows-1257", "cp1258": "windows-1258", "iso-8859-8-i": "iso-8859-8", "koi8r": "koi8-r", "koi8u": "koi8-u", "cp866": "ibm866",
	"x-mac-japanese": "shift_jis", "x-mac-korean": "euc-kr", "x-mac-chinesetrad": "big5", "x-mac-chinesesimp": "gb2312", "shift_jis-2004": "shift_jis", "euc-jis-2004": "euc-jp", "euc-jisx0213": "euc-jp", "iso-2022-jp-2004": "iso-2022-jp", "iso-2022-jp-3": "iso-2022-jp", "iso-2022-jp-ext": "iso-2022-jp",
	"csviscii": "viscii", "viscii1.1-1": "viscii", "tcvn-5712": "tcvn", "tcvn5712": "tcvn", "tcvn5712-1": "tcvn", "tcvn5712-1:1993": "tcvn", "x-viet-tcvn": "tcvn", "x-viet-tcvn5712": "tcvn", "x-viet-viscii": "viscii", "armscii8": "armscii-8", "ecma-cyrillic": "iso-ir-111", "koi8-e": "iso-ir-111", "georgian": "georgian-ps",
	"ebcdic-cp-us": "cp037", "ibm037": "cp037", "ibm00858": "cp858", "cp00858": "cp858", "ccsid00858": "cp858", "pc-multilingual-850+euro": "cp858", "ibm858": "cp858",
}

// pages are the code pages of x/text that neither the WHATWG nor go-message finds by these names.
var pages = map[string]encoding.Encoding{
	"cp037": charmap.CodePage037, "cp858": charmap.CodePage858, "cp1047": charmap.CodePage1047, "cp1140": charmap.CodePage1140,
}

// squeezed are labels without their separators, for those that are written with others than they have.
var squeezed = map[string]string{
	"utf8": "utf-8", "utf7": "utf-7", "utf16": "utf-16", "utf16le": "utf-16le", "utf16be": "utf-16be", "utf32": "utf-32", "koi8r": "koi8-r", "koi8u": "koi8-u",
	"gb2312": "gb2312", "gbk": "gbk", "gb18030": "gb18030", "big5": "big5", "big5hkscs": "big5", "hzgb2312": "hz-gb-2312", "shiftjis": "shift_jis", "sjis": "shift_jis", "windows31j": "shift_jis",
	"eucjp": "euc-jp", "euckr": "euc-kr", "euccn": "gb2312", "iso2022jp": "iso-2022-jp", "iso2022kr": "iso-2022-kr", "iso2022cn": "iso-2022-cn", "usascii": "us-ascii", "ascii": "us-ascii",
	"tis620": "windows-874", "isolatin1": "iso-8859-1", "isolatin2": "iso-8859-2", "isolatin9": "iso-8859-15", "latin2": "iso-8859-2", "unicode": "utf-16", "macroman": "macintosh", "maccyrillic": "x-mac-cyrillic",
	"maccentraleurope": "x-mac-ce", "macgreek": "x-mac-greek", "macturkish": "x-mac-turkish", "macicelandic": "x-mac-icelandic", "maccroatian": "x-mac-croatian", "macromanian": "x-mac-romanian", "macarabic": "x-mac-arabic", "macroman8": "macintosh",
}

// cleanLabel returns the label that a name of a charset stands for, in lower case, or the name itself where nobody knows it.
func cleanLabel(s string) string {
	s = strings.ToLower(strings.Trim(s, " \t\"'<>;,:\r\n="))
	s = strings.TrimPrefix(s, "charset=")
	s, _, _ = strings.Cut(s, "*") // a language (RFC 2231, section 5)
	if i := strings.IndexAny(s, " (\t;,"); i > 0 {
		s = s[:i]
	}
	if l, ok := labels[s]; ok {
		return l
	}
	if s == "" || len(s) > 60 {
		return ""
	}
	if _, err := htmlindex.Get(s); err == nil || halves[s] != "" {
		return s
	}
	if l := looseLabel(s); l != "" {
		return l
	}
	return s
}

// knownLabel reports whether a word names a charset.
func knownLabel(s string) bool {
	s = cleanLabel(s)
	_, err := htmlindex.Get(s)
	return err == nil || halves[s] != "" || pages[s] != nil
}

var separators = strings.NewReplacer("-", "", "_", "", ".", "", "/", "", " ", "")

// looseLabel finds what is meant by a label with other separators, or with a number in place of a name: "x-win_1251", "ISO8859_2", "MS950".
func looseLabel(s string) string {
	k := separators.Replace(strings.TrimPrefix(s, "x-"))
	if l := squeezed[k]; l != "" {
		return l
	}
	if l := squeezed[strings.TrimPrefix(k, "cs")]; l != "" {
		return l
	}
	for _, prefix := range []string{"iso8859", "isoir8859", "8859", "csiso8859"} {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			if n, err := strconv.Atoi(rest); err == nil && n >= 1 && n <= 16 && n != 12 {
				return labelOf("iso-8859-" + strconv.Itoa(n))
			}
		}
	}
	for _, prefix := range []string{"windows", "win", "cp", "ms", "ibm", "dos", "oem", "codepage", "ansi", "csibm", "cswindows", "ccsid", "pc", ""} {
		rest, ok := strings.CutPrefix(k, prefix)
		if !ok || len(rest) < 3 || len(rest) > 5 {
			continue
		}
		if n, err := strconv.ParseUint(rest, 10, 32); err == nil {
			if l := labelOf(codepageLabel(uint32(n))); l != s {
				return l
			}
		}
	}
	return ""
}

func labelOf(s string) string {
	if l, ok := labels[s]; ok {
		return l
	}
	return s
}

// stateful charsets use ASCII octets for everything.
func stateful(label string) bool {
	return strings.HasPrefix(label, "utf-7") || strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf-32") || strings.HasPrefix(label, "hz") ||
		strings.HasPrefix(label, "unicode") || strings.HasPrefix(label, "iso-2022")
}

package mailin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"letterlock/bridge"
)

func TestAddresses(t *testing.T) {
	type address struct{ name, addr string }
	type list []address
	for _, c := range []struct {
		in   string
		want list
	}{
		{"ann@example.com", list{{"", "ann@example.com"}}},
		{"Ann Miller <ann@example.com>", list{{"Ann Miller", "ann@example.com"}}},
		{`"Miller, Ann" <ann@example.com>, bob@example.net`, list{{"Miller, Ann", "ann@example.com"}, {"", "bob@example.net"}}},
		{"ann@example.com (Ann Miller)", list{{"Ann Miller", "ann@example.com"}}},
		{"Ann (at work) <ann@example.com> (really)", list{{"Ann", "ann@example.com"}}},
		{"Team: ann@example.com, Bob <bob@example.net>;", list{{"", "ann@example.com"}, {"Bob", "bob@example.net"}}},
		{"undisclosed-recipients:;", nil},
		{"<@relay.example,@b:ann@example.com>", list{{"", "ann@example.com"}}},
		{"ann @ example . com", list{{"", "ann@example.com"}}},
		{"Ann ann@example.com", list{{"Ann", "ann@example.com"}}},
		{"Ann <ann@example.com", list{{"Ann", "ann@example.com"}}},
		{"<<ann@example.com>>", list{{"", "ann@example.com"}}},
		{"ann@example.com>", list{{"", "ann@example.com"}}},
		{"[ann@example.com]", list{{"", "ann@example.com"}}},
		{"'Ann' <ann@example.com>", list{{"Ann", "ann@example.com"}}},
		{`"'Ann'" <'ann@example.com'>`, list{{"Ann", "ann@example.com"}}},
		{`"Ann \"Annie\" Miller" <ann@example.com>`, list{{`Ann "Annie" Miller`, "ann@example.com"}}},
		{"=?utf-8?q?M=C3=BCller=2C_Ann?= <ann@example.com>", list{{"Müller, Ann", "ann@example.com"}}},
		{`"=?utf-8?q?M=C3=BCller?=" <ann@example.com>`, list{{"Müller", "ann@example.com"}}},
		{"J\xfcrgen <j@example.com>", list{{"Jürgen", "j@example.com"}}},
		{"ann@example.com; bob@example.net", list{{"", "ann@example.com"}, {"", "bob@example.net"}}},
		{"mailto:ann@example.com", list{{"", "ann@example.com"}}},
		{`"a b"@example.com`, list{{"", `"a b"@example.com`}}},
		{"ann@example.com <ann@example.com>", list{{"ann@example.com", "ann@example.com"}}},
		// Never an address that is none, never one less than somebody may see.
		{"Ann Miller", nil},
		{"", nil},
		{"<>", nil},
		{"@", nil},
		{"ann@", nil},
		{"\u0087@example.com", nil},
		{"@example.com", nil},
		{"=?utf-8?q?ann=40example.com?=", nil},
		{`"ann@example.com"`, nil},
		{"(ann@example.com)", nil},
		{"ann@example.com:80: x <bob@example.net>", list{{"ann@example.com:80: x", "bob@example.net"}}},
		{"Ann <ann@example.com> <eve@example.net>", list{{"Ann", "ann@example.com"}, {"Ann", "eve@example.net"}}},
		{"ann@example.com eve@example.net", list{{"", "ann@example.com"}, {"", "eve@example.net"}}},
		{"ann@example.com <eve@example.net>", list{{"ann@example.com", "eve@example.net"}}},
		{"Ann <ann at example.com>", nil},
		{"a\x00nn@example.com", list{{"", "ann@example.com"}}},
	} {
		n := &notes{}
		var got list
		for _, a := range n.addresses([][]byte{[]byte(c.in)}, "From") {
			got = append(got, address{a.Name, a.Addr})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %+q, want %+q", c.in, got, c.want)
		}
	}
	if list := (&notes{}).addresses([][]byte{[]byte(strings.Repeat("a@b.example ", 2*maxAddresses))}, "To"); len(list) != maxAddresses {
		t.Errorf("one piece gives %d addresses", len(list))
	}
	n := &notes{}
	n.addresses([][]byte{[]byte("ceo@bank.example <eve@example.net>")}, "From")
	if len(n.defects) == 0 {
		t.Error("a second address in the name's place is no defect")
	}
}

func TestDecodeText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"=?utf-8?q?a_b=C3=BC?=", "a bü"},
		{"=?UTF-8?B?w7w=?= =?utf-8?b?w7w=?=", "üü"},
		{"=?utf-8?b?w?= =?utf-8?b?7w=?=", "ü"},
		{"=?utf-8?b?w7w?= =?utf-8?q?a?=", "üa"},
		{"=?utf-8?b?w?= x", "x"},
		{"=?utf-8?B?SGVsbG8?= =?utf-8?B?IHdvcmxk?=", "Hello world"},
		{"=?utf-8?B?SGVsbG8?= =?utf-8?B?IHdvcmxkcw==?=", "Hello worlds"},
		{"=?utf-8?B?SGVsbG8?= =?utf-8?B?IHdvcmxkcw?=", "Hello worlds"},
		{"=?utf-8?B?SGVsbA?= =?utf-8?B?byB3b3JsZHM?=", "Hello worlds"},
		{"=?utf-8?B?SGVsbG8gd2?= =?utf-8?B?9ybGQ=?=", "Hello world"},
		{"=?utf-8?B?SGVsbG8gd?= =?utf-8?B?29ybGQ=?=", "Hello world"},
		{"=?utf-8?B?SGVsbG8gd2?= =?utf-8?B?9ybGRzIG?= =?utf-8?B?FuZCBh?= =?utf-8?B?bGw=?=", "Hello worlds and all"},
		{"=?utf-8?B?SGVsbG8gd2?= =?utf-8?B?9ybGRzIGFuZCBh?= =?utf-8?B?bG?= =?utf-8?B?w=?=", "Hello worlds and all"},
		{"=?utf-8?B?SGVsbG8gd2?= =?utf-8?B?9ybGRzIG?= =?utf-8?B?FuZCBhbGw=?=", "Hello worlds and all"},
		{"=?utf-8?q?=C3?=\r\n =?utf-8?q?=BC?=", "ü"},
		{"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"},
		{"x=?utf-8?q?a?=y", "xay"},
		{"=?utf-8?q?a b?=", "a b"},
		{"=?utf-8?b?w7w?=", "ü"},
		{"=?utf-8*de?q?a?=", "a"},
		{"=?gb2312?B?xOO6ww==?=", "你好"},
		{"=?big5?B?p0Gmbg==?=", "你好"},
		{"=?koi8-r?B?8NLJ18XU?=", "Привет"},
		{"=?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"},
		{"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"},
		{"=?utf-8?B?8J-YgA==?=", "😀"},
		{"=?ks_c_5601-1987?B?vsiz58fPvLy/5A==?=", "안녕하세요"},
		{"=?unknown?q?=FC?=", "ü"},
		{"=?utf-8?q?=FC?=", "ü"},
		{"=?utf-8?x?a?=", "=?utf-8?x?a?="},
		{"=?utf-8?q?open", "=?utf-8?q?open"},
		{"=?", "=?"},
		{"gr\xc3\xbc\xc3\x9fe", "grüße"},
		{"gr\xfc\xdfe", "grüße"},
		{"a\r\n\tb", "a\tb"[:1] + " b"},
		{"a\x00b\x07c", "abc"},
		{"=?utf-8?q?a=0D=0AB:_c?=", "a  B: c"},
	} {
		if got := decodeText([]byte(c.in)); got != c.want {
			t.Errorf("decodeText(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestParameters(t *testing.T) {
	for _, c := range []struct{ in, name, want string }{
		{`attachment; filename="a.pdf"`, "filename", "a.pdf"},
		{`attachment; filename=a b (1).pdf`, "filename", "a b (1).pdf"},
		{`attachment; filename=a.pdf; size=3`, "filename", "a.pdf"},
		{`attachment; filename*=utf-8''%e2%82%ac.pdf; filename="EUR.pdf"`, "filename", "€.pdf"},
		{`attachment; filename*0="a"; filename*1=".pdf"`, "filename", "a.pdf"},
		{`attachment; filename*0*=utf-8'de'%C3; filename*1*=%BC.pdf`, "filename", "ü.pdf"},
		{`attachment; filename*1=b; filename*0=a`, "filename", "ab"},
		{`attachment; filename="=?utf-8?q?=C3=BC.pdf?="`, "filename", "ü.pdf"},
		{`attachment; filename==?utf-8?q?=C3=BC.pdf?=`, "filename", "ü.pdf"},
		{"attachment; filename=\"\xfc.pdf\"", "filename", "ü.pdf"},
		{`attachment; filename="a\"b.pdf"`, "filename", `a"b.pdf`},
		{`attachment; FileName = "a.pdf"`, "filename", "a.pdf"},
		{`attachment;filename="a.pdf`, "filename", "a.pdf"},
		{`text/plain; charset=utf-8 format=flowed`, "format", "flowed"},
		{`text/plain; charset="utf-8"; format=flowed`, "charset", "utf-8"},
		{`text/plain; charset=utf-8 (a comment)`, "charset", "utf-8"},
		{`text/plain;;; charset=utf-8;`, "charset", "utf-8"},
		{`charset=utf-8`, "charset", "utf-8"},
		{"attachment; filename=\"\x8c\xa9\x90\xcf\x8f\x91\x88\xea\x97\x97\x95\x5c.pdf\"", "filename", "見積書一覧表.pdf"},
		{`attachment; filename="C:\Users\ann\f.exe"`, "filename", `C:\Users\ann\f.exe`},
		{`attachment; filename="\\server\share\f.exe"`, "filename", `\\server\share\f.exe`},
		{`attachment; filename*0*=utf-8''%C; filename*1*=3%9Cbung.pdf`, "filename", "Übung.pdf"},
		{`attachment; filename=a.pdf (a comment)`, "filename", "a.pdf"},
		{`attachment; filename=a.pdf"`, "filename", "a.pdf"},
		{`attachment; filename*=utf-8'%C3%9Cbung.pdf`, "filename", "Übung.pdf"},
		{`attachment; filename*=Ann's%20f.pdf`, "filename", "Ann's f.pdf"},
		{"attachment; " + strings.Repeat("x=y; ", 150) + "filename=f.exe", "filename", "f.exe"},
	} {
		m := parseMedia([]byte(c.in))
		if got := m.text(c.name); got != c.want {
			t.Errorf("%s of %q = %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

// TestLooksLikeBase64 has files that are base64 by their looks, and not by their fields: they are listed decoded, and as they came.
func TestLooksLikeBase64(t *testing.T) {
	lines := strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xt\n", 3)
	for why, key := range map[string]string{
		"a checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"a key":      strings.TrimSuffix(lines, "\n"),
	} {
		for _, field := range []string{"", "Content-Transfer-Encoding: 7bit\n", "Content-Transfer-Encoding: quoted-printable\n"} {
			m := Parse([]byte(mixed("Content-Type: application/octet-stream; name=licence.key\n"+field+"\n"+key)), Limits{})
			if n := len(m.Attachments); n != 2 || string(m.Attachments[1].Content) != strings.ReplaceAll(key, "\n", "\r\n") || m.Attachments[1].Filename != "licence.key" {
				t.Errorf("%s, %q: %d attachments", why, field, n)
			}
		}
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ in, label, want string }{
		{"gr\xfc\xdfe", "", "grüße"},
		{"gr\xfc\xdfe", "utf-8", "grüße"},
		{"gr\xc3\xbc\xc3\x9fe", "iso-8859-1", "grüße"},
		{"gr\xc3\xbc\xc3\x9fe", "us-ascii", "grüße"},
		{"\x80 5", "iso-8859-1", "€ 5"},
		{"\xa4 5", "iso-8859-15", "€ 5"},
		{"\xef\xbb\xbfhi", "utf-8", "hi"},
		{"\xff\xfeh\x00i\x00", "", "hi"},
		{"h\x00i\x00", "utf-16le", "hi"},
		{"\x00h\x00i", "utf-16be", "hi"},
		{"\xcf\xf0\xe8\xe2\xe5\xf2", "windows-1251", "Привет"},
		{"\xf0\xd2\xc9\xd7\xc5\xd4", "KOI8-R", "Привет"},
		{"\xc4\xe3\xba\xc3", "gb2312", "你好"},
		{"\x82\xb1\x82\xf1", "cp932", "こん"},
		{"\xa4\xb3\xa4\xf3", "euc-jp", "こん"},
		{"\x1b$B$3$s\x1b(B", "", "こん"},
		{"Hi +AOQ-, +ZeVnLIqe-", "utf-7", "Hi ä, 日本語"},
		{"1 +- 1", "utf-7", "1 + 1"},
		{"~{<:Ky2;~}", "hz-gb-2312", "己所不"},
		{"gr\x81e", "cp850", "grüe"},
		{"gr\xfc\xdfe", "x-strange", "grüße"},
		{"a\x00b", "utf-8", "ab"},
		{"Gr\xc3\xbc\xc3\x9fe \xe2\x82", "utf-8", "Grüße \uFFFD"},
	} {
		if got := decodeCharset([]byte(c.in), c.label, false); got != c.want {
			t.Errorf("decodeCharset(%q, %s) = %q, want %q", c.in, c.label, got, c.want)
		}
	}
	if got := decodeCharset([]byte("<meta http-equiv=content-type content='text/html; charset=windows-1251'>\xcf"), "", true); !strings.HasSuffix(got, "П") {
		t.Errorf("the charset that HTML names: %q", got)
	}
}

func TestQuotedPrintable(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a=\r\nb", "ab"},
		{"a=  \r\nb", "ab"},
		{"a=3D=3d", "a=="},
		{"a=zz=", "a=zz"},
		{"a  \r\nb\t\n", "a\r\nb\n"},
		{"a=20\r\n", "a \r\n"},
		{"a =20 \r\n", "a  \r\n"},
		{"100%=", "100%"},
		{"caf\xc3\xa9", "caf\xc3\xa9"},
	} {
		if got := string(decodeQP([]byte(c.in))); got != c.want {
			t.Errorf("decodeQP(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestUnflow(t *testing.T) {
	for _, c := range []struct {
		in, want string
		delsp    bool
	}{
		{"a \nb\nc\n", "a b\nc\n", false},
		{"a \nb\n", "ab\n", true},
		{"> a \n> b\nc\n", "> a b\nc\n", false},
		{"> a \nb\n", "> a \nb\n", false},
		{">> a \n>> b \n> c\n", ">> a b \n> c\n", false},
		{" > no quote\n From here\n", "> no quote\nFrom here\n", false},
		{"a \n-- \nAnn\n", "a \n-- \nAnn\n", false},
		{"-- \nAnn \nMiller", "-- \nAnn Miller\n", false},
		{">\n> a\n", ">\n> a\n", false},
		{"", "", false},
		{"a ", "a \n", false},
	} {
		if got := unflow(c.in, c.delsp); got != c.want {
			t.Errorf("unflow(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestFilename(t *testing.T) {
	long := strings.Repeat("ü", 300)
	for _, c := range []struct{ in, kind, want string }{
		{"a.pdf", "", "a.pdf"},
		{"../../etc/passwd", "", "passwd"},
		{`C:\Users\ann\a.pdf`, "", "a.pdf"},
		{"/", "application/pdf", "attachment-3.pdf"},
		{"..", "text/plain", "attachment-3.txt"},
		{"", "application/x-strange", "attachment-3"},
		{".htaccess", "", "htaccess"},
		{"a\u202efdp.exe", "", "afdp.exe"},
		{"a\r\nB: c.txt", "", "a B_ c.txt"},
		{"a\x00.txt", "", "a.txt"},
		{"con.txt", "", "_con.txt"},
		{"LPT1", "", "_LPT1"},
		{"a. . .", "", "a"},
		{`<a>|"b"?*.txt`, "", "_a___b___.txt"},
		{"Übersicht 日本.pdf", "", "Übersicht 日本.pdf"},
		{"a\xff.txt", "", "a_.txt"},
		{long + ".docx", "", strings.Repeat("ü", 97) + ".docx"},
	} {
		if got := Filename(c.in, c.kind, 3); got != c.want {
			t.Errorf("Filename(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestKind(t *testing.T) {
	const auto, message = bridge.KindAutoReply, bridge.KindMessage
	for _, c := range []struct {
		head string
		kind bridge.MailKind
		list bool
		auto bool
	}{
		{"Subject: Re: order", message, false, false},
		{"Auto-Submitted: auto-replied", auto, false, true},
		{"Auto-Submitted: AUTO-GENERATED; type=x", auto, false, true},
		{"Auto-Submitted: auto-replied (vacation)", auto, false, true},
		{"Auto-Submitted: no", message, false, false},
		{"Auto-Submitted: no (a person)", message, false, false},
		{"X-Autoreply: yes", auto, false, true},
		{"X-Autorespond: Re: order", auto, false, true},
		{"X-Autoreply: no", message, false, false},
		{"Precedence: auto_reply", auto, false, true},
		{"Precedence: bulk", message, false, true},
		{"Precedence: bulk\nSubject: Out of office: Re: order", auto, false, true},
		{"Return-Path: <>", auto, false, true},
		{"Return-Path: <ann@example.com>", message, false, false},
		{"X-Auto-Response-Suppress: All", message, false, true},
		{"X-Auto-Response-Suppress: OOF\nSubject: Abwesend", auto, false, true},
		{"Subject: Automatische Antwort: Bestellung", auto, false, true},
		{"Subject: Réponse automatique : commande", auto, false, true},
		{"Subject: =?utf-8?b?6Ieq5Yqo5Zue5aSNOiDorqLljZU=?=", auto, false, true},
		{"Subject: Automatic reply", auto, false, true},
		{"Subject: Automatic reply does not work", message, false, false},
		{"Subject: Re: Automatic reply: order", message, false, false},
		{"Subject: Out of office on Friday", message, false, false},
		{"Subject: Urlaub", message, false, false},
		{"List-Id: <a.example.com>", message, true, true},
		{"List-Post: NO", message, false, false},
		{"List-Post: <mailto:a@example.com>", message, true, true},
		{"Precedence: list", message, true, true},
		{"List-Unsubscribe: <mailto:u@example.com>", message, false, true},
		{"List-Id: <a.example.com>\nSubject: Urlaub", message, true, true},
	} {
		m := Parse([]byte("From: ann@example.com\n"+c.head+"\n\nHello\n"), Limits{})
		if m.Kind != c.kind || m.List != c.list || m.AutoSubmitted != c.auto {
			t.Errorf("%q: got %s, list %t, automatic %t; want %s, %t, %t", c.head, m.Kind, m.List, m.AutoSubmitted, c.kind, c.list, c.auto)
		}
	}
}

func TestTokens(t *testing.T) {
	const a, b, c = "abcdefghijklmnopqrst", "bcdefghijklmnopqrstu234567", "cdefghijklmnopqrstuvw"
	m := Parse([]byte("From: ann@example.com\nTo: Desk <Reply+"+strings.ToUpper(a)+"@example.org>\nDelivered-To: reply+"+a+"@example.org\nReferences: <reply+"+b+"@example.org>\n\n"+
		"Hello\n\n> reply+"+c+"@example.org\n> reply+short@example.org reply+"+strings.Repeat("a", 61)+"@x reply+"+a+" noreply\n"), Limits{})
	if got, want := fmt.Sprint(Tokens(m)), fmt.Sprint([]string{a, b, c}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

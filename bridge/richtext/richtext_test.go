package richtext

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func TestClean(t *testing.T) {
	const rel = `rel="noopener noreferrer nofollow" target="_blank"`
	tests := []struct{ why, in, want string }{
		{"nothing", "", ""},
		{"a plain letter", "<p>Dear Ann,</p><p>yes.<br>Bob</p>", "<p>Dear Ann,</p><p>yes.<br>Bob</p>"},
		{"a whole document", "<!DOCTYPE html><html><head><title>x</title><style>p{color:red}</style></head><body class=b>Hi</body></html>", "Hi"},
		{"the direction of the whole document stays", `<html dir="rtl"><body>שלום</body></html>`, `<div dir="rtl">שלום</div>`},
		{"ids, classes and names go", `<p id=a class=b name=c onclick=x() data-x=1>t</p>`, "<p>t</p>"},
		{"scripts go with their text", `a<script>alert(1)</script>b<script>c`, "ab"},
		{"a script in pieces", `<scr<script>ipt>alert(1)</script>`, "ipt&gt;alert(1)"},
		{"a comment that hides markup from some clients", "a<!--[if mso]><b>x</b><![endif]-->b<!--><img src=x onerror=y>-->c", `ab<span data-image="omitted">[image]</span>--&gt;c`},
		{"a link", `<a href="https://example.com/a?b=1&c=2" onclick=x>t</a>`, `<a href="https://example.com/a?b=1&amp;c=2" ` + rel + `>t</a>`},
		{"a link without a scheme goes, its text stays", `<a href="/a">t</a>`, "t"},
		{"javascript", `<a href="javascript:alert(1)">t</a>`, "t"},
		{"javascript in entities and control characters", "<a href='&#1;java&#x0A;scr\tipt&colon;alert(1)'>t</a>", "t"},
		{"data and vbscript", `<a href="data:text/html,x">t</a><a href=" VBScript:x">u</a>`, "tu"},
		{"a quote in a URL", `<a href='https://example.com/"onmouseover="x'>t</a>`, `<a href="https://example.com/%22onmouseover=%22x" ` + rel + `>t</a>`},
		{"mailto and tel", `<a href="MAILTO:a@example.com">m</a><a href="tel:+491234">n</a>`, `<a href="mailto:a@example.com" ` + rel + `>m</a><a href="tel:+491234" ` + rel + `>n</a>`},
		{"an image of the mail", `<img src="cid:Part1@example.com" alt="a plan" width=20 onload=x>`, `<img src="cid:Part1@example.com" alt="a plan" width="20">`},
		{"a remote image", `<img src="https://example.com/l.png" alt="Logo">`, `<span data-image="remote">[Logo]</span>`},
		{"a remote image in every other guise", `<img srcset="https://example.com/x 1x"><img src=//example.com/x><picture><source srcset=x></picture><image src=http://example.com/>`, `<span data-image="omitted">[image]</span><span data-image="remote">[image]</span><span data-image="remote">[image]</span>`},
		{"a tracking pixel leaves no words", `a<img src="https://example.com/p.gif" width="1" height="1">b`, `a<span data-image="remote"></span>b`},
		{"styles that may stay", `<p style="COLOR: Red !important; position:fixed; background:url(x); text-align:center;margin: 0 0 8px;padding:999px">t</p>`, `<p style="color:red;text-align:center;margin:0 0 8px">t</p>`},
		{"styles that reach out", `<p style="background-image:url(https://example.com);width:expression(alert(1));color:red\;behavior:x;margin:-50px">t</p>`, "<p>t</p>"},
		{"old colours", `<font color="#FF0000" face=x>t</font><table bgcolor=white width=300><tr><td align=RIGHT>x</table>`, `<span style="color:#ff0000">t</span><table style="background-color:white;width:300px"><tr><td style="text-align:right">x</td></tr></table>`},
		{"end tags that were left out", "<ul><li>a<li>b</ul><p>c<p>d", "<ul><li>a</li><li>b</li></ul><p>c</p><p>d</p>"},
		{"tags that overlap", "<b>a<i>b</b>c</i>", "<b>a<i>b</i></b>c"},
		{"an end tag can't leave its cell", "<div><table><tr><td>a</div>b</td></tr></table></div>", "<div><table><tr><td>ab</td></tr></table></div>"},
		{"a form becomes its text", `<form action=x><input value=y><button>Go</button><textarea><b>x</textarea></form>`, "<div>Go&lt;b&gt;x</div>"},
		{"foreign content goes, and ends where a browser ends it", `a<svg><style><img src=x onerror=y></style><text>b</text></svg>c<math><mi>d<p>e</p>`, "ac<p>e</p>"},
		{"an attack that waits for the second parse", `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`, `<table><span data-image="omitted">[image]</span></table>`},
		{"noscript that changes meaning", `<noscript><p title="</noscript><img src=x onerror=y>">`, `<span data-image="omitted">[image]</span>&#34;&gt;`},
		{"a hidden preheader", `<div style="display:none;max-height:0">read me <div>too</div></div>Dear`, "Dear"},
		{"a hidden paragraph without an end", `<p style="display: none">read me<p>Dear`, "<p>Dear</p>"},
		{"unknown elements keep their text", "<o:p>a</o:p><x-y z=1>b</x-y>", "ab"},
		{"control characters and broken UTF-8", "a\x00b\xffc\r\nd", "ab\uFFFDc\nd"},
		{"refresh and base", `<meta http-equiv=refresh content="0;url=x"><base href="https://example.com"><link rel=stylesheet href=x>t`, "t"},
		{"a mark of ours in a letter", `<span data-image="evil">t</span><span data-image="remote">u</span>`, `t<span data-image="remote">u</span>`},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r, err := Clean(tt.in)
			if err != nil || r.HTML != tt.want {
				t.Errorf("got  %s (%v)\nwant %s", r.HTML, err, tt.want)
			}
			checkClean(t, tt.in)
		})
	}
}

func TestCleanCounts(t *testing.T) {
	r, err := Clean(`<img src=https://example.com/a><img src=cid:x><img src=cid:y><img src=CID:x><img src=http://example.com alt="">`)
	if err != nil || r.RemoteImages != 2 || !slices.Equal(r.ContentIDs, []string{"x", "y"}) {
		t.Errorf("got %d remote, %v (%v)", r.RemoteImages, r.ContentIDs, err)
	}
	again, err := Clean(r.HTML)
	if err != nil || again.RemoteImages != 2 || again.HTML != r.HTML {
		t.Errorf("the second time: got %d remote (%v)", again.RemoteImages, err)
	}
}

func TestCleanTooLarge(t *testing.T) {
	if _, err := Clean(strings.Repeat("a", MaxSize+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if _, err := Clean(strings.Repeat(`"`, MaxSize/2)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("what grows: got %v, want ErrTooLarge", err)
	}
}

// checkClean cleans twice and reads the result the way a browser does, looking for anything that must not be there.
func checkClean(t *testing.T, in string) {
	t.Helper()
	once, err := Clean(in)
	if err != nil {
		return
	}
	twice, err := Clean(once.HTML)
	if err != nil || twice.HTML != once.HTML {
		t.Errorf("cleaning again changes it (%v)\nin    %q\nonce  %q\ntwice %q", err, in, once.HTML, twice.HTML)
	}
	for _, scripting := range []bool{true, false} {
		doc, err := html.ParseWithOptions(strings.NewReader(once.HTML), html.ParseOptionEnableScripting(scripting))
		if err != nil {
			t.Fatalf("parse: %v\n%q", err, once.HTML)
		}
		for n := range doc.Descendants() {
			if err := forbidden(n); err != nil {
				t.Errorf("%v\nin  %q\nout %q", err, in, once.HTML)
			}
		}
		// A tree written out and read again must not change its meaning either.
		var b strings.Builder
		if err := html.Render(&b, doc); err != nil {
			t.Fatal(err)
		}
		if doc, err = html.Parse(strings.NewReader(b.String())); err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if err := forbidden(n); err != nil {
				t.Errorf("after writing the tree: %v\nin  %q\nout %q", err, in, b.String())
			}
		}
	}
}

func forbidden(n *html.Node) error {
	switch n.Type {
	case html.CommentNode, html.DoctypeNode:
		return fmt.Errorf("a comment or doctype: %q", n.Data)
	case html.ElementNode:
	default:
		return nil
	}
	if n.Namespace != "" {
		return fmt.Errorf("foreign element %s", n.Data)
	}
	ok := slices.Contains([]string{"html", "head", "body", "colgroup"}, n.Data)
	for _, e := range elements {
		ok = ok || e.name == n.Data
	}
	if !ok {
		return fmt.Errorf("element %s", n.Data)
	}
	for _, a := range n.Attr {
		switch a.Key {
		case "href":
			if n.Data != "a" || !slices.ContainsFunc([]string{"http://", "https://", "mailto:", "tel:"}, func(p string) bool { return strings.HasPrefix(a.Val, p) }) {
				return fmt.Errorf("%s href=%q", n.Data, a.Val)
			}
		case "src":
			if n.Data != "img" || !strings.HasPrefix(a.Val, "cid:") {
				return fmt.Errorf("%s src=%q", n.Data, a.Val)
			}
		case "style":
			for _, bad := range []string{"url", "expression", "position", "@", "\\", "/*", "behavior", "var(", "\""} {
				if strings.Contains(a.Val, bad) {
					return fmt.Errorf("%s style=%q", n.Data, a.Val)
				}
			}
		case "alt", "rel", "target", "width", "height", "colspan", "rowspan", "border", "cellpadding", "cellspacing", "start", "value", "type", "dir", "lang", markKey:
		default:
			return fmt.Errorf("%s %s=%q", n.Data, a.Key, a.Val)
		}
	}
	return nil
}

func TestCleanIsLinear(t *testing.T) {
	units := map[string]string{
		"unclosed": "<div>", "inline unclosed": "<b><i>", "empty elements": "<b></b>", "unmatched ends": "</p></b>", "paragraphs": "<p>a<b>",
		"attributes": "<p a=b ", "quotes": `<a href="`, "comment": "<!--", "less": "<", "ampersands": "&", "styles": `<p style="a:b;;">`, "svg": "<svg>", "cells": "<table><td>",
		"hidden": `<div style="display:none">`, "list items": "<ul><li>", "text": "word ", "script": "<script>", "template": "<template>", "raw": "<plaintext>", "anchors": "<a href=http://x>",
	}
	for name, unit := range units {
		t.Run(name, func(t *testing.T) {
			in := strings.Repeat(unit, (1<<18)/len(unit))
			begin := time.Now()
			r, err := Clean(in)
			if err != nil && !errors.Is(err, ErrTooLarge) {
				t.Fatal(err)
			}
			Text(r.HTML)
			FromText(in)
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("256 kB took %v", d)
			}
		})
	}
	in := strings.Repeat("<div style='color:red'>a", 5000)
	checkClean(t, in)
}

func TestText(t *testing.T) {
	tests := []struct{ why, in, want string }{
		{"nothing", "", ""},
		{"paragraphs", "<p>a\n b</p><p>c<br>d</p>", "a b\n\nc\nd"},
		{"lines of a web mail", "<div>a</div><div><br></div><div>b</div>", "a\n\nb"},
		{"lists", "<p>x</p><ul><li>a<ul><li>b</li></ul></li></ul><ol start=3><li>c</li><li>d</li></ol>", "x\n\n- a\n  - b\n\n3. c\n4. d"},
		{"a link that says something else", `see <a href="https://example.com/x">this page</a>.`, "see this page <https://example.com/x>."},
		{"a link that says itself", `<a href="https://example.com/">example.com</a> <a href="mailto:a@example.com">a@example.com</a> <a href="tel:+49123">+49 1 23</a>`, "example.com a@example.com +49 1 23"},
		{"a quote", "<p>a</p><blockquote><p>b</p><blockquote>c</blockquote></blockquote>d", "a\n\n> b\n\n> > c\n\nd"},
		{"code keeps its spaces", "<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"},
		{"a table", "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a\tb\n1\t2"},
		{"an image", `<img src="cid:x" alt="plan"> and <span data-image="remote">[Logo]</span>`, "[plan] and [Logo]"},
		{"entities", "a &lt;b&gt; &amp;amp; c&nbsp;d", "a <b> &amp; c d"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := Text(tt.in); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestFromText(t *testing.T) {
	const rel = `rel="noopener noreferrer nofollow" target="_blank"`
	tests := []struct{ why, in, want string }{
		{"nothing", " \n", ""},
		{"paragraphs and lines", "a\nb\n\n\nc\n", "<p>a<br>\nb</p>\n<p>c</p>"},
		{"markup is text", "<b>&amp;</b>", "<p>&lt;b&gt;&amp;amp;&lt;/b&gt;</p>"},
		{"a link at the end of a sentence", "(see https://example.com/a_(b)).", `<p>(see <a href="https://example.com/a_(b)" ` + rel + `>https://example.com/a_(b)</a>).</p>`},
		{"a link in angle brackets", "<HTTP://example.com/?a=1&b=2>", `<p>&lt;<a href="http://example.com/?a=1&amp;b=2" ` + rel + `>HTTP://example.com/?a=1&amp;b=2</a>&gt;</p>`},
		{"an address", "Ask ann.b@example.co.uk, please", `<p>Ask <a href="mailto:ann.b@example.co.uk" ` + rel + `>ann.b@example.co.uk</a>, please</p>`},
		{"not an address", "a@b @c d@ e@f. x@y..", "<p>a@b @c d@ e@f. x@y..</p>"},
		{"no other scheme", "javascript:alert(1) data:x ftp://example.com", "<p>javascript:alert(1) data:x ftp://example.com</p>"},
		{"indentation", "if x:\n    y  z", "<p>if x:<br>\n\u00a0\u00a0\u00a0\u00a0y\u00a0 z</p>"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := FromText(tt.in); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			checkFromText(t, tt.in)
		})
	}
}

// checkFromText asserts that what FromText makes is clean already.
func checkFromText(t *testing.T, in string) {
	t.Helper()
	made := FromText(in)
	if r, err := Clean(made); err == nil && r.HTML != made {
		t.Errorf("not clean\nin    %q\nmade  %q\nclean %q", in, made, r.HTML)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"<p>a<p>b", `<a href="java&#10;script:x">`, `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1&gt;">`,
		`<svg><p><style><g title="</style><img src=x>">`, `<table><a href=http://x><td><div><p><table>`, `<img src=cid:a alt="x"><img src=http://a>`,
		`<p style="color:rgb(1,2,3);margin:1px 2px;width:3px">`, "<plaintext>", "<textarea><a>", "<template><p></template>", "<html dir=rtl><body><a><b></html>", "<select><option>a<li>b<dd>c<h1><a>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		checkClean(t, in)
		Text(in)
	})
}

func FuzzFromText(f *testing.F) {
	f.Add("a https://example.com/(x). b@example.com  c\n\n\td mailto:x")
	f.Fuzz(checkFromText)
}

func BenchmarkClean(b *testing.B) {
	in := strings.Repeat(`<div dir="ltr"><p style="margin:0;color:#123456">Hello <b>Ann</b>, see <a href="https://example.com/x?y=1">this</a>.</p><br></div>`, 16)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Clean(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromText(b *testing.B) {
	in := strings.Repeat("Hello Ann, see https://example.com/x?y=1 and write to ann@example.com.\n", 30)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		FromText(in)
	}
}

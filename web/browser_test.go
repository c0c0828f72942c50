package web_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"letterlock/bridge"
)

// tab is a tab of a real browser.
type tab struct {
	w   *world
	ctx context.Context

	mu     sync.Mutex
	faults []string // what the browser complained about
}

// chromium starts a browser, or skips the test where there is none.
func (w *world) chromium() *tab {
	w.t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("LETTERLOCK_TEST_REQUIRE") == "all" {
			w.t.Fatal("there is no browser: install chromium")
		}
		w.t.Skip("there is no browser: install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.IgnoreCertErrors, chromedp.Flag("disable-background-networking", true))
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	w.t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	w.t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	w.t.Cleanup(closeTab)
	b := &tab{w: w, ctx: ctx}
	w.must(chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == "error" || e.Entry.Level == "warning" {
				b.fault(e.Entry.Text + " " + e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			b.fault(fmt.Sprintf("exception: %+v", e.ExceptionDetails))
		}
	}))
	b.call(chromedp.Call(ctx, cdplog.Enable, cdp.Empty{}))
	b.call(chromedp.Call(ctx, runtime.Enable, cdp.Empty{}))
	return b
}

func (b *tab) call(_ cdp.Empty, err error) {
	b.w.t.Helper()
	b.w.must(err)
}

func (b *tab) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// calm fails if the browser complained: about our policy, a script, or something that is missing.
func (b *tab) calm() {
	b.w.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.w.t.Errorf("the browser says: %s", f)
	}
	b.faults = nil
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.w.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.w.t.Fatalf("at %s: %v", at, err)
	}
}

func (b *tab) open(path string) { b.w.t.Helper(); b.run(chromedp.Navigate(b.w.url + path)) }

// number evaluates a script of the test's own in the page.
func (b *tab) number(script string) int {
	b.w.t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](script))
	b.w.must(err)
	return int(n)
}

func (b *tab) text(script string) string {
	b.w.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script))
	b.w.must(err)
	return s
}

// until waits for a script to be true.
func (b *tab) until(script string) {
	b.w.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script)); err == nil && ok {
			return
		}
	}
	b.w.t.Fatalf("at %s: %s never became true", b.text("location.href"), script)
}

func (b *tab) click(selector string) {
	b.w.t.Helper()
	b.run(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) typeInto(selector, text string) {
	b.w.t.Helper()
	b.run(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// signIn signs somebody in by code.
func (b *tab) signIn(p bridge.Person) {
	b.w.t.Helper()
	b.w.outgoing()
	b.open("/sign-in")
	b.typeInto("#email", p.Address)
	b.click("form .btn")
	b.until(`!!document.querySelector("#code")`)
	b.typeInto("#code", b.w.code())
	b.click("form .btn")
	b.until(`!document.querySelector("#code")`)
}

// A customer follows the link of a notice in a real browser, reads, answers with a file, and leaves; with scripts and without.
func TestRealBrowser(t *testing.T) {
	w := newWorld(t)
	ctx, staff := t.Context(), bridge.AsPerson(w.staff.ID)
	var dot bytes.Buffer
	im := image.NewGray(image.Rect(0, 0, 300, 300))
	im.Set(1, 1, color.White)
	w.must(png.Encode(&dot, im))
	picture, err := w.g.StageFile(ctx, staff, "dot.png", "image/png", &dot)
	w.must(err)
	picture.ContentID, picture.Inline = "dot@example.org", true
	_, err = w.g.Post(ctx, staff, bridge.Post{Thread: w.thread.ID, HTML: `<p style="color:#a00">Formatted.</p><img src="cid:dot@example.org" alt="a dot">` + strings.Repeat("<p>line</p>", 40), Files: []bridge.Attachment{picture}})
	w.must(err)
	link := w.link(w.mina)
	b := w.chromium()

	b.open(link)
	b.click("form .btn")
	b.until(`!!document.querySelector("#code")`)
	b.typeInto("#code", w.code())
	b.click("form .btn")
	b.until(`location.pathname.startsWith("/t/")`)
	if title := b.text("document.title"); strings.Contains(title, "Your results") {
		t.Errorf("the title %q, which browsers keep in their history, has the subject", title)
	}

	b.click("details:has(iframe) summary")
	b.until(`(() => { const d = document.querySelector("iframe.paper").contentDocument, i = d && d.querySelector("img"); return !!i && i.complete && i.naturalWidth === 300 })()`)
	b.until(`document.querySelector("iframe.paper").offsetHeight > 1000`)

	b.typeInto("#text", "Half a thought")
	b.run(chromedp.Navigate(b.text("location.href.split('#')[0]")))
	b.until(`document.querySelector("#text").value === "Half a thought"`)
	name := filepath.Join(t.TempDir(), "plan.txt")
	w.must(os.WriteFile(name, []byte("the plan"), 0o600))
	b.run(chromedp.SetUploadFiles(chromedp.CSS("#files"), []string{name}))
	b.until(`document.querySelector(".chosen li").textContent === "plan.txt, 8 B"`)
	b.typeInto("#text", ", and the rest of it.")
	b.click("#answer .btn")
	b.until(`!!document.querySelector(".flash")`)
	b.until(`document.body.textContent.includes("Half a thought, and the rest of it.") && document.body.textContent.includes("plan.txt")`)
	if kept := b.number("Object.keys(sessionStorage).length"); kept != 0 || b.text(`document.querySelector("#text").value`) != "" {
		t.Errorf("%d drafts are kept after sending", kept)
	}
	b.calm()

	_, err = chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	w.must(err)
	b.open("/t/" + w.thread.ID.String())
	b.typeInto("#text", "Without scripts.")
	b.click("#answer .btn")
	b.until(`document.body.textContent.includes("Without scripts.") && !!document.querySelector(".flash")`)
	b.click("footer button")
	b.until(`location.pathname === "/sign-in"`)
	b.open("/")
	b.until(`location.pathname === "/sign-in"`)
	b.calm()
}

// Every page fits a small phone and a desktop, in the light and the dark, and the browser finds nothing to complain about.
func TestRealPages(t *testing.T) {
	w := newWorld(t)
	held := w.held("stranger@example.net", "Re: a subject", "Text.")
	long := strings.Repeat("averylongwordwithoutanyspace", 12)
	_, err := w.g.Post(t.Context(), bridge.AsPerson(w.mina.ID), bridge.Post{Thread: w.thread.ID, Text: long + "\n> " + long + "\nhttps://" + long + ".example/"})
	w.must(err)
	_, _, err = w.g.StartThread(t.Context(), bridge.AsPerson(w.mina.ID), bridge.ThreadStart{Subject: long[:250], Text: "שלום"})
	w.must(err)
	w.index()
	b := w.chromium()
	thread := w.thread.ID.String()
	shots := os.Getenv("LETTERLOCK_GALLERY")
	visit := func(paths ...string) {
		for _, width := range []int64{320, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 500})
				w.must(err)
				_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				w.must(err)
				for _, path := range paths {
					b.open(path)
					if got := b.number("document.documentElement.scrollWidth"); int64(got) > width {
						t.Errorf("%s is %d wide on a screen of %d", path, got, width)
					}
					// WCAG 2.2, 2.5.8: what one presses is at least 24 by 24, unless it stands in a line of text.
					small := b.text(`[...document.querySelectorAll("button, input:not([type=hidden]), select, summary, nav a, .btn")].filter(e => e.offsetParent && e.type !== "checkbox" && e.type !== "radio" && (e.offsetHeight < 24 || e.offsetWidth < 24)).map(e => e.outerHTML).join("\n")`)
					if small != "" {
						t.Errorf("%s: too small to press: %s", path, small)
					}
					if shots != "" {
						shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
						w.must(err)
						file := fmt.Sprintf("real%s-%d-%s.png", strings.ReplaceAll(strings.ReplaceAll(path, thread, "thread"), "/", "-"), width, scheme)
						w.must(os.WriteFile(filepath.Join(shots, file), shot, 0o600))
					}
				}
			}
		}
		b.calm()
	}
	visit("/sign-in", "/sign-in/code")
	b.signIn(w.mina)
	visit("/", "/t/"+thread, "/new", "/account", "/search", "/search?q="+long[:100], "/search?q=dear+results")
	b.click("footer button")
	b.until(`location.pathname === "/sign-in"`)
	b.signIn(w.admin)
	visit("/desk", "/desk/search?q=dear", "/desk?show=waiting", "/desk?show=closed", "/desk/t/"+thread, "/desk/new", "/desk/contacts", "/desk/contacts/"+w.mina.ID.String(), "/desk/held", "/desk/held/"+held.String(),
		"/admin", "/admin/mode/loosen", "/admin/people", "/admin/people/"+w.staff.ID.String(), "/admin/keys", "/admin/queue?state=queued", "/admin/mail")
}

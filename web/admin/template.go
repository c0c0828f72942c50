package admin

import (
	"errors"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/wording"
	"letterlock/web/page"
)

type templateView struct {
	Office         []page.Link
	Title, About   string
	Language, Dir  string
	Tag, Base      string
	Own            bool
	Subject, Words string
	Holds          []wording.Placeholder
	Needs          string
	MaxSubject     int
	MaxWords       int
	Versions       []versionLine
	Flaw           string
	Shown          int // the version whose words are shown, where that is not the newest
}

type versionLine struct {
	Version int
	At      time.Time
	Who     string
	Reset   bool
	Href    string
}

// which reads from the path which template is meant.
func which(v *page.Visit) (wording.Kind, string) {
	return wording.Kind(v.R.PathValue("kind")), v.R.PathValue("language")
}

// template is GET /admin/words/KIND/LANGUAGE: one kind of mail in one language, to be edited.
func (a *Admin) template(v *page.Visit) error {
	version := 0
	if text := v.R.URL.Query().Get("version"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return bridge.ErrNotFound
		}
		version = n
	}
	return a.showTemplate(v, version, nil, page.Form{})
}

func (a *Admin) showTemplate(v *page.Visit, version int, wrong error, typed page.Form) error {
	kind, language := which(v)
	t, err := a.gateway.Template(v.Context(), v.Actor(), kind, language, version)
	if err != nil {
		return err
	}
	view := templateView{
		Office: office("/admin/words"), Title: t.Spec.Title, About: t.Spec.About, Language: t.Language.Name, Dir: t.Language.Direction, Tag: t.Language.Tag,
		Base: wordsPath(kind, language), Own: t.Own, Subject: t.Subject, Words: t.Source, Holds: t.Spec.Holds, Needs: t.Spec.Needs,
		MaxSubject: wording.MaxSubject, MaxWords: wording.MaxSource,
	}
	names := map[bridge.ID]string{}
	for i, one := range t.Versions {
		line := versionLine{Version: one.Version, At: one.At, Reset: one.Reset, Who: "A program or the operator"}
		if !one.By.IsZero() {
			if line.Who, err = a.nameOf(v, one.By, names); err != nil {
				return err
			}
		}
		if !one.Reset && (i > 0 || version > 0) {
			line.Href = view.Base + "?version=" + strconv.Itoa(one.Version)
		}
		if one.Version == version && i > 0 {
			view.Shown = version
		}
		view.Versions = append(view.Versions, line)
	}
	status := http.StatusOK
	if wrong != nil {
		status, view.Flaw = page.Status(wrong), explained(wrong)
	}
	if typed.Get("subject") != "" || typed.Get("words") != "" {
		view.Subject, view.Words = typed.Get("subject"), typed.Get("words")
	}
	return v.RenderStatus(status, a.book, "template", page.Frame{Title: view.Title + ", " + view.Language, Shape: "wide", View: view})
}

// setTemplate is POST /admin/words/KIND/LANGUAGE: it saves, resets or sends a test, as the button says.
func (a *Admin) setTemplate(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	kind, language := which(v)
	subject, words := form.Get("subject"), form.Get("words")
	done := "Saved. The next mail of this kind has these words."
	switch form.Get("do") {
	case "reset":
		done = "Back to the words that come with Letterlock."
		err = a.gateway.ResetTemplate(v.Context(), v.Actor(), kind, language)
	case "test":
		err = a.gateway.SendSample(v.Context(), v.Actor(), kind, language, subject, words)
		if err == nil {
			v.Flash(page.Flash{Text: "A test is on its way to you. Nothing was saved."})
			return a.showTemplate(v, 0, nil, form)
		}
	default:
		err = a.gateway.SetTemplate(v.Context(), v.Actor(), kind, language, subject, words)
	}
	switch {
	case errors.Is(err, bridge.ErrInvalid):
		return a.showTemplate(v, 0, err, form)
	case errors.Is(err, bridge.ErrTooMany):
		v.Flash(page.Flash{Text: "Ten tests in a quarter of an hour are enough. Please wait a little.", Bad: true})
		return a.showTemplate(v, 0, nil, form)
	case err != nil:
		return err
	}
	v.Flash(page.Flash{Text: done})
	return v.Redirect(wordsPath(kind, language))
}

// previewPolicy is for a mail in its frame: its own styles, the logo that it carries, and nothing else.
const previewPolicy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin"

// preview is POST /admin/words/KIND/LANGUAGE/preview: the mail as it would look, for the frame beside the form.
func (a *Admin) preview(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	return a.showPreview(v, form.Get("subject"), form.Get("words"))
}

// previewSaved is GET of the same: what is saved.
func (a *Admin) previewSaved(v *page.Visit) error {
	kind, language := which(v)
	t, err := a.gateway.Template(v.Context(), v.Actor(), kind, language, 0)
	if err != nil {
		return err
	}
	return a.showPreview(v, t.Subject, t.Source)
}

func (a *Admin) showPreview(v *page.Visit, subject, words string) error {
	kind, language := which(v)
	set, err := a.gateway.PreviewTemplate(v.Context(), v.Actor(), kind, language, subject, words)
	out := ""
	switch {
	case errors.Is(err, bridge.ErrInvalid):
		out = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Preview</title></head><body style="font-family:sans-serif"><p role="alert"><b>This can't be sent:</b> ` +
			html.EscapeString(explained(err)) + `</p></body></html>`
	case err != nil:
		return err
	default:
		beside := `<div dir="auto" style="max-width:560px;margin:0 auto;padding:12px 12px 0 12px;font-family:sans-serif;font-size:14px;background-color:#ffffff;color:#1d2329"><b>` + html.EscapeString(set.Subject) + `</b></div>`
		plain := `<pre dir="auto" style="max-width:560px;margin:12px auto;padding:12px;white-space:pre-wrap;overflow-wrap:anywhere;background-color:#ffffff;color:#1d2329;font-size:13px">` + html.EscapeString(set.Text) + `</pre>`
		at := strings.Index(set.HTML, "<table id=")
		out = set.HTML[:at] + beside + strings.Replace(set.HTML[at:], "</body>", plain+"</body>", 1)
	}
	h := v.W.Header()
	h.Set("Content-Security-Policy", previewPolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	if v.R.Method != http.MethodHead {
		_, _ = v.W.Write([]byte(out)) // the browser went away; there is nobody to tell
	}
	return nil
}

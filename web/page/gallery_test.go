package page_test

import (
	"os"
	"testing"

	"letterlock/web/page"
	"letterlock/web/page/pagetest"
)

// TestGallery sets the error page as visitors meet it.
func TestGallery(t *testing.T) {
	b := pagetest.Book(t, os.DirFS("."), "templates/error.html")
	pagetest.Set(t, b, "error", "page-error", page.Frame{Title: "There is nothing here", Shape: "card", View: page.Failure{
		Heading: "There is nothing here", Words: "The page doesn't exist, or it isn't yours to see.", Link: "To your messages", Href: "/",
	}})
	pagetest.Set(t, b, "error", "page-error-detail", page.Frame{Title: "Something went wrong here", Shape: "card", Who: "Mina Okafor", View: page.Failure{
		Heading: "Something went wrong here", Words: "It is our fault, not yours. It has been written down; please try again.", Detail: "A subject is needed.", Reference: "k3v7q2m9xa", Link: "To your messages", Href: "/",
	}})
}

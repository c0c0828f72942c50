package reply_test

import (
	"fmt"

	"letterlock/mailin/reply"
)

func Example() {
	r := reply.Text(`Monday is fine.

Sent from my iPhone

On 1 May 2024, at 15:04, Bob <bob@example.org> wrote:

> Does Monday suit you?
`)
	fmt.Println(r.Visible())
	for _, s := range r.Spans {
		fmt.Printf("%s (%s)\n", s.Kind, s.Why)
	}
	// Output:
	// Monday is fine.
	// new ()
	// signature (a signature that a program adds)
	// attribution (introduces a quote)
	// quote (quote marks)
}

// Inline answers stay below the lines they answer.
func ExampleResult_Visible() {
	r := reply.Text(`On 1/5/24 15:04, Bob wrote:
> Hi Ann,
>
> does Monday suit you?

Yes.

> And who brings the plan?

I do.

> Bob
`)
	fmt.Println(r.Visible())
	// Output:
	// > does Monday suit you?
	//
	// Yes.
	//
	// > And who brings the plan?
	//
	// I do.
}

// The elements that clients put around quotes and signatures are known, also in mail that passed through other clients.
func ExampleHTML() {
	r := reply.HTML(`<div>Monday is fine.</div><div class="gmail_signature">Ann</div><div class="gmail_quote">` +
		`<div class="gmail_attr">On Wed, 1 May 2024 at 15:04, Bob wrote:</div><blockquote>Does Monday suit you?</blockquote></div>`)
	for _, s := range r.Spans {
		fmt.Printf("%s: %q\n", s.Kind, s.Text)
	}
	// Output:
	// new: "Monday is fine.\n"
	// signature: "Ann\n"
	// attribution: "On Wed, 1 May 2024 at 15:04, Bob wrote:\n"
	// quote: "> Does Monday suit you?\n"
}

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

package mailin_test

import (
	"fmt"

	"letterlock/mailin"
)

func ExampleParse() {
	m := mailin.Parse([]byte("From: Ann Miller <ann@example.com>\n"+
		"To: reply+abcdefghijklmnopqrstuvwxyz@mail.example.org\n"+
		"Subject: Re: Your order\n"+
		"\n"+
		"It has come, thank you.\n"+
		"\n"+
		"On Thursday, Support wrote:\n"+
		"> The parcel left yesterday.\n"), mailin.DefaultLimits())
	fmt.Println(m.Kind, "from", m.From[0].Name)
	fmt.Println(m.Reply)
	fmt.Println(mailin.Tokens(m))
	// Output:
	// message from Ann Miller
	// It has come, thank you.
	// [abcdefghijklmnopqrstuvwxyz]
}

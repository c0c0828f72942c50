package mailin

import "strings"

// unflow joins the lines of format=flowed text (RFC 3676). Quote marks are kept, written with one space behind them.
func unflow(s string, delsp bool) string {
	var out strings.Builder
	out.Grow(len(s))
	depth := -1 // quote depth of the paragraph that is open; -1 for none
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		n := 0
		for n < len(line) && line[n] == '>' {
			n++
		}
		text := line[n:]
		// Space-stuffing (section 4.4). After quote marks the space is also the habit of writers.
		text = strings.TrimPrefix(text, " ")
		signature := text == "-- "
		if depth >= 0 && (depth != n || signature) {
			out.WriteByte('\n')
			depth = -1
		}
		if depth < 0 && n > 0 {
			out.WriteString(line[:n])
			if text != "" {
				out.WriteByte(' ')
			}
		}
		if strings.HasSuffix(text, " ") && !signature {
			if delsp {
				text = text[:len(text)-1]
			}
			out.WriteString(text)
			depth = n
			continue
		}
		out.WriteString(text)
		out.WriteByte('\n')
		depth = -1
	}
	if depth >= 0 {
		out.WriteByte('\n')
	}
	return out.String()
}

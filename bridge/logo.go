package bridge

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
)

// Bounds of a logo. It travels with every notice, so it is small.
const (
	MaxLogo       = 48 << 10 // octets
	maxLogoPixels = 1600     // in each direction
	logoWidth     = 240      // at most, as shown
	logoHeight    = 64
)

// Logo is a picture that stands at the top of content-free mails. The zero Logo is none.
type Logo struct {
	Type    string // image/png or image/jpeg
	Width   int    // in pixels, as shown
	Height  int
	Content []byte
}

// Filename is what the part of a mail is called that carries it.
func (l Logo) Filename() string {
	if l.Type == "image/jpeg" {
		return "logo.jpg"
	}
	return "logo.png"
}

// readLogo reads a PNG or a JPEG and writes it anew, so that nothing leaves but the picture: no place where a photograph was taken, no
// comment, nothing behind its end. Its errors wrap ErrInvalid or ErrTooLarge.
func readLogo(content []byte) (Logo, error) {
	if len(content) > MaxLogo {
		return Logo{}, fmt.Errorf("the logo may have %d kB, since it travels with every notice: %w", MaxLogo>>10, ErrTooLarge)
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil || (format != "png" && format != "jpeg") {
		return Logo{}, fmt.Errorf("the logo is neither a PNG nor a JPEG: %w", ErrInvalid)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxLogoPixels || c.Height > maxLogoPixels {
		return Logo{}, fmt.Errorf("the logo may be %d pixels wide and high: %w", maxLogoPixels, ErrInvalid)
	}
	picture, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return Logo{}, fmt.Errorf("the logo is damaged: %w", ErrInvalid)
	}
	l := Logo{Type: "image/" + format}
	var out bytes.Buffer
	if format == "png" {
		err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture)
	} else {
		err = jpeg.Encode(&out, picture, &jpeg.Options{Quality: 90})
	}
	if err != nil {
		return Logo{}, fmt.Errorf("the logo can't be written: %w", ErrInvalid)
	}
	if out.Len() > MaxLogo {
		return Logo{}, fmt.Errorf("the logo may have %d kB, since it travels with every notice; with fewer pixels it would fit: %w", MaxLogo>>10, ErrTooLarge)
	}
	l.Content = out.Bytes()
	l.Width, l.Height = c.Width, c.Height
	if l.Width > logoWidth {
		l.Width, l.Height = logoWidth, max(l.Height*logoWidth/l.Width, 1)
	}
	if l.Height > logoHeight {
		l.Width, l.Height = max(l.Width*logoHeight/l.Height, 1), logoHeight
	}
	return l, nil
}

package mailout

import (
	"context"
	"slices"

	"letterlock/bridge"
)

// sign puts the signatures before a mail. It is the last that is done to it: whatever changes afterwards would break them.
func (w *Worker) sign(ctx context.Context, data []byte) ([]byte, error) {
	if w.c.Signer == nil {
		return data, nil
	}
	fields, err := w.c.Signer.Sign(ctx, data)
	if err != nil || len(fields) == 0 {
		return data, err
	}
	return slices.Concat(fields, data), nil
}

// unsigned is what becomes of a delivery that could not be signed: it waits, since a mail without the signature that receivers expect of us may
// be taken for somebody else's.
func (w *Worker) unsigned(ctx context.Context, d bridge.Delivery, err error) outcome {
	if ctx.Err() != nil {
		return outcome{back: true}
	}
	w.c.Log.ErrorContext(ctx, "mail not signed", "delivery", d.ID, "error", err)
	return outcome{state: bridge.Deferred, said: "it could not be signed; the log knows more"}
}

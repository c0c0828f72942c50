package page

import "context"

type referenceKey struct{}

// WithReference gives a request a name that its log lines and its error page share.
func WithReference(ctx context.Context, ref string) context.Context {
	return context.WithValue(ctx, referenceKey{}, ref)
}

// Reference returns that name, or nothing.
func Reference(ctx context.Context) string {
	ref, _ := ctx.Value(referenceKey{}).(string)
	return ref
}

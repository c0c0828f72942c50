package main

import (
	"context"
	"fmt"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// Keys that are not in a file can't be changed where they are. So a change of keys is printed, for whoever runs it to put in their place.

// printable returns an error if the keys should not be printed where they would go.
func (c *rekeyCommand) printable(env *environment) error {
	if c.KeepOld != "" {
		return usagef("--keep-old is about a key file, and the keys come from %s: keep what it gives now, as long as you keep backups of before", c.keysFrom())
	}
	if isTerminal(env.stdout) {
		return usagef("the keys come from %s, so new ones are printed, and everybody who looks on would see them: send standard output to a file that only you can read, or into your secret store", c.keysFrom())
	}
	return nil
}

// printAdded prints the keys with new ones that seal from then on. Nothing is sealed with those before they are in use.
func (c *rekeyCommand) printAdded(ctx context.Context, env *environment, k *kept) error {
	fresh, err := k.keys.Copy()
	if err != nil {
		return err
	}
	if err := fresh.AddKey(); err != nil {
		return err
	}
	if err := k.gateway.NoteKeys(ctx, bridge.AsOperator(), fmt.Sprintf("key %08x made, for %s", fresh.KeyID(), c.keysFrom())); err != nil {
		return err
	}
	if err := printKeys(env, fresh); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stderr, "nothing has changed yet: put what was printed in the place of what %s gives now, stop all gateways, start them again, and then run \"letterlock rekey\" again\n", c.keysFrom())
	return err
}

// printRetired prints the keys without old ones.
func (c *rekeyCommand) printRetired(ctx context.Context, env *environment, k *kept) error {
	fresh, err := k.keys.Copy()
	if err != nil {
		return err
	}
	if err := fresh.Retire(); err != nil {
		return err
	}
	if err := k.gateway.NoteKeys(ctx, bridge.AsOperator(), fmt.Sprintf("all keys but %08x retired, for %s", fresh.KeyID(), c.keysFrom())); err != nil {
		return err
	}
	if err := printKeys(env, fresh); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stderr, "put what was printed in the place of what %s gives now, and start all gateways again; keep what it gives now elsewhere, for as long as you keep backups of before\n", c.keysFrom())
	return err
}

func printKeys(env *environment, k *seal.Keyring) error {
	text, err := k.Marshal()
	if err != nil {
		return err
	}
	if _, err := env.stdout.Write(text); err != nil {
		return fmt.Errorf("print the keys: %w", err)
	}
	return nil
}

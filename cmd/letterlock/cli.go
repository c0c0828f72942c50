package main

// cli is the command line. The order is that of the help.
type cli struct {
	Demo      demoCommand      `cmd:"" help:"Try Letterlock on this machine: everything on loopback, with people, conversations and a mailbox to look into."`
	Init      initCommand      `cmd:"" help:"Make a configuration file, a data folder, a key file and keys to sign mail with, and print the DNS records to publish."`
	Serve     serveCommand     `cmd:"" help:"Run the gateway."`
	Doctor    doctorCommand    `cmd:"" help:"Check the configuration, the keys, the database, DNS, each mailbox and the relay, and say what to do about each fault."`
	Mailbox   mailboxCommand   `cmd:"" help:"Mailboxes with OAuth2: have the owner let Letterlock in."`
	DKIM      dkimCommand      `cmd:"" name:"dkim" help:"The keys that sign the mail that leaves: show their DNS records, change them."`
	Queue     queueCommand     `cmd:"" help:"The mail that is to leave: count it, hold it, have it tried, cancel it."`
	Mode      modeCommand      `cmd:"" help:"Show or switch how much email may carry."`
	User      userCommand      `cmd:"" help:"Staff and admins: list, add, change."`
	Contact   contactCommand   `cmd:"" help:"Contacts, the people on the customers' side: list, add, change."`
	Key       keyCommand       `cmd:"" help:"API keys: list, make, revoke."`
	Audit     auditCommand     `cmd:"" help:"The audit log: export it."`
	Check     checkCommand     `cmd:"" help:"Check that everything stored is whole: rows, files, counts, the audit log."`
	Backup    backupCommand    `cmd:"" help:"Write everything stored into one sealed file, while the gateway runs."`
	Restore   restoreCommand   `cmd:"" help:"Bring a backup back into an empty data folder: all of it, or nothing."`
	Migrate   migrateCommand   `cmd:"" help:"Move everything stored from SQLite to PostgreSQL."`
	Export    exportCommand    `cmd:"" help:"Write down a conversation, or all of a person, to read without Letterlock."`
	Rekey     rekeyCommand     `cmd:"" help:"Change the keys that seal everything stored, while the gateway runs."`
	Rules     rulesCommand     `cmd:"" help:"Show, change or try what keeps messages in, also in convenience mode."`
	Retention retentionCommand `cmd:"" help:"Show or set for how long conversations are kept; put one on legal hold, or delete it."`
	Purge     purgeCommand     `cmd:"" help:"Delete what has had its time, and what is left of what was deleted."`
	Parse     parseCommand     `cmd:"" help:"Read a mail and print what Letterlock makes of it, as JSON."`
	Sanitize  sanitizeCommand  `cmd:"" help:"Read HTML and print it as the viewer would show it."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// withConfig is the flag of every command that reads the configuration.
type withConfig struct {
	Config string `short:"c" placeholder:"FILE" help:"The configuration file. Otherwise LETTERLOCK_CONFIG, letterlock.toml or /etc/letterlock/letterlock.toml, whichever is there first."`
}

// asJSON is the flag of every command that prints a list.
type asJSON struct {
	JSON bool `name:"json" help:"Print JSON."`
}

package config

// Overrides are the settings that come from the command line and from
// environment variables, and what Load has to know of the program. A flag
// wins over its variable, a variable over the file. "" and nil mean: not
// given.
type Overrides struct {
	// Flags are the flags of Unleash Edge that were given, by their names
	// without the dashes. Several values of one are joined by commas.
	Flags map[string]string
	// Offline takes the flags and variables of Edge's offline mode for those of
	// its edge mode.
	Offline bool

	// Lookup finds environment variables, for ${NAME} too (os.LookupEnv).
	// nil: there are none.
	Lookup func(name string) (string, bool)
	// SinkConfig returns a new pointer to the settings of a type of sinks,
	// with its defaults; SinkTypes lists the types. nil: no sinks are known.
	// Settings with a method Check() []error are checked after decoding; a
	// *sinks.ConfigError is shown at its key.
	SinkConfig func(kind string) (any, bool)
	SinkTypes  []string

	// Needs returns which parts of a configuration the caller uses. It is called
	// after decoding, with what could be decoded. nil: all of them.
	Needs func(*Config) Needs
}

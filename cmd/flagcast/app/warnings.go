package app

// ShortSecret is the warning of serve and check about a secret that can be guessed.
const ShortSecret = "a secret has fewer than four characters: it can be guessed, " +
	"and errors hide it only where it is a word of its own"

// WeakWebhookSecret is the warning of serve and check about a webhook secret that
// can be guessed.
const WeakWebhookSecret = "api.webhook_secret is shorter than 16 characters and can be guessed: " +
	"set a random one, such as that of `openssl rand -hex 32`, here and in Unleash"

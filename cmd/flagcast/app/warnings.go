package app

import (
	"log/slog"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// shortSecret is the warning of serve and check about a secret that can be guessed.
const shortSecret = "a secret has fewer than four characters: it can be guessed, " +
	"and errors hide it only where it is a word of its own"

// weakWebhookSecret is the warning of serve and check about a webhook secret that
// can be guessed.
const weakWebhookSecret = "api.webhook_secret is shorter than 16 characters and can be guessed: " +
	"set a random one, such as that of `openssl rand -hex 32`, here and in Unleash"

// WarnOfSecrets logs which secrets of a configuration can be guessed.
func WarnOfSecrets(cfg *config.Config, log *slog.Logger) {
	for _, place := range cfg.ShortSecrets() {
		log.Warn(shortSecret, "secret", place)
	}
}

// WarnOfWebhookSecret logs that the webhook's secret can be guessed.
func WarnOfWebhookSecret(api *config.API, log *slog.Logger) {
	if api.WeakWebhookSecret() {
		log.Warn(weakWebhookSecret)
	}
}

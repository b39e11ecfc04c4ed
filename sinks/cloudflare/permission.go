package cloudflare

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/flagcast/flagcast/sinks"
)

// Credential returns an identifier of the token that does not reveal it: settings with
// the same token have the same identifier, and share its rate limit.
func (c *Config) Credential() string {
	sum := sha256.Sum256([]byte("cloudflare\x00" + c.APIToken.Reveal()))
	return hex.EncodeToString(sum[:16])
}

type permissionGroup struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type policy struct {
	Effect           string            `json:"effect"`
	Resources        map[string]string `json:"resources"`
	PermissionGroups []permissionGroup `json:"permission_groups"`
}

// Permissions returns the smallest permission of a token for the account. Cloudflare has
// none for a single namespace.
func (c *Config) Permissions() []sinks.Permission {
	// It includes reading and listing. Name and id are from Cloudflare's list of
	// the permissions of API tokens.
	write := permissionGroup{ID: "f7f0eda5697f475c90846e879bab8666", Name: "Workers KV Storage Write"}
	body, _ := json.MarshalIndent(map[string]any{ // does not fail for strings
		"name": "flagcast",
		"policies": []policy{{
			Effect:           "allow",
			Resources:        map[string]string{"com.cloudflare.api.account." + c.Account: "*"},
			PermissionGroups: []permissionGroup{write},
		}},
	}, "", "  ")
	return []sinks.Permission{
		{
			Title: "API token, in the dashboard: " +
				"Manage Account › Account API Tokens, or My Profile › API Tokens; " +
				"Create Custom Token",
			Document: "Permissions: Account › Workers KV Storage › Edit\n" +
				"Account Resources: Include › " + c.Account,
		},
		{
			Title:    "the same as the body of POST /accounts/" + c.Account + "/tokens or POST /user/tokens",
			Document: string(body),
		},
	}
}

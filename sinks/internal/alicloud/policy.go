package alicloud

import (
	"encoding/json"
	"strings"

	"github.com/flagcast/flagcast/sinks"
)

// statement is one rule of a RAM policy.
type statement struct {
	Effect    string                       `json:"Effect"`
	Action    []string                     `json:"Action"`
	Resource  []string                     `json:"Resource,omitempty"`
	Principal map[string][]string          `json:"Principal,omitempty"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// Policy is a RAM policy that allows actions on one resource.
func Policy(resource string, actions ...string) string {
	return document(statement{Effect: "Allow", Action: actions, Resource: []string{resource}})
}

// Trust is the trust policy of the role, for the types that have one.
func (c Config) Trust() []sinks.Permission {
	switch c = c.resolved(); c.Type {
	case typeRRSA:
		provider, place := c.OIDCProviderARN, ""
		if provider == "" {
			provider = "acs:ram::<ACCOUNT_ID>:oidc-provider/ack-rrsa-<CLUSTER_ID>"
			place = "<ACCOUNT_ID>, <CLUSTER_ID>, "
		}
		return []sinks.Permission{{
			Title: "Trust policy of the RAM role for RRSA; replace " + place +
				"<NAMESPACE> and <SERVICE_ACCOUNT>, those of the pod",
			Document: document(statement{
				Effect: "Allow", Action: []string{"sts:AssumeRole"},
				Principal: map[string][]string{"Federated": {provider}},
				Condition: map[string]map[string]string{"StringEquals": {
					"oidc:aud": "sts.aliyuncs.com", "oidc:sub": "system:serviceaccount:<NAMESPACE>:<SERVICE_ACCOUNT>",
				}},
			}),
		}}
	case typeECS:
		return []sinks.Permission{{
			Title: "Trust policy of the RAM role of the ECS instance",
			Document: document(statement{
				Effect: "Allow", Action: []string{"sts:AssumeRole"},
				Principal: map[string][]string{"Service": {"ecs.aliyuncs.com"}},
			}),
		}}
	}
	return nil
}

func document(s statement) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // placeholders stay as they are
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(struct {
		Version   string      `json:"Version"`
		Statement []statement `json:"Statement"`
	}{"1", []statement{s}}) // to a builder: it does not fail
	return strings.TrimSuffix(text.String(), "\n")
}

// Package compare asks two servers of Unleash's APIs the same questions and
// tells where their answers differ: the Unleash server, Unleash Edge, flagcast,
// in any pair. It is what somebody who replaces one by another looks at.
package compare

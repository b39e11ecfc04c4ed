// Package deploy holds tests of what deploy/, the Dockerfile and the documents
// about them promise. It is a module of its own: the validator of Kubernetes
// manifests, with the schemas of the API server, and the loaders of Compose and
// Kustomize bring 300 packages that the product has no use for.
package deploy

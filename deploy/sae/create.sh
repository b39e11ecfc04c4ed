#!/bin/sh
# create.sh makes an application of Serverless App Engine that runs the core:
# two replicas that answer SDKs and publish nothing. It takes IMAGE, NAMESPACE
# (its id, such as cn-hangzhou:prod), VPC, VSWITCH and SECURITY_GROUP (the ids of
# the network in which Unleash is), UPSTREAM_URL and TOKENS from the environment,
# and the aliyun command has to be logged in.
#
# AutoConfig has to be false: with true SAE chooses the namespace and the network
# itself, and ignores those that are given.
#
# For the one publisher run it again with NAME=flagcast-publisher REPLICAS=1
# ARGS='["serve","--config","/etc/flagcast/flagcast.yaml"]', ROLE and a mounted
# configuration; see docs/deploying.md.
set -eu
: "${IMAGE:?}" "${NAMESPACE:?}" "${VPC:?}" "${VSWITCH:?}" "${SECURITY_GROUP:?}" "${UPSTREAM_URL:?}" "${TOKENS:?}"

aliyun sae CreateApplication \
	--AppName "${NAME:-flagcast}" \
	--NamespaceId "$NAMESPACE" \
	--AutoConfig false \
	--VpcId "$VPC" \
	--VSwitchId "$VSWITCH" \
	--SecurityGroupId "$SECURITY_GROUP" \
	--PackageType Image \
	--ImageUrl "$IMAGE" \
	--Cpu 500 \
	--Memory 1024 \
	--Replicas "${REPLICAS:-2}" \
	--Command /app/flagcast \
	--CommandArgs "${ARGS:-[\"serve\",\"--no-publish\"]}" \
	--Envs "[{\"name\":\"UPSTREAM_URL\",\"value\":\"$UPSTREAM_URL\"},{\"name\":\"TOKENS\",\"value\":\"$TOKENS\"},{\"name\":\"GOMEMLIMIT\",\"value\":\"768MiB\"}]" \
	--Liveness '{"httpGet":{"path":"/health","port":3063,"scheme":"HTTP"},"initialDelaySeconds":1,"periodSeconds":10,"timeoutSeconds":1}' \
	--Readiness '{"httpGet":{"path":"/ready","port":3063,"scheme":"HTTP"},"initialDelaySeconds":1,"periodSeconds":5,"timeoutSeconds":1}' \
	--TerminationGracePeriodSeconds 30 \
	--OidcRoleName "${ROLE:-}" \
	--Deploy true

#!/bin/sh
# The namespace exists and keeps closed workflows for 30 days; a repeat changes nothing.
# The server's address comes from TEMPORAL_ADDRESS.
set -eu

temporal operator namespace describe --namespace "$NAMESPACE" ||
  temporal operator namespace create --namespace "$NAMESPACE" --retention 30d
temporal operator namespace update --namespace "$NAMESPACE" --retention 30d

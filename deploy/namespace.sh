#!/bin/sh
# Makes the namespace, and the search attributes that workers may not be allowed to register. Safe to run again.
# Reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, RETENTION; needs the temporal command line.
set -eu

until temporal operator cluster health; do sleep 1; done
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"

for name in SubagentsSession SubagentsLabel SubagentsStatus SubagentsRepository SubagentsModel; do
  # It exists already where this was run before; a namespace is known everywhere a moment after it was made.
  until temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" | grep -qw "$name"; do
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword || sleep 1
  done
done

#!/usr/bin/env bash
# What a CI job does: hands one task over, waits, and passes or fails by what was measured. A job that is run again (the same
# REQUEST_ID) finds the subagent of the first time, and does not start a second one.
#   TASK        what is to be done
#   VERIFY      the command that decides
#   LABEL       the subagent's name, and that of its branch, subagents/LABEL
#   REQUEST_ID  for example the id of the workflow run
set -uo pipefail
: "${TASK:?}" "${VERIFY:?}" "${LABEL:?}" "${REQUEST_ID:?}"

subagents spawn "$LABEL" "$TASK" --verify "$VERIFY" --request-id "$REQUEST_ID" --json || exit

subagents wait "$LABEL" --json
code=$?
case $code in
  0) echo "done: review the branch subagents/$LABEL" ;;
  9) echo "done, with something to look at before a merge: subagents show $LABEL" ;;
  *) echo "not done (exit code $code): subagents show $LABEL" >&2 ;;
esac
exit "$code"

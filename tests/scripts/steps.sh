# Scheduler of tests/run: runs declared steps beside each other, as far as the machine and what they
# need allow. Sourced by tests/run. Needs bash 5.1 (`wait -n -p`).
#
#   step SIZE KIND NAME NEEDS COMMAND...   declares a step
#   choose NAME, choose_size SIZE          the steps that run
#   run_steps FOLDER                       runs them, with the log of each in FOLDER; false if one fails
#
# SIZE is the smallest size that has the step, NEEDS names joined by commas, or -. A step of the KIND
# `busy` computes, at a lower priority; `waits` waits more than it computes (of both, as many at once
# as there are processors); `alone` wants the machine, and has only busy ones beside it; `first` computes
# what the others need.

sizes=(dev quick standard long)
names=()
declare -A size_of kind_of needs_of command_of state_of seconds_of computed_of tests_of begun_at pid_of

step() { # size, kind, name, needs, command and arguments
  names+=("$3")
  size_of[$3]=$1 kind_of[$3]=$2 needs_of[$3]=${4//,/ } state_of[$3]=unchosen
  [ "$4" != - ] || needs_of[$3]=
  command_of[$3]=$(printf '%q ' "${@:5}")
}

known() { # name: whether there is a step of this name
  [ -n "${size_of[$1]-}" ]
}

choose() { # name: the step runs, and before it those that it needs
  local need
  [ "${state_of[$1]}" = unchosen ] || return 0
  state_of[$1]=pending
  for need in ${needs_of[$1]}; do choose "$need"; done
}

choose_size() { # size: all of its steps run, and the others are named
  local name left_out= smaller=" ${sizes[*]} "
  smaller=${smaller%%" $1 "*}" $1 "
  for name in "${names[@]}"; do
    if [[ $smaller == *" ${size_of[$name]} "* ]]; then choose "$name"; fi
  done
  for name in "${names[@]}"; do
    [ "${state_of[$name]}" != unchosen ] || left_out+=" $name"
  done
  [ -z "$left_out" ] || echo "left out: the steps$left_out, which are no part of --$1"
}

run_steps() { # folder for the logs
  logs=$1
  processors=$(nproc)
  mkdir -p "$logs"
  # Two runs would take each other's logs and builds for their own.
  exec {lock}>"$logs/../tests-run.lock"
  flock -n "$lock" || { echo "another tests/run is under way in this folder" >&2; return 1; }
  rm -f "$logs"/*
  # A process group for each step, so that a step can be ended with all that it started.
  set -m
  trap end_running EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  local started=$SECONDS finished status computed before
  computed
  while start_what_can; do
    status=0
    wait -n -p finished "${pid_of[@]}" || status=$?
    before=$computed
    computed
    ended "$finished" "$status" $((computed - before))
  done
  trap - EXIT INT TERM HUP
  set +m
  summary $((SECONDS - started))
}

computed() { # sets `computed` to the processor seconds of all processes that have ended
  local times=$logs/../tests-run.times
  times >"$times"
  computed=$(awk -F '[ms ]+' 'NR == 2 { printf "%d", 60 * ($1 + $3) + $2 + $4 }' "$times")
}

start_what_can() { # false when nothing runs and nothing can be started
  local name kind
  local -A running=([busy]=0 [waits]=0 [alone]=0 [first]=0)
  for name in "${!pid_of[@]}"; do running[${kind_of[$name]}]=$((running[${kind_of[$name]}] + 1)); done
  for name in "${names[@]}"; do
    [ "${state_of[$name]}" = pending ] || continue
    case "$(readiness "$name")" in
      never)
        state_of[$name]='not run'
        continue
        ;;
      later) continue ;;
    esac
    kind=${kind_of[$name]}
    case "$kind" in
      busy) [ "${running[busy]}" -lt "$processors" ] || continue ;;
      waits) [ "${running[waits]}" -lt "$processors" ] && [ "${running[alone]}" = 0 ] || continue ;;
      alone) [ $((running[waits] + running[alone] + running[first])) = 0 ] || continue ;;
      first) [ "${running[alone]}" = 0 ] || continue ;;
    esac
    running[$kind]=$((running[$kind] + 1))
    start "$name"
  done
  [ ${#pid_of[@]} -gt 0 ]
}

readiness() { # name: now, later, or never if something that it needs has failed
  local need answer=now
  for need in ${needs_of[$1]}; do
    case "${state_of[$need]}" in
      passed) ;;
      FAILED | 'not run') answer=never && break ;;
      *) answer=later ;;
    esac
  done
  echo "$answer"
}

start() { # name
  local priority=
  # Steps that wait must not be late because another compiles. At niceness 19 a compiler would have a
  # seventieth of a processor beside another busy program.
  [ "${kind_of[$1]}" != busy ] || priority='nice -n 5'
  begun_at[$1]=$SECONDS
  printf -- '-- %s\n' "$1"
  eval "exec $priority ${command_of[$1]}" >"$logs/$1.log" 2>&1 </dev/null {lock}>&- &
  pid_of[$1]=$! state_of[$1]=running
}

ended() { # process id, exit status, processor seconds
  local name
  for name in "${!pid_of[@]}"; do [ "${pid_of[$name]}" != "$1" ] || break; done
  [ "${pid_of[$name]}" = "$1" ] || { echo "no step has the process $1" >&2; exit 1; }
  unset "pid_of[$name]"
  seconds_of[$name]=$((SECONDS - begun_at[$name])) computed_of[$name]=$3 tests_of[$name]=$(tests_in "$logs/$name.log")
  if [ "$2" = 0 ]; then
    state_of[$name]=passed
    printf '== %s: passed in %d s%s\n' "$name" "${seconds_of[$name]}" "${tests_of[$name]:+, ${tests_of[$name]} tests}"
    grep -E '^(reduced|left out|void): ' "$logs/$name.log" | sort | uniq -c | sed -E 's/^ *1 /   /; s/^ *([0-9]+) (.*)/   \2 (\1 times)/' || true
  else
    state_of[$name]=FAILED
    cat "$logs/$name.log"
    printf '== %s: FAILED after %d s (exit code %d): %s\n' "$name" "${seconds_of[$name]}" "$2" "${command_of[$name]}"
  fi
}

tests_in() { # log: how many tests passed in it, by the closing lines of the runners that are used; nothing if there are none
  [ -f "$1" ] || return 0
  awk '
    / passed; [0-9]+ failed/ { for (i = 2; i <= NF; i++) if ($i ~ /^passed/) { n += $(i - 1); seen = 1 } }  # libtest
    /^Ran [0-9]+ tests? in / { n += $2; seen = 1 }                                                          # unittest
    /^(ℹ|#) pass [0-9]+$/ { n += $3; seen = 1 }                                                              # node
    /^ *Tests +[0-9]+ passed/ { n += $2; seen = 1 }                                                          # vitest
    /^[0-9]+ passed, 0 failed$/ { n += $1; seen = 1 }                                                       # our own
    END { if (seen) print n }' "$1"
}

summary() { # seconds in all
  local name failed=0 tests=0 undocumented
  {
    printf '\n%s, %s, commit %s\n' "$(date -u '+%F %T')" "$what" "$(git describe --always --dirty 2>/dev/null || echo unknown)"
    printf '%-20s %8s %9s %8s\n' step seconds processor tests
    for name in "${names[@]}"; do
      [ "${state_of[$name]}" != unchosen ] || continue
      printf '%-20s %8s %9s %8s  %s\n' "$name" "${seconds_of[$name]-}" "${computed_of[$name]-}" "${tests_of[$name]-}" "${state_of[$name]}"
    done
    printf '%-20s %8s %9s\n' 'all, side by side' "$1" "$computed"
  } | sed 's/  passed$//' | tee -a "$logs/../tests-run.log"
  for name in "${names[@]}"; do
    case "${state_of[$name]}" in FAILED | 'not run') failed=$((failed + 1)) ;; esac
    tests=$((tests + ${tests_of[$name]:-0}))
  done
  [ $failed = 0 ] || printf '\n%d steps failed or were not run; the logs are in %s\n' $failed "$logs" >&2
  undocumented=$({ grep -hs '^left out: ' "$logs"/*.log || true; } | sort -u |
    while read -r line; do grep -qxF -- "- \`$line\`" tests/README.md || echo "$line"; done)
  if [ "${CI-}" = true ] && [ -n "$undocumented" ]; then
    printf '\nFAILED: tests/README.md does not list what is left out:\n%s\n' "$undocumented" >&2
    failed=1
  fi
  [ $failed = 0 ] || return 1
  printf '\ntests: %d passed, 0 failed\n' "$tests"
}

end_running() { # ends what still runs, with all that it started
  local pid
  trap '' INT TERM HUP
  for pid in "${pid_of[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
  for _ in $(seq 50); do
    for pid in "${pid_of[@]}"; do
      if kill -0 -- "-$pid" 2>/dev/null; then
        sleep 0.1
        continue 2
      fi
    done
    return 0
  done
  for pid in "${pid_of[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
}

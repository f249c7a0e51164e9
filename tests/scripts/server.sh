# Launcher of the server for shell scripts. Sourced from the root of the repository.
#
#   start_server LOG [FLAG...]   starts the server in the background, on free loopback ports, without
#                                a store and without limits, and waits for the ready line. Sets
#                                server_pid and the addresses server_udp, server_http, server_admin.
#                                Prints the log and exits if the server is not ready within 20 s.

start_server() {
  local log=$1 program name ready= why="was not ready within 20 s"
  shift
  program=$(tests/scripts/program) || exit 1
  (
    for name in ${!RENDEZVOUS_@}; do unset "$name"; done
    exec "$program" --udp-listen=127.0.0.1:0 --http-listen=127.0.0.1:0 --admin-listen=127.0.0.1:0 \
      --store=memory: --no-limits --log-format=json "$@"
  ) 2>"$log" &
  server_pid=$!
  for _ in $(seq 200); do
    ready=$(grep -sm1 '"message":"ready: ' "$log") && break
    kill -0 $server_pid 2>/dev/null || break
    sleep 0.1
  done
  if [ -z "$ready" ]; then
    kill $server_pid 2>/dev/null || why="ended before it was ready"
    { echo "the server $why; its log:"; cat "$log"; } >&2
    exit 1
  fi
  for name in udp http admin; do
    printf -v "server_$name" %s "$(sed -E "s/.*\"$name\":\"([^\"]*)\".*/\1/" <<<"$ready")"
  done
}

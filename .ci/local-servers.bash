# shellcheck shell=bash
# For scripts that run servers on this machine's loopback: free ports, starting, waiting, ending by process id.

server_pids=()

# free_port FIRST: prints FIRST or the nearest port above it on which nobody listens.
free_port() {
    local port
    for ((port = $1; port < $1 + 200; port++)); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    echo "no free port from $1 on" >&2
    return 1
}

# start_server LOG COMMAND…: runs it in the background; its process id is then in $started.
start_server() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    started=$!
    server_pids+=("$started")
}

# wait_until SECONDS COMMAND…: repeats COMMAND until it succeeds; fails when the time is over or a server has ended.
wait_until() {
    local end=$((SECONDS + $1)) pid
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        for pid in "${server_pids[@]}"; do
            kill -0 "$pid" 2>/dev/null || return 1
        done
        sleep 0.1
    done
}

# answers URL: whether it answers with success.
answers() {
    curl --fail --silent --show-error --max-time 5 --output /dev/null "$1"
}

# stop_servers: asks each to end, the last started first, and ends by force what has not ended 15 s later.
stop_servers() {
    local index pid end
    for ((index = ${#server_pids[@]} - 1; index >= 0; index--)); do
        pid=${server_pids[index]}
        kill -TERM "$pid" 2>/dev/null || continue
        end=$((SECONDS + 15))
        while kill -0 "$pid" 2>/dev/null && ((SECONDS < end)); do
            sleep 0.05
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    server_pids=()
}

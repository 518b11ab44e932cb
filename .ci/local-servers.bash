# shellcheck shell=bash
# For scripts that run servers on loopback: finds free ports, starts servers, waits for them, stops them by process ID.

server_pids=()

# free_port FIRST: prints the first port from FIRST on without a listener.
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

# start_server LOG COMMAND…: runs it in the background. Sets $started to its process ID.
start_server() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    started=$!
    server_pids+=("$started")
}

# wait_until SECONDS COMMAND…: repeats COMMAND until it succeeds. Fails if the time is over or a server has ended.
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

# answers URL: succeeds if the response is a success.
answers() {
    curl --fail --silent --show-error --max-time 5 --output /dev/null "$1"
}

# stop_servers: sends SIGTERM to each server, the last started first, and SIGKILL if it has not ended after 15 s.
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

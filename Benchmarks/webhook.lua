-- For wrk: posts the body of Tests/Fixtures/two-alerts.json, with different alerts in each request, so that the relay
-- finds no duplicates. BENCH_BODY must contain the body's path.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    -- Consecutive runs must not repeat alerts.
    thread:set("run", os.time() % 0x10000000)
    threads = threads + 1
end

-- The number of groups, as many as a large Alertmanager has. Requests use them in rotation.
local groups = 500

local head, parts, sent

-- Replaces each match. Fails unless the number of matches is as expected.
local function mark(body, pattern, replacement, expected)
    local marked, found = body:gsub(pattern, replacement)
    assert(found == expected, "the body holds " .. found .. " of " .. pattern .. ", not " .. expected)
    return marked
end

function init()
    local file = assert(io.open(assert(os.getenv("BENCH_BODY"), "BENCH_BODY is not set"), "rb"))
    local body = file:read("*a"):gsub("%s+$", "")
    file:close()
    body = mark(body, '(:{alertname=\\"HighCPUUsage)', "%1-\1", 1)
    body = mark(body, "(T10:00:00%.)%d+Z", "%1\2Z", 2)
    body = mark(body, '("fingerprint":")%x+"', '%1\3"', 2)

    parts = {}
    for text, which in body:gmatch("([^\1\2\3]*)([\1\2\3]?)") do
        parts[#parts + 1] = { text = text, which = which }
    end
    sent = 0

    -- Each variable part has a fixed width, so that the length in the head is right for every request.
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["User-Agent"] = "Alertmanager/0.33.1"
    head = wrk.format("POST", nil, nil, content()):match("^.-\r\n\r\n")
end

function content()
    local pieces, alert = {}, 0
    for _, part in ipairs(parts) do
        pieces[#pieces + 1] = part.text
        if part.which == "\1" then
            pieces[#pieces + 1] = string.format("%03d", sent % groups)
        elseif part.which == "\2" then
            pieces[#pieces + 1] = string.format("%09d", sent)
        elseif part.which == "\3" then
            pieces[#pieces + 1] = string.format("%07x%01x%07x%01x", run, number % 16, sent, alert)
            alert = alert + 1
        end
    end
    sent = sent + 1
    return table.concat(pieces)
end

function request()
    return head .. content()
end

-- Prints one line, which Benchmarks/run parses.
function done(summary, latency)
    local errors = summary.errors
    print(string.format(
        "bench rate=%.0f non2xx=%d socket=%d p50_ms=%.2f p99_ms=%.2f",
        summary.requests / (summary.duration / 1e6), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end

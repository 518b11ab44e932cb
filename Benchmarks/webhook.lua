-- For wrk: posts the body of Tests/Fixtures/two-alerts.json, each request with other alerts, so that none is a
-- duplicate to the relay. Wants the body's path in BENCH_BODY.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    -- Runs that follow each other must not repeat each other's alerts.
    thread:set("run", os.time() % 0x10000000)
    threads = threads + 1
end

-- Groups in turn, as many as a large Alertmanager has open.
local groups = 500

local head, parts, sent

-- Puts one mark in the place of each match; fails unless there are as many as expected.
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

    -- What varies has one width each, so the length in the head holds for every request.
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

-- One line that Benchmarks/run reads.
function done(summary, latency)
    local errors = summary.errors
    print(string.format(
        "bench rate=%.0f non2xx=%d socket=%d p50_ms=%.2f p99_ms=%.2f",
        summary.requests / (summary.duration / 1e6), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end

import Foundation
import Glibc
import Logging
import Testing

@testable import Alerts
@testable import Relay
@testable import Support

@Suite struct MetricsTests {
    @Test func familiesFollowTheExpositionFormat() {
        let family = MetricFamily<Counter>("x_total", "Help.", labels: ["a"], existing: [["zero"]])
        family["q\"\\\n"].increment(by: 3)
        var text = MetricsText()
        family.write(to: &text)
        #expect(
            text.text == """
                # HELP x_total Help.
                # TYPE x_total counter
                x_total{a="q\\"\\\\\\n"} 3
                x_total{a="zero"} 0

                """)
    }

    @Test func histogramsAreCumulative() {
        let family = MetricFamily<Histogram>("d_seconds", "Help.")
        family[].observe(.milliseconds(3))
        family[].observe(.seconds(7))
        family[].observe(.seconds(7000))
        let samples = family[].samples()
        func value(_ bound: String) -> Double? { samples.first { $0.label?.value == bound }?.value }
        #expect(value("0.0025") == 0)
        #expect(value("0.005") == 1)
        #expect(value("10.0") == 2)
        #expect(value("+Inf") == 3)
        #expect(samples.last == MetricSample(suffix: "_count", value: 3))
    }

    @Test func countingFromManyThreadsLosesNothing() async {
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { for _ in 0..<1000 { counter.increment() } } }
        }
        #expect(counter.current == 4000)
    }

    @Test func processMetricsAreValid() throws {
        let process = try #require(ProcessMetrics())
        #expect(process.residentBytes > 1_000_000)
        #expect(process.openDescriptors >= 3 && process.openDescriptors <= process.maxDescriptors)
        #expect(abs(process.startTime - Double(time(nil))) < 86_400)
    }
}

@Suite struct LogTests {
    @Test func logfmtQuotesSpecialValues() {
        let line = LineLogHandler.line(
            [("msg", "two words"), ("a", "plain"), ("b", "x=\"y\"\nz"), ("c", "")], as: .logfmt)
        #expect(line == #"msg="two words" a=plain b="x=\"y\"\nz" c="""# + "\n")
    }

    @Test func jsonLinesAreJSON() throws {
        let line = LineLogHandler.line([("msg", "tab\t\"\u{1}"), ("é", "\\")], as: .json)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
        #expect(object == ["msg": "tab\t\"\u{1}", "é": "\\"])
        #expect(line.filter { $0 == "\n" }.count == 1)
    }

    @Test(arguments: [
        (Int32(0), "1970-01-01T00:00:01.000Z"), (420_000_000, "1970-01-01T00:00:01.420Z"),
        (999_999_999, "1970-01-01T00:00:01.999Z"), (7_000_000, "1970-01-01T00:00:01.007Z"),
    ])
    func timesHaveTheSameWidth(nanoseconds: Int32, text: String) {
        #expect(LineLogHandler.timestamp(Timestamp(seconds: 1, nanoseconds: nanoseconds)) == text)
    }

    @Test func prioritiesAreThoseOfSyslog() {
        #expect(Logger.Level.allCases.map(JournalStream.prefix) == ["<7>", "<7>", "<6>", "<5>", "<4>", "<3>", "<2>"])
    }

    @Test func fullPipeDropsLinesWithoutBlocking() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let dropped = Locked(0)
        let sink = LogSink(descriptor: ends[1], limit: 4096) { dropped.withLock { $0 += 1 } }
        for _ in 0..<2000 { sink.write(String(repeating: "x", count: 100) + "\n") }
        #expect(dropped.withLock { $0 } > 0)
        close(ends[0])
        sink.flush(timeout: .seconds(5))
        close(ends[1])
    }

    @Test func linesArriveInOrder() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let sink = LogSink(descriptor: ends[1])
        for number in 0..<100 { sink.write("\(number)\n") }
        sink.flush(timeout: .seconds(5))
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(ends[0], &bytes, bytes.count)
        close(ends[0])
        #expect(String(decoding: bytes[..<count], as: UTF8.self) == (0..<100).map { "\($0)\n" }.joined())
    }
}

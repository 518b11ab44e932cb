import CZlib
import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Relay

@Suite struct ContentCodingTests {
    private func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var input = bytes
        var output = [UInt8](repeating: 0, count: Int(compressBound(UInt(bytes.count))))
        var size = UInt(output.count)
        #expect(compress(&output, &size, &input, UInt(input.count)) == Z_OK)
        return Array(output[..<Int(size)])
    }

    private func decode(_ body: [UInt8], limit: Int = 1 << 20) throws -> [UInt8] {
        try #require(ContentCoding(field: "deflate")).decode(body, limit: limit)
    }

    @Test(arguments: [0, 1, 65_536, 300_000])
    func compressedBodiesRoundTrip(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try decode(compressed(bytes)) == bytes)
    }

    @Test func aBombIsStoppedAtTheLimit() {
        let bomb = compressed([UInt8](repeating: 0, count: 5_000_000))
        #expect(throws: ContentCoding.Failure.tooLarge) { try decode(bomb, limit: 100_000) }
    }

    /// One gzip member that holds the bytes.
    private func member(_ bytes: [UInt8]) -> [UInt8] {
        let zlib = compressed(bytes)
        var input = bytes
        let check = UInt32(crc32(0, &input, UInt32(input.count)))
        func littleEndian(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
        // zlib has two bytes before the same deflate stream and four after it.
        return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + zlib[2..<(zlib.count - 4)] + littleEndian(check)
            + littleEndian(UInt32(bytes.count))
    }

    @Test(arguments: [[3, 5], [0, 4, 0], [70_000, 1], [1, 70_000, 200_000], [65_536, 65_536]])
    func concatenatedGzipMembersAreDecoded(sizes: [Int]) throws {
        let parts = sizes.map { size in (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) } }
        let body = Array(parts.map(member).joined())
        let whole = Array(parts.joined())
        #expect(try decode(body, limit: whole.count) == whole)
        #expect(throws: ContentCoding.Failure.tooLarge) { try decode(body, limit: whole.count - 1) }
    }

    @Test func aBodyOfTwoMembersIsAWebhook() throws {
        let sent = [UInt8](try Data(contentsOf: Checkout.fixtures.appending(path: "gzip-two-members.bin")))
        let intake = WebhookDecoder(severities: SeverityMap(), router: AlertRouter(), bodyLimit: 1 << 20)
        let coding = try #require(ContentCoding(field: "gzip"))
        #expect(try intake.read(sent, coding: coding, acceptedAt: .now()).alerts > 0)
    }

    @Test func onlyAMemberMayFollowAMember() {
        let bytes = Array("some text".utf8)
        for tail in [
            [0], [0x1F], [0x1F, 0x8B], Array(member(bytes).dropLast()), compressed(bytes), [0, 0] + member(bytes),
        ] {
            #expect(throws: ContentCoding.Failure.damaged) { try decode(member(bytes) + tail) }
        }
        // A zlib stream has no members.
        for tail in [compressed(bytes), member(bytes)] {
            #expect(throws: ContentCoding.Failure.damaged) { try decode(compressed(bytes) + tail) }
        }
        var wrong = member(bytes) + member(bytes)
        wrong[wrong.count - 5] ^= 1
        #expect(throws: ContentCoding.Failure.damaged) { try decode(wrong) }
    }

    @Test func aBombOfManyMembersIsStoppedAtTheLimit() {
        let bomb = Array(repeatElement(member([UInt8](repeating: 0, count: 50_000)), count: 20).joined())
        #expect(throws: ContentCoding.Failure.tooLarge) { try decode(bomb, limit: 999_999) }
        let empty = Array(repeatElement(member([]), count: 10_000).joined())
        #expect(throws: Never.self) { try decode(empty, limit: 0) }
    }

    @Test func damagedStreamsAreRefused() {
        let bytes = compressed(Array("some text that is long enough to be compressed".utf8))
        #expect(throws: ContentCoding.Failure.damaged) { try decode(Array(bytes.dropLast(3))) }
        #expect(throws: ContentCoding.Failure.damaged) { try decode(bytes + [0]) }
        #expect(throws: ContentCoding.Failure.damaged) { try decode([]) }
    }

    @Test func onlyKnownCodingsAreAccepted() {
        for field in [nil, "", "identity", "gzip", "GZIP", "x-gzip", "deflate"] {
            #expect(ContentCoding(field: field) != nil)
        }
        for field in ["br", "zstd", "gzip, gzip"] { #expect(ContentCoding(field: field) == nil) }
    }
}

import CZlib
import Testing

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
        try #require(ContentCoding(field: "deflate")).decode(body, limit: limit, spare: 64)
    }

    @Test(arguments: [0, 1, 65_536, 300_000])
    func whatWasCompressedComesBack(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let decoded = try decode(compressed(bytes))
        #expect(decoded == bytes)
        #expect(decoded.capacity >= size + 64)
    }

    @Test func aBombIsStoppedAtTheLimit() {
        let bomb = compressed([UInt8](repeating: 0, count: 5_000_000))
        #expect(throws: ContentCoding.Failure.tooLarge) { try decode(bomb, limit: 100_000) }
    }

    @Test func damageIsFound() {
        let bytes = compressed(Array("some text that is long enough to be compressed".utf8))
        #expect(throws: ContentCoding.Failure.damaged) { try decode(Array(bytes.dropLast(3))) }
        #expect(throws: ContentCoding.Failure.damaged) { try decode(bytes + [0]) }
        #expect(throws: ContentCoding.Failure.damaged) { try decode([]) }
    }

    @Test func onlyKnownCodingsAreTaken() {
        for field in [nil, "", "identity", "gzip", "GZIP", "x-gzip", "deflate"] {
            #expect(ContentCoding(field: field) != nil)
        }
        for field in ["br", "zstd", "gzip, gzip"] { #expect(ContentCoding(field: field) == nil) }
    }
}

import Testing

@testable import Posting

@Suite struct TransportFailureTests {
    typealias Kind = TransportFailure.Kind

    /// By the numbers of libcurl-errors(3), which never change.
    private static let known: [UInt32: Kind] = [
        1: .url, 3: .url, 5: .resolve, 6: .resolve, 7: .connect, 8: .badResponse, 16: .reset, 18: .badResponse,
        23: .badResponse, 28: .timeout, 35: .handshake, 42: .aborted, 45: .connect, 52: .reset, 53: .certificate,
        54: .certificate, 55: .reset, 56: .reset, 58: .certificate, 59: .certificate, 60: .certificate,
        61: .badResponse, 63: .badResponse, 65: .reset, 66: .certificate, 77: .certificate, 82: .certificate,
        83: .certificate, 89: .connect, 90: .certificate, 91: .certificate, 92: .reset, 97: .connect,
        98: .certificate, 99: .reset,
    ]

    @Test(arguments: UInt32(1)...120)
    func everyCurlCodeHasItsKind(code: UInt32) {
        #expect(Kind(curlCode: code, sentRequest: false) == Self.known[code] ?? .other)
    }

    @Test func nonHTTPResponseIsNotAURLFailure() {
        #expect(Kind(curlCode: 1, sentRequest: true) == .badResponse)
    }
}

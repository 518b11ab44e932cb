import CZlib

/// How a body was compressed on its way (RFC 9110 section 8.4).
enum ContentCoding {
    case identity
    /// gzip, and deflate in its zlib form; zlib tells the two apart by their first bytes.
    case zlib

    enum Failure: Error, Equatable {
        case damaged
        /// More than the limit: a bomb, or a body too large all the same.
        case tooLarge
    }

    /// - Parameter field: the `Content-Encoding` field; nil for a coding that is not understood.
    init?(field: String?) {
        switch field?.lowercased() {
        case nil, "", "identity": self = .identity
        case "gzip", "x-gzip", "deflate": self = .zlib
        default: return nil
        }
    }

    /// The body as it was before its coding, at most `limit` bytes, with room for `spare` bytes more.
    func decode(_ body: [UInt8], limit: Int, spare: Int) throws(Failure) -> [UInt8] {
        switch self {
        case .identity: body
        case .zlib: try Self.inflate(body, limit: limit, spare: spare)
        }
    }

    private static func inflate(_ body: [UInt8], limit: Int, spare: Int) throws(Failure) -> [UInt8] {
        var stream = z_stream()
        // 15 bits of window, and 32 to recognise gzip and zlib by their headers.
        guard relay_inflate_init(&stream, 15 + 32) == Z_OK else { throw .damaged }
        defer { inflateEnd(&stream) }
        var input = body
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        var failure: Failure?
        input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(clamping: input.count)
            while failure == nil {
                let (code, count) = chunk.withUnsafeMutableBufferPointer { chunk in
                    stream.next_out = chunk.baseAddress
                    stream.avail_out = UInt32(chunk.count)
                    let code = CZlib.inflate(&stream, Z_NO_FLUSH)
                    return (code, chunk.count - Int(stream.avail_out))
                }
                output += chunk[..<count]
                if output.count > limit { failure = .tooLarge }
                // Anything after the stream's end is not what a sender of one body means.
                if code == Z_STREAM_END {
                    if stream.avail_in > 0 { failure = .damaged }
                    break
                }
                if code != Z_OK { failure = failure ?? .damaged }
            }
        }
        if let failure { throw failure }
        output.reserveCapacity(output.count + spare)
        return output
    }
}

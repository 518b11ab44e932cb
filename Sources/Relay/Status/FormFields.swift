import Support

/// The fields of a form (application/x-www-form-urlencoded), from a query or a body.
struct FormFields: Sendable, Equatable {
    private let fields: [(name: String, value: String)]

    /// Reads at most this many fields.
    private static let limit = 32

    init(_ encoded: some Collection<UInt8>) {
        fields = encoded.split(separator: UInt8(ascii: "&")).prefix(Self.limit).map { field in
            let parts = field.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.text(parts[0]), parts.count > 1 ? Self.text(parts[1]) : "")
        }
    }

    init(query: String?) { self.init((query ?? "").utf8) }

    /// The first value of a field without white space at its ends; nil if it is missing or empty.
    subscript(name: String) -> String? {
        fields.first { $0.name == name }.flatMap { $0.value.trimmed.isEmpty ? nil : $0.value.trimmed }
    }

    /// The first name that is none of these; nil if there is none.
    func name(besides known: [String]) -> String? { fields.first { !known.contains($0.name) }?.name }

    private static func text(_ encoded: some Collection<UInt8>) -> String {
        let spaced = encoded.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
        return String(decoding: PercentEncoding.decode(spaced).bytes, as: UTF8.self)
    }

    /// Percent-encodes a value for a query.
    static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if scalar.isLetterOrDigit || "-._~".unicodeScalars.contains(scalar) {
                encoded.unicodeScalars.append(scalar)
            } else {
                encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    static func == (left: FormFields, right: FormFields) -> Bool {
        left.fields.elementsEqual(right.fields) { $0 == $1 }
    }
}

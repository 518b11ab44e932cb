import CRE2

/// A regular expression that a label's whole value must match, in RE2's syntax as Alertmanager has it: `^(?:…)$`.
///
/// RE2 compiles and matches it: time grows linearly with the value, whatever the expression.
struct LabelPattern: Sendable, Hashable {
    /// What is wrong with an expression, in RE2's words.
    struct Invalid: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    let text: String
    private let code: Code

    init(_ text: String) throws(Invalid) {
        self.text = text
        code = try Code(text)
    }

    // Bytewise: Swift's == also equates texts that RE2 tells apart (é in one character or in two).
    static func == (left: LabelPattern, right: LabelPattern) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Nil if the value is too long for the size of the expression; see `LABEL_PATTERN_STEP_LIMIT`.
    func matches(_ value: UnsafeRawBufferPointer) -> Bool? { code.matches(value) }

    func matches(_ value: String) -> Bool? {
        var value = value
        return value.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }
}

/// A compiled expression.
// @unchecked because it is never changed once compiled, and RE2 may be used by any number of threads at once (re2.h).
private final class Code: @unchecked Sendable {
    private let code: OpaquePointer

    init(_ text: String) throws(LabelPattern.Invalid) {
        var text = text
        let (code, message) = text.withUTF8 { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 200) { message -> (OpaquePointer?, String) in
                message.initialize(repeating: 0)
                // A cut may leave half a character at the end, which decodes to a replacement character.
                let code = label_pattern_compile(
                    UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), bytes.count,
                    message.baseAddress, message.count)
                let said = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                return (code, String(decoding: said, as: UTF8.self))
            }
        }
        guard let code else { throw LabelPattern.Invalid(description: message) }
        self.code = code
    }

    deinit {
        label_pattern_destroy(code)
    }

    func matches(_ value: UnsafeRawBufferPointer) -> Bool? {
        let text = value.baseAddress?.assumingMemoryBound(to: CChar.self)
        return switch label_pattern_match(code, text, value.count) {
        case LABEL_PATTERN_MATCH: true
        case LABEL_PATTERN_NO_MATCH: false
        default: nil
        }
    }
}

import CPCRE2

/// A regular expression that a label's whole value must match, in the syntax that RE2 and PCRE2 share.
///
/// PCRE2 compiles it; it is matched without backtracking (pcre2_dfa_match), so that no value makes it slow.
struct LabelPattern: Sendable, Hashable {
    /// What is wrong with an expression, in PCRE2's words.
    struct Invalid: Error, Equatable, CustomStringConvertible {
        var description: String
    }

    let text: String
    private let code: Code

    init(_ text: String) throws(Invalid) {
        self.text = text
        code = try Code(text)
    }

    static func == (left: LabelPattern, right: LabelPattern) -> Bool { left.text == right.text }

    func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Nil where the expression needs more memory for the value than it is given.
    func matches(_ value: String) -> Bool? { code.matches(value) }
}

/// A compiled expression.
// @unchecked because it is never changed once compiled, and PCRE2 reads it from any thread (pcre2api, "Multithreading").
private final class Code: @unchecked Sendable {
    private let code: OpaquePointer

    /// Numbers for the states under way: enough for a long alternation, then for what no one writes by hand.
    private static let workspaceSizes = [2048, 65_536]

    init(_ text: String) throws(LabelPattern.Invalid) {
        var error: Int32 = 0
        var offset = 0
        let utf8 = Array(text.utf8)
        let options =
            UInt32(PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY)
            | UInt32(PCRE2_NEVER_BACKSLASH_C)
        guard let context = pcre2_compile_context_create_8(nil) else {
            throw LabelPattern.Invalid(description: "there is no memory")
        }
        defer { pcre2_compile_context_free_8(context) }
        // As in Go, a dot stands for all but a line feed.
        pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_LF))
        guard let code = pcre2_compile_8(utf8, utf8.count, options, &error, &offset, context) else {
            throw LabelPattern.Invalid(description: "\(Self.message(error)) at character \(offset + 1)")
        }
        self.code = code
        var backreferences: UInt32 = 0
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_BACKREFMAX), &backreferences)
        if backreferences > 0 {
            throw LabelPattern.Invalid(description: "backreferences are not supported")
        }
    }

    deinit {
        pcre2_code_free_8(code)
    }

    func matches(_ value: String) -> Bool? {
        guard let result = pcre2_match_data_create_8(1, nil) else { return nil }
        defer { pcre2_match_data_free_8(result) }
        var value = value
        return value.withUTF8 { bytes -> Bool? in
            for size in Self.workspaceSizes {
                let outcome = withUnsafeTemporaryAllocation(of: Int32.self, capacity: size) { workspace -> Int32 in
                    // The text is a Swift string's, so it need not be checked to be UTF-8. The workspace stands in for
                    // the address that a text of no bytes may not have.
                    let nothing = UnsafeRawPointer(workspace.baseAddress)?.assumingMemoryBound(to: UInt8.self)
                    return pcre2_dfa_match_8(
                        code, bytes.baseAddress ?? nothing, bytes.count, 0, UInt32(PCRE2_NO_UTF_CHECK), result, nil,
                        workspace.baseAddress, size)
                }
                switch outcome {
                case 0...: return true
                case PCRE2_ERROR_NOMATCH: return false
                case PCRE2_ERROR_DFA_WSSIZE: continue
                default: return nil
                }
            }
            return nil
        }
    }

    private static func message(_ code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
            let count = pcre2_get_error_message_8(code, buffer.baseAddress, buffer.count)
            return String(decoding: buffer.prefix(Int(max(0, count))), as: UTF8.self)
        }
    }
}

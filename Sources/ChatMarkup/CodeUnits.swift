/// Classes of UTF-16 code units, as the message parser's grammar names them. It reads code units, not characters.
extension UInt16 {
    init(ascii: Unicode.Scalar) {
        self = UInt16(truncatingIfNeeded: ascii.value)
    }

    var isLineEnd: Bool { self == 0x0A || self == 0x0D }
    /// A blank or a tab.
    var isBlank: Bool { self == 0x20 || self == 0x09 }
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
    var isASCIILetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
    var isASCIIAlphanumeric: Bool { isASCIILetter || isASCIIDigit }
    var isHexDigit: Bool { isASCIIDigit || (0x41...0x46).contains(self) || (0x61...0x66).contains(self) }

    /// Any character that may stand in plain text: not a control, a parenthesis, a bracket, `*`, `\`, `|` or the like.
    var isAnyText: Bool {
        switch self {
        case 0x20...0x27, 0x2B...0x40, 0x41...0x5A, 0x61...0x7A, 0x80...: true
        default: false
        }
    }

    /// Punctuation that does not belong to a URL if it ends it.
    var isExtra: Bool { Self.extra.contains(self) }
    /// The same within `[label](url)`.
    var isLinkExtra: Bool { isExtra && !Self.balanced.contains(self) }
    /// Characters that separate the parts of a URL.
    var isSafe: Bool { Self.safe.contains(self) }

    /// What may stand in the path of a URL.
    var isURLBody: Bool { isAnyText || Self.urlMarks.contains(self) }

    private static let extra = Set(".,!%~*\"':;()=".utf16)
    private static let balanced = Set("()~".utf16)
    private static let safe = Set("$@&+_#?-".utf16)
    private static let urlMarks = Set("*[/]^_`{}~(".utf16)

    private var category: Unicode.GeneralCategory? {
        Unicode.Scalar(self)?.properties.generalCategory
    }

    /// A letter or a decimal digit of the basic multilingual plane.
    var isAlphanumeric: Bool {
        if self < 0x80 { return isASCIIAlphanumeric }
        switch category {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber:
            return true
        default: return false
        }
    }

    /// A character that a name of a user or a room may have.
    var isNamePart: Bool { isAlphanumeric || self == 0x2D || self == 0x5F || self == 0x2E }

    /// A character that a part of a mail address may begin with.
    var isAddressStart: Bool {
        if isAlphanumeric { return true }
        switch self {
        // Surrogates, arrows, symbols, dingbats, joiners and variation selectors count as emoji.
        case 0xD800...0xDFFF, 0x2190...0x21FF, 0x2600...0x27BF, 0x200D, 0x203C, 0x2049, 0x2122, 0x2139, 0xA9, 0xAE,
            0x231A, 0x231B, 0x2328, 0x23CF, 0x23E9...0x23F3, 0x23F8...0x23FA, 0x24C2, 0x25AA, 0x25AB, 0x25B6, 0x25C0,
            0x25FB...0x25FE, 0x2934, 0x2935, 0x2B05...0x2B07, 0x2B1B, 0x2B1C, 0x2B50, 0x2B55, 0x3030, 0x303D, 0x3297,
            0x3299, 0xFE00...0xFE0F:
            return true
        default: break
        }
        switch category {
        case .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return false
        }
    }

    /// Any other character of a part of a mail address.
    var isAddressMark: Bool { Self.addressMarks.contains(self) }
    private static let addressMarks = Set("!#$%&'*+/=?^_`{|}~-".utf16)

    /// A character that never belongs to a domain's name.
    var endsDomain: Bool { isLineEnd || isBlank || Self.domainEnds.contains(self) }
    private static let domainEnds = Set("\\/|><%`".utf16)
}

import Testing

@testable import Relay

@Suite struct BcryptHashTests {
    /// Vectors of Openwall's crypt_blowfish 1.3, wrapper.c, which libxcrypt uses too; those with `$2x$` are omitted.
    static let openwall: [(password: [UInt8], hash: String)] = [
        (Array("U*U".utf8), "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        (Array("U*U*".utf8), "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        (Array("U*U*U".utf8), "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
        ([], "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
        (
            Array(
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored"
                    .utf8),
            "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
        ),
        ([0xFF, 0xFF, 0xA3], "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
        ([0xFF, 0xFF, 0xA3], "$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
        ([0xFF, 0xFF, 0xA3], "$2a$05$/OK.fbVrR/bpIqNJ5ianF.nqd1wy.pTMdcvrRWxyiGL2eMz.2a85."),
        ([0xA3], "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
        ([0xA3], "$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
        (Array(repeating: 0xAA, count: 72), "$2a$05$/OK.fbVrR/bpIqNJ5ianF.swQOIzjOiJ9GHEPuhEkvqrUyvWhEMx6"),
    ]

    /// Made by `htpasswd -nbB` of apache2-utils 2.4 (Debian 12).
    static let htpasswd: [(password: [UInt8], hash: String)] = [
        (Array("correct horse:battery".utf8), "$2y$04$sJQmUvBZXwnZelRh/fSx8uAPJMAY3TGjfdnJSFp0SO4Ma8icGJKyC"),
        (Array("pässwörd".utf8), "$2y$05$iFA4ZnAwhyf0zXbaDHyMre4/6iMYwomkg0DPYoxRKq0CmBZdSHGte"),
        (
            Array(repeating: UInt8(ascii: "x"), count: 80),
            "$2y$05$Yl8u/0C.RJzwJCKcoBtI4e55VwVxRhcaVBSC6BeQ3.bkmN.JcLUaG"
        ),
    ]

    @Test(arguments: openwall + htpasswd)
    func passwordMatchesItsHash(password: [UInt8], hash: String) throws {
        #expect(try BcryptHash(hash).matches(password))
    }

    @Test(arguments: openwall + htpasswd)
    func otherPasswordsDoNotMatch(password: [UInt8], hash: String) throws {
        let hash = try BcryptHash(hash)
        #expect(try !hash.matches([UInt8(ascii: "!")] + password))
        if password.count < BcryptHash.passwordLimit {
            #expect(try !hash.matches(password + [UInt8(ascii: "!")]))
        }
        if let last = password.last, password.count <= BcryptHash.passwordLimit {
            #expect(try !hash.matches(password.dropLast() + [last ^ 1]))
        }
    }

    @Test func bytesAfterThe72ndAreIgnored() throws {
        let (password, text) = try #require(Self.htpasswd.last)
        let hash = try BcryptHash(text)
        #expect(try hash.matches(Array(password.prefix(72))))
        #expect(try !hash.matches(Array(password.prefix(71))))
        // libcrypt itself refuses more than 512.
        #expect(try hash.matches(password + Array(repeating: 0x79, count: 5000)))
    }

    @Test func unusedSaltBitsAreIgnored() throws {
        // The last digit of a salt holds two bits; `u` and `v` differ in the others.
        let digest = "5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
        let password = Self.openwall[4].password
        #expect(try BcryptHash("$2a$05$abcdefghijklmnopqrstuv" + digest).matches(password))
    }

    @Test(arguments: 4...14)
    func costsUpToTheLimitAreAccepted(cost: Int) throws {
        #expect(try BcryptHash(Self.text(cost: cost)).cost == cost)
    }

    @Test(arguments: 15...31)
    func higherCostsAreRefused(cost: Int) {
        #expect(throws: BcryptHash.FormatError.cost(cost)) { try BcryptHash(Self.text(cost: cost)) }
    }

    @Test(arguments: [
        "", "secret", "$2b$", text(cost: 3), text(cost: 0), text(cost: 32), text(cost: 99), text(form: "2x"),
        text(form: "2"), text(form: "2c"), text(form: "1"), String(text().dropLast()), text() + ".", text() + "\n",
        " " + text(), text().replacing(at: 4, with: "+"), text().replacing(at: 6, with: "."),
        text().replacing(at: 20, with: "$"), text().replacing(at: 59, with: "\0"), text().replacing(at: 30, with: "ä"),
        "$apr1$sJQmUvBZ$XwnZelRhfSx8uAPJMAY3T", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    ])
    func invalidHashesAreRefused(text: String) {
        #expect(throws: BcryptHash.FormatError.form) { try BcryptHash(text) }
    }

    private static func text(form: String = "2b", cost: Int = 10) -> String {
        "$\(form)$\(cost < 10 ? "0" : "")\(cost)$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    }
}

extension String {
    fileprivate func replacing(at offset: Int, with character: Character) -> String {
        var characters = Array(self)
        characters[offset] = character
        return String(characters)
    }
}
